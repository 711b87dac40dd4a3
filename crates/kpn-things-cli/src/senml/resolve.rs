//! `things senml resolve`: the measurements of a pack.

use std::io;

use clap::Args;
use csv::Writer;
use serde_json::value::RawValue;
use things_senml::{Measurement, Resolved, Value};

use super::source::Source;
use crate::console::Console;
use crate::failure::Failure;
use crate::table::{Column, Table};

/// Print the measurements of a SenML pack, each with its full name, unit and time
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things senml resolve message.json
  things senml resolve message.json --ndjson
  things senml resolve - --csv --now 2026-07-01T12:00:00Z < message.json",
    after_help = "\
Base values are added, and relative times become absolute ones (RFC 8428, section 4.6). Numbers keep their digits. --json, \
--ndjson and --csv sort the measurements by time; the table shows them in the order of the pack."
)]
pub(crate) struct Resolve {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    format: Format,
}

#[derive(Args)]
#[group(multiple = false)]
struct Format {
    /// One resolved SenML pack
    #[arg(long)]
    json: bool,
    /// One resolved SenML record per line
    #[arg(long)]
    ndjson: bool,
    /// CSV, with times in seconds since 1970
    #[arg(long)]
    csv: bool,
}

impl Resolve {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let resolved = self.source.resolve()?;
        for leniency in resolved.leniencies() {
            console.warn(leniency);
        }
        match self.format {
            Format { csv: true, .. } => write_csv(&resolved, console)?,
            Format { json: false, ndjson: false, .. } => write_table(&resolved, console)?,
            Format { ndjson, .. } => {
                let pack = resolved.to_pack().map_err(|error| Failure::Local(error.to_string()))?;
                if ndjson {
                    let records: Vec<&RawValue> =
                        serde_json::from_str(pack.as_json()).map_err(io::Error::from)?;
                    for record in records {
                        writeln!(console.out(), "{record}")?;
                    }
                } else {
                    writeln!(console.out(), "{}", pack.as_json())?;
                }
            }
        }
        Ok(())
    }
}

fn write_csv(resolved: &Resolved, console: &mut Console<'_>) -> io::Result<()> {
    let mut csv = Writer::from_writer(console.out());
    csv.write_record(["name", "time", "unit", "value", "sum", "update_time"])?;
    let mut in_order: Vec<_> = resolved.measurements().iter().collect();
    in_order.sort_by(|one, other| one.time().as_f64().total_cmp(&other.time().as_f64()));
    for one in in_order {
        let number =
            |number: Option<&things_senml::Number>| number.map(ToString::to_string).unwrap_or_default();
        csv.write_record([
            one.name(),
            one.time().as_str(),
            one.unit().unwrap_or_default(),
            &value(one),
            &number(one.sum()),
            &number(one.update_time()),
        ])?;
    }
    csv.flush()
}

fn write_table(resolved: &Resolved, console: &mut Console<'_>) -> io::Result<()> {
    let columns = [
        Column::from("NAME").cut_to(24),
        Column::from("TIME"),
        Column::from("VALUE").cut_to(12),
        Column::from("UNIT").if_any(),
        Column::from("SUM").if_any(),
    ];
    let rows = resolved.measurements().iter().map(|one| {
        let sum = one.sum().map(ToString::to_string).unwrap_or_default();
        let unit = one.unit().unwrap_or_default().to_owned();
        [one.name().to_owned(), time(one), value(one), unit, sum]
    });
    let rows: Vec<_> = rows.collect();
    Table::new(columns, console.columns()).write(&rows, console.out())
}

/// RFC 3339 where the time has one, or else the seconds.
fn time(measurement: &Measurement) -> String {
    let time = measurement.time();
    match time.to_system_time() {
        Some(system_time) if time.as_f64() >= 0.0 => {
            let text = humantime::format_rfc3339(system_time).to_string();
            match text.split_once('.') {
                Some(_) => format!("{}Z", text.trim_end_matches('Z').trim_end_matches('0')),
                None => text,
            }
        }
        _ => time.to_string(),
    }
}

fn value(measurement: &Measurement) -> String {
    match measurement.value() {
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Boolean(boolean)) => boolean.to_string(),
        Some(Value::Data(data)) => data.as_str().to_owned(),
        None => String::new(),
    }
}
