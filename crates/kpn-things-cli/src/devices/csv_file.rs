//! CSV, row by row.

use std::borrow::Cow;
use std::io::{self, Write};
use std::mem;

use clap::ValueEnum;
use csv::{Terminator, Writer, WriterBuilder};
use things_core::{Device, Extra};

use super::excel;
use super::fields::{EUI, Fields};

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq)]
pub(crate) enum Dialect {
    /// Commas, and quotes where they are needed, as in RFC 4180
    Plain,
    /// For Microsoft Excel in a country that writes decimals with a comma
    Excel,
}

/// A CSV file in progress.
pub(crate) struct CsvFile<'a> {
    dialect: Dialect,
    fields: Fields,
    /// Whether the last column holds all fields that have none of their own.
    has_extra: bool,
    has_head: bool,
    writer: Box<Writer<&'a mut dyn Write>>,
}

/// The columns where the user chose none: the documented fields and the DevEUI.
const FIELDS: [&str; 7] =
    ["uuid", "name", "description", "deviceSpecificationUUID", "barcode", "metadata", EUI];

const EXTRA: &str = "extra";

impl<'a> CsvFile<'a> {
    pub(crate) fn new(
        dialect: Dialect,
        fields: Option<Fields>,
        by_customer: bool,
        out: &'a mut dyn Write,
    ) -> Self {
        let mut builder = WriterBuilder::new();
        if dialect == Dialect::Excel {
            builder.delimiter(b';').terminator(Terminator::CRLF);
        }
        let has_extra = fields.is_none();
        let fields = fields.unwrap_or_else(|| FIELDS.into());
        let fields = if by_customer { fields.with_customer() } else { fields };
        Self { dialect, fields, has_extra, has_head: false, writer: Box::new(builder.from_writer(out)) }
    }

    /// Writes the names of the columns, once.
    pub(crate) fn head(&mut self) -> io::Result<()> {
        if mem::replace(&mut self.has_head, true) {
            return Ok(());
        }
        let names = self.fields.iter().map(|field| field.name());
        write_head(&mut self.writer, self.dialect, names.chain(self.has_extra.then_some(EXTRA)))
    }

    pub(crate) fn add(&mut self, device: &Device) -> io::Result<()> {
        self.head()?;
        for field in self.fields.iter() {
            cell(&mut self.writer, self.dialect, &field.text(device), field.is_id())?;
        }
        if self.has_extra {
            let unknown = self.unknown(device.extra())?;
            cell(&mut self.writer, self.dialect, &unknown, false)?;
        }
        end_row(&mut self.writer)
    }

    fn has_column(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name() == name)
    }

    /// The fields that have no column of their own, as a JSON object. Empty if there are none.
    fn unknown(&self, extra: &Extra) -> io::Result<String> {
        let mut text = String::new();
        for (name, value) in extra.iter().filter(|(name, _)| !self.has_column(name)) {
            text.push(if text.is_empty() { '{' } else { ',' });
            text.push_str(&serde_json::to_string(&name)?);
            text.push(':');
            text.push_str(value.as_str());
        }
        if !text.is_empty() {
            text.push('}');
        }
        Ok(text)
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Writes the names of the columns.
pub(crate) fn write_head<'a>(
    writer: &mut Writer<&mut dyn Write>,
    dialect: Dialect,
    names: impl Iterator<Item = &'a str>,
) -> io::Result<()> {
    let mut names: Vec<_> = names.map(str::to_owned).collect();
    // Excel reads a file as UTF-8 only if it begins with a byte order mark.
    if let (Dialect::Excel, Some(first)) = (dialect, names.first_mut()) {
        first.insert(0, '\u{FEFF}');
    }
    writer.write_record(names).map_err(output)
}

/// Ends a row of cells.
pub(crate) fn end_row(writer: &mut Writer<&mut dyn Write>) -> io::Result<()> {
    writer.write_record(None::<&[u8]>).map_err(output)
}

/// Writes one cell of a row.
pub(crate) fn cell(
    writer: &mut Writer<&mut dyn Write>,
    dialect: Dialect,
    text: &str,
    is_id: bool,
) -> io::Result<()> {
    let cell = match dialect {
        Dialect::Plain => Cow::Borrowed(text),
        Dialect::Excel => excel::cell(text, is_id),
    };
    writer.write_field(cell.as_bytes()).map_err(output)
}

fn output(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
