//! The report of a job: a row for each item, as it is in the ledger.

use std::io::{self, Write};
use std::time::SystemTime;

use clap::Args;
use csv::Writer;
use serde::Serialize;
use things_core::FPort;
use things_store::{ItemState, JobId, Store, StoredItem};

use super::lines::Lines;
use super::send::name;
use crate::console::Console;
use crate::failure::Failure;
use crate::table::{Column, Table};

/// The form of a report.
#[derive(Args, Debug, Clone, Copy)]
#[group(multiple = false)]
pub(super) struct Format {
    /// Write a table (default)
    #[arg(long)]
    table: bool,
    /// Write one JSON object per line
    #[arg(long)]
    ndjson: bool,
    /// Write CSV
    #[arg(long)]
    csv: bool,
}

/// The items of a report: all of them, or those in some states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Selection {
    All,
    Of(&'static [ItemState]),
}

/// Items that are read at a time, so that a report of any size takes the same memory.
const BATCH: usize = 1_000;

impl Format {
    pub(super) const NDJSON: Self = Self { table: false, ndjson: true, csv: false };
    pub(super) const CSV: Self = Self { table: false, ndjson: false, csv: true };
    pub(super) const TABLE: Self = Self { table: true, ndjson: false, csv: false };
}

/// Writes the items of a job, and returns how many there are.
pub(super) fn write(
    store: &mut dyn Store,
    job: &JobId,
    lines: &Lines,
    selection: Selection,
    format: Format,
    console: &mut Console<'_>,
) -> Result<u64, Failure> {
    let columns = console.columns();
    let mut sheet = Sheet::new(format, columns, console.out())?;
    let mut count = 0;
    each(store, job, selection, |item| {
        count += 1;
        Ok(sheet.add(&Row::new(&item, lines))?)
    })?;
    sheet.end()?;
    Ok(count)
}

/// Calls this for each item.
pub(super) fn each(
    store: &mut dyn Store,
    job: &JobId,
    selection: Selection,
    mut take: impl FnMut(StoredItem) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let states = match selection {
        Selection::All => vec![None],
        Selection::Of(states) => states.iter().copied().map(Some).collect(),
    };
    for state in states {
        let mut first = 0;
        loop {
            let items = store.items(job, state, first, BATCH)?;
            let Some(last) = items.last() else { break };
            first = last.index + 1;
            let is_end = items.len() < BATCH;
            items.into_iter().try_for_each(&mut take)?;
            if is_end {
                break;
            }
        }
    }
    Ok(())
}

/// An item as it is written.
#[derive(Serialize)]
pub(super) struct Row {
    line: u64,
    /// The DevEUI, or the URN of a device that has none.
    device: Option<String>,
    customer: Option<String>,
    reference: Option<String>,
    port: Option<FPort>,
    outcome: &'static str,
    tries: u32,
    status: Option<u16>,
    /// The reason why it was not accepted, or the body of the response.
    detail: String,
    ended: Option<String>,
}

impl Row {
    pub(super) fn new(item: &StoredItem, lines: &Lines) -> Self {
        let downlink = &item.item.downlink;
        Self {
            line: lines.line(item.index),
            device: downlink.device().as_ref().map(name),
            customer: item.item.customer.as_ref().map(|customer| customer.as_str().to_owned()),
            reference: downlink.reference().map(|reference| reference.as_str().to_owned()),
            port: downlink.lora_port(),
            outcome: item.state.as_str(),
            tries: item.tries,
            status: item.status,
            detail: item.detail.clone(),
            ended: item.ended.map(time),
        }
    }

    const NAMES: [&'static str; 10] =
        ["line", "device", "customer", "reference", "port", "outcome", "tries", "status", "detail", "ended"];

    pub(super) fn cells(&self) -> [String; 10] {
        fn text<T: ToString>(value: Option<&T>) -> String {
            value.map(T::to_string).unwrap_or_default()
        }
        [
            self.line.to_string(),
            text(self.device.as_ref()),
            text(self.customer.as_ref()),
            text(self.reference.as_ref()),
            text(self.port.as_ref()),
            self.outcome.to_owned(),
            self.tries.to_string(),
            text(self.status.as_ref()),
            self.detail.clone(),
            text(self.ended.as_ref()),
        ]
    }
}

/// A time in UTC, to the second.
pub(super) fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

/// A report in progress.
enum Sheet<'a> {
    Table(Table, &'a mut dyn Write),
    Ndjson(&'a mut dyn Write),
    Csv(Box<Writer<&'a mut dyn Write>>),
}

impl<'a> Sheet<'a> {
    fn new(format: Format, columns: Option<usize>, out: &'a mut dyn Write) -> io::Result<Self> {
        if format.ndjson {
            return Ok(Self::Ndjson(out));
        }
        if format.csv {
            let mut writer = Writer::from_writer(out);
            writer.write_record(Row::NAMES)?;
            return Ok(Self::Csv(Box::new(writer)));
        }
        let headings = [
            Column::from("LINE"),
            Column::from("DEVICE"),
            Column::from("CUSTOMER").cut_to(8).if_any(),
            Column::from("REFERENCE").cut_to(12).if_any(),
            Column::from("PORT").if_any(),
            Column::from("OUTCOME"),
            Column::from("TRIES").if_it_fits(),
            Column::from("STATUS").if_any().if_it_fits(),
            Column::from("ENDED").if_any().if_it_fits(),
            Column::from("REASON").cut_to(20).if_any(),
        ];
        Ok(Self::Table(Table::new(headings, columns), out))
    }

    fn add(&mut self, row: &Row) -> io::Result<()> {
        match self {
            Self::Table(table, out) => {
                let [line, device, customer, reference, port, outcome, tries, status, detail, ended] =
                    row.cells();
                // The body of a receipt is no reason.
                let reason = if row.outcome == ItemState::Accepted.as_str() { String::new() } else { detail };
                let outcome = outcome.replace('_', " ");
                let cells = [line, device, customer, reference, port, outcome, tries, status, ended, reason];
                table.add([cells.iter()].into_iter(), *out)
            }
            Self::Ndjson(out) => {
                serde_json::to_writer(&mut **out, row)?;
                out.write_all(b"\n")
            }
            Self::Csv(writer) => Ok(writer.write_record(row.cells())?),
        }
    }

    fn end(self) -> io::Result<()> {
        match self {
            Self::Table(mut table, out) => table.end(out),
            Self::Ndjson(_) => Ok(()),
            Self::Csv(mut writer) => writer.flush(),
        }
    }
}
