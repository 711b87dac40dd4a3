//! The formats in which devices are written, page by page.

use std::io::{self, Write};

use clap::Args;
use things_core::{Device, Json};

use crate::failure::Failure;
use crate::table::Table;

#[derive(Args)]
#[group(multiple = false)]
#[command(next_help_heading = "Format")]
pub(crate) struct Format {
    /// One JSON array
    #[arg(long)]
    json: bool,
    /// One JSON object a line
    #[arg(long)]
    ndjson: bool,
    /// CSV, with metadata as JSON
    #[arg(long)]
    csv: bool,
}

impl Format {
    /// Whether devices are written as a table.
    pub(crate) fn is_table(&self) -> bool {
        !(self.json || self.ndjson || self.csv)
    }
}

/// Devices written one after the other.
pub(crate) enum Sheet<'a> {
    Table(Table<5>, &'a mut dyn Write),
    /// Whether the array is open yet.
    Json(bool, &'a mut dyn Write),
    Ndjson(&'a mut dyn Write),
    /// Whether the header is written yet.
    Csv(bool, Box<csv::Writer<&'a mut dyn Write>>),
}

const CSV_HEADER: [&str; 6] =
    ["uuid", "name", "description", "deviceSpecificationUUID", "barcode", "metadata"];

impl Format {
    /// A sheet in this format; a table is cut to the columns of the terminal.
    pub(crate) fn sheet<'a>(&self, out: &'a mut dyn Write, columns: Option<usize>) -> Sheet<'a> {
        if self.json {
            Sheet::Json(false, out)
        } else if self.ndjson {
            Sheet::Ndjson(out)
        } else if self.csv {
            Sheet::Csv(false, Box::new(csv::Writer::from_writer(out)))
        } else {
            Sheet::Table(table(columns), out)
        }
    }
}

impl Sheet<'_> {
    pub(crate) fn add(&mut self, devices: &[Device]) -> Result<(), Failure> {
        match self {
            Self::Table(table, out) => table.write(&rows(devices), out)?,
            Self::Json(open, out) => {
                for device in devices {
                    out.write_all(if *open { b",\n" } else { b"[\n" })?;
                    *open = true;
                    serde_json::to_writer(&mut **out, device).map_err(io::Error::from)?;
                }
            }
            Self::Ndjson(out) => {
                for device in devices {
                    serde_json::to_writer(&mut **out, device).map_err(io::Error::from)?;
                    out.write_all(b"\n")?;
                }
            }
            Self::Csv(headed, writer) => {
                if !*headed {
                    writer.write_record(CSV_HEADER).map_err(output)?;
                    *headed = true;
                }
                for device in devices {
                    let metadata = Some(device.metadata()).filter(|json| !json.is_null());
                    let record = [
                        device.uuid(),
                        device.name(),
                        device.description().unwrap_or_default(),
                        device.device_specification_uuid().unwrap_or_default(),
                        device.barcode().unwrap_or_default(),
                        metadata.map_or("", Json::as_str),
                    ];
                    writer.write_record(record).map_err(output)?;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Table(_, out) | Self::Json(_, out) | Self::Ndjson(out) => out.flush(),
            Self::Csv(_, writer) => writer.flush(),
        }
    }

    pub(crate) fn end(&mut self) -> io::Result<()> {
        match self {
            Self::Json(true, out) => out.write_all(b"\n]\n")?,
            Self::Json(false, out) => out.write_all(b"[]\n")?,
            Self::Table(..) | Self::Ndjson(_) | Self::Csv(..) => {}
        }
        self.flush()
    }
}

fn output(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// A table of devices.
pub(crate) fn table(columns: Option<usize>) -> Table<5> {
    Table::new(["NAME", "UUID", "BARCODE", "DESCRIPTION", "SPECIFICATION"], columns)
}

/// The rows that devices make.
pub(crate) fn rows(devices: &[Device]) -> Vec<[String; 5]> {
    let row = |device: &Device| {
        let texts = [
            device.name(),
            device.uuid(),
            device.barcode().unwrap_or_default(),
            device.description().unwrap_or_default(),
            device.device_specification_uuid().unwrap_or_default(),
        ];
        texts.map(str::to_owned)
    };
    devices.iter().map(row).collect()
}
