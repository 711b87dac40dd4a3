//! The formats in which received messages are written.

use std::io::{self, Write};

use clap::Args;
use csv::Writer;
use serde::Serialize;
use things_store::inbox::Message;
use things_uplink::Uplink;

use super::measurement_row::MeasurementRow;
use super::message_row::MessageRow;
use crate::table::{Column, Table};

/// The format of messages.
#[derive(Args, Debug, Clone, Copy)]
#[command(next_help_heading = "Format")]
pub(super) struct Output {
    /// One row per measurement instead of one per message
    #[arg(long)]
    measurements: bool,
    /// A table (default)
    #[arg(long, group = "format")]
    table: bool,
    /// One JSON object per line
    #[arg(long, group = "format")]
    ndjson: bool,
    /// CSV
    #[arg(long, group = "format")]
    csv: bool,
    /// The bodies as they came, each followed by a line end
    #[arg(long, group = "format", conflicts_with = "measurements")]
    raw: bool,
}

/// A row of a table or of CSV. NDJSON has the same fields.
pub(super) trait Row: Serialize {
    /// The names of the fields.
    const NAMES: &'static [&'static str];

    /// The fields in the order of their names.
    fn cells(&self) -> Vec<String>;

    /// The columns of the table.
    fn columns() -> Vec<Column>;

    /// The cells of the table.
    fn shown(&self) -> Vec<String>;
}

/// Messages written one after the other.
pub(super) struct Sheet<'a> {
    form: Form<'a>,
    by_measurement: bool,
}

enum Form<'a> {
    Table(Table, &'a mut dyn Write),
    Ndjson(&'a mut dyn Write),
    Csv(Box<Writer<&'a mut dyn Write>>),
    Raw(&'a mut dyn Write),
}

impl Output {
    /// Begins the output. A table is cut to the width of the terminal. `is_open`: rows follow when the first are written.
    pub(super) fn sheet<'a>(
        self,
        columns: Option<usize>,
        is_open: bool,
        out: &'a mut dyn Write,
    ) -> io::Result<Sheet<'a>> {
        let by_measurement = self.measurements;
        let form = if self.raw {
            Form::Raw(out)
        } else if self.ndjson {
            Form::Ndjson(out)
        } else if self.csv {
            let names = if by_measurement { MeasurementRow::NAMES } else { MessageRow::NAMES };
            let mut writer = Writer::from_writer(out);
            writer.write_record(names)?;
            Form::Csv(Box::new(writer))
        } else {
            let headings = if by_measurement { MeasurementRow::columns() } else { MessageRow::columns() };
            let shown = |column: Column| if is_open { column.for_later(columns.is_some()) } else { column };
            Form::Table(Table::new(headings.into_iter().map(shown), columns), out)
        };
        Ok(Sheet { form, by_measurement })
    }
}

impl Sheet<'_> {
    /// Writes a message, and why it cannot be read if it is not valid.
    pub(super) fn add(&mut self, message: &Message) -> io::Result<()> {
        let uplink = Uplink::parse(&message.body, message.received).map_err(|error| error.to_string());
        self.add_view(message, &uplink)
    }

    /// Writes that a message was refused. Nothing in it is shown, because nobody knows who sent it.
    pub(super) fn add_refused(&mut self, message: &Message, reason: &str) -> io::Result<()> {
        match self.form {
            Form::Raw(_) => Ok(()),
            _ => self.add_view(message, &Err(format!("refused: {reason}"))),
        }
    }

    fn add_view(&mut self, message: &Message, uplink: &Result<Uplink, String>) -> io::Result<()> {
        if let Form::Raw(out) = &mut self.form {
            out.write_all(&message.body)?;
            return out.write_all(b"\n");
        }
        if self.by_measurement {
            return MeasurementRow::of(message, uplink).iter().try_for_each(|row| self.form.add(row));
        }
        self.form.add(&MessageRow::of(message, uplink))
    }

    /// Writes out what is held, so that the reader has all messages so far.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match &mut self.form {
            Form::Table(table, out) => {
                table.end(*out)?;
                out.flush()
            }
            Form::Ndjson(out) | Form::Raw(out) => out.flush(),
            Form::Csv(writer) => writer.flush(),
        }
    }
}

impl Form<'_> {
    fn add<R: Row>(&mut self, row: &R) -> io::Result<()> {
        match self {
            Self::Table(table, out) => table.add([row.shown().iter()].into_iter(), *out),
            Self::Ndjson(out) => {
                serde_json::to_writer(&mut **out, row)?;
                out.write_all(b"\n")
            }
            Self::Csv(writer) => Ok(writer.write_record(row.cells())?),
            Self::Raw(_) => Ok(()),
        }
    }
}
