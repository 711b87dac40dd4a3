//! The formats in which devices are written, page by page.

use std::io::{self, Write};

use clap::Args;
use things_core::Device;

use super::csv_file::{CsvFile, Dialect};
use super::device_table::DeviceTable;
use super::fields::{Fields, Lookout};
use crate::current::ItemSheet;
use crate::failure::Failure;

#[derive(Args)]
#[command(next_help_heading = "Format")]
pub(crate) struct Format {
    /// One JSON array
    #[arg(long, group = "format")]
    json: bool,
    /// One JSON object per line
    #[arg(long, group = "format")]
    ndjson: bool,
    /// CSV with every field
    ///
    /// Unknown fields are in the column extra, as JSON.
    #[arg(long, group = "format")]
    csv: bool,
    /// Dialect of CSV
    ///
    /// excel opens in Dutch Excel: byte order mark, semicolons, ids as text, no formulas.
    #[arg(long, value_name = "DIALECT", conflicts_with_all = ["json", "ndjson"])]
    csv_dialect: Option<Dialect>,
    /// Fields to show, such as name,eui,metadata.floor
    #[arg(long, value_name = "NAMES", value_parser = Fields::parse)]
    fields: Option<Fields>,
}

impl Format {
    /// Whether devices are written as a table.
    pub(crate) fn is_table(&self) -> bool {
        !(self.json || self.ndjson || self.csv || self.csv_dialect.is_some())
    }

    /// A sheet in this format. A table is cut to the width of the terminal. `by_customer`: each device has a field with its
    /// customer, which every row shows.
    pub(crate) fn sheet<'a>(
        self,
        out: &'a mut dyn Write,
        columns: Option<usize>,
        by_customer: bool,
    ) -> Sheet<'a> {
        let (is_table, lookout) = (self.is_table(), self.fields.as_ref().map(Lookout::new));
        let Self { json, ndjson, csv_dialect, fields, .. } = self;
        let chosen = |fields: Option<Fields>| match by_customer {
            true => fields.map(Fields::with_customer),
            false => fields,
        };
        let form = if json {
            Form::Json { is_open: false, fields: chosen(fields), out }
        } else if ndjson {
            Form::Ndjson { fields: chosen(fields), out }
        } else if is_table {
            Form::Table(DeviceTable::new(fields, by_customer, columns), out)
        } else {
            Form::Csv(CsvFile::new(csv_dialect.unwrap_or(Dialect::Plain), fields, by_customer, out))
        };
        Sheet { form, lookout }
    }
}

impl Format {
    /// A sheet of items of the current API in this format.
    pub(crate) fn item_sheet<'a>(self, out: &'a mut dyn Write, columns: Option<usize>) -> ItemSheet<'a> {
        let is_table = self.is_table();
        match (self.json, self.ndjson) {
            (true, _) => ItemSheet::json(self.fields, out),
            (_, true) => ItemSheet::ndjson(self.fields, out),
            _ if is_table => ItemSheet::table(self.fields, columns, out),
            _ => ItemSheet::csv(self.csv_dialect.unwrap_or(Dialect::Plain), self.fields, out),
        }
    }
}

/// Devices written one after the other.
pub(crate) struct Sheet<'a> {
    form: Form<'a>,
    lookout: Option<Lookout>,
}

enum Form<'a> {
    Table(DeviceTable, &'a mut dyn Write),
    Json { is_open: bool, fields: Option<Fields>, out: &'a mut dyn Write },
    Ndjson { fields: Option<Fields>, out: &'a mut dyn Write },
    Csv(CsvFile<'a>),
}

impl Sheet<'_> {
    pub(crate) fn add(&mut self, devices: &[Device]) -> Result<(), Failure> {
        if let Some(lookout) = &mut self.lookout {
            devices.iter().for_each(|device| lookout.see(device));
        }
        match &mut self.form {
            Form::Table(table, out) => table.add(devices, *out)?,
            Form::Json { is_open, fields, out } => {
                for device in devices {
                    out.write_all(if *is_open { b",\n" } else { b"[\n" })?;
                    *is_open = true;
                    write_json(fields.as_ref(), device, *out)?;
                }
            }
            Form::Ndjson { fields, out } => {
                for device in devices {
                    write_json(fields.as_ref(), device, *out)?;
                    out.write_all(b"\n")?;
                }
            }
            Form::Csv(csv) => devices.iter().try_for_each(|device| csv.add(device))?,
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match &mut self.form {
            Form::Table(_, out) | Form::Json { out, .. } | Form::Ndjson { out, .. } => out.flush(),
            Form::Csv(csv) => csv.flush(),
        }
    }

    /// Writes what is held, of a listing that goes no further. An array stays open, because it is incomplete.
    pub(crate) fn leave(&mut self) -> io::Result<()> {
        if let Form::Table(table, out) = &mut self.form {
            table.end(*out)?;
        }
        self.flush()
    }

    /// Writes the end of a complete listing.
    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        match &mut self.form {
            Form::Json { is_open: true, out, .. } => out.write_all(b"\n]\n")?,
            Form::Json { out, .. } => out.write_all(b"[]\n")?,
            Form::Csv(csv) => csv.head()?,
            Form::Table(..) | Form::Ndjson { .. } => {}
        }
        Ok(self.leave()?)
    }

    /// What to warn of at the end: chosen fields that no device has.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.lookout.as_ref().map(Lookout::warnings).unwrap_or_default()
    }
}

/// Writes a device, or its chosen fields, as a JSON object.
pub(crate) fn write_json(fields: Option<&Fields>, device: &Device, out: &mut dyn Write) -> io::Result<()> {
    let written = match fields {
        Some(fields) => serde_json::to_writer(out, &fields.of(device)),
        None => serde_json::to_writer(out, device),
    };
    written.map_err(io::Error::from)
}
