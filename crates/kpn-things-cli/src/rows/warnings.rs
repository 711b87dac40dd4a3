//! What is right in a file, and may not be meant.

use std::collections::BTreeMap;
use std::time::SystemTime;

use things_core::senml::Value;
use things_core::{BulkItem, Payload, RowColumn};

use super::InputFormat;
use super::findings::listed;
use super::line::Line;
use crate::count::thousands;

/// The rows that a user may want to look at: how many, and the first one.
pub(super) struct Warnings {
    now: SystemTime,
    large: Few,
    late: Few,
    hex: Few,
    /// DevEUIs of a CSV file that a spreadsheet may keep as numbers, and those of them that end in 0.
    decimal: Few,
    rounded: Few,
    is_csv: bool,
    same: Same,
}

/// The rows with equal downlinks: by their first line, the first few lines and the number of all of them.
#[derive(Default)]
struct Same {
    groups: BTreeMap<u64, (Vec<u64>, u64)>,
    rows: u64,
}

#[derive(Default)]
struct Few {
    count: u64,
    first: u64,
}

impl Warnings {
    pub(super) fn new(now: SystemTime, format: InputFormat) -> Self {
        let [large, late, hex, decimal, rounded] = Default::default();
        let is_csv = format == InputFormat::Csv;
        Self { now, large, late, hex, decimal, rounded, is_csv, same: Same::default() }
    }

    /// Looks at a row that is right.
    pub(super) fn look(&mut self, line: &Line<'_>, item: &BulkItem) {
        let is_large = item.downlink.pack().records().any(|record| match record.value() {
            Some(Value::String(hex)) if record.name() == "payloadHex" => hex.len() > 2 * Payload::ALWAYS_FITS,
            _ => false,
        });
        // A DevEUI with a leading zero would have lost it.
        let dev_eui = line.row.as_ref().and_then(|row| row.get(RowColumn::DevEui)).map_or("", str::trim);
        let is_decimal = self.is_csv
            && dev_eui.len() == 16
            && !dev_eui.starts_with('0')
            && dev_eui.bytes().all(|byte| byte.is_ascii_digit());
        self.decimal.note(is_decimal, line.number);
        self.rounded.note(is_decimal && dev_eui.ends_with('0'), line.number);
        let base64 = line.row.as_ref().and_then(|row| row.get(RowColumn::Base64));
        self.large.note(is_large, line.number);
        self.late.note(item.not_after.is_some_and(|time| time <= self.now), line.number);
        self.hex.note(base64.is_some_and(|text| text.parse::<Payload>().is_ok()), line.number);
    }

    /// Takes over that a later line has the downlink of this first line.
    pub(super) fn same(&mut self, first: u64, later: u64) {
        self.same.add(first, later);
    }

    /// Whether a spreadsheet has probably rounded DevEUIs: it keeps 15 digits, so each one ends in 0. Of DevEUIs that are
    /// right, some end in another digit, unless there are very few.
    fn are_rounded(&self) -> bool {
        self.rounded.count >= 2 && self.rounded.count == self.decimal.count
    }

    /// Returns one sentence per warning.
    pub(super) fn sentences(&self) -> Vec<String> {
        let rounded = if self.are_rounded() { &self.rounded } else { &Few::default() };
        let most = Payload::ALWAYS_FITS;
        let large = format!("more than {most} bytes, which reach a device only at a good data rate");
        [
            (&self.large, large.as_str()),
            (&self.late, "a not_after that has passed, and will not be sent"),
            (
                rounded,
                "a dev_eui of 16 decimal digits, which ends in 0: a spreadsheet keeps 15 digits of a number, \
                 so compare them with the original values",
            ),
            (&self.hex, "base64 that looks like hex, and is sent as base64: put hex into the column hex"),
        ]
        .into_iter()
        .filter(|(few, _)| few.count > 0)
        .map(|(few, what)| match few.count {
            1 => format!("line {} has {what}", few.first),
            count => format!("{} rows, the first on line {}, have {what}", thousands(count), few.first),
        })
        .chain(self.same.sentences())
        .collect()
    }
}

impl Same {
    /// The most groups that are shown.
    const MOST: usize = 3;

    fn add(&mut self, first: u64, later: u64) {
        self.rows += 1;
        let (lines, count) = self.groups.entry(first).or_insert_with(|| (vec![first], 1));
        *count += 1;
        if lines.len() < 5 {
            lines.push(later);
        }
        // A group that was removed and has another line is the last one again.
        if self.groups.len() > Self::MOST + 1 {
            self.groups.pop_last();
        }
    }

    fn sentences(&self) -> Vec<String> {
        if self.groups.len() > Self::MOST {
            let first = self.groups.first_key_value().map(|(_, (lines, _))| lines.as_slice());
            let first =
                first.and_then(|lines| lines.get(..2)).map(|lines| listed(lines, 2)).unwrap_or_default();
            let rows = thousands(self.rows);
            return vec![format!("{rows} rows are the same downlink as an earlier row, such as {first}")];
        }
        let one =
            |(lines, count): &(Vec<u64>, u64)| format!("{} are the same downlink", listed(lines, *count));
        self.groups.values().map(one).collect()
    }
}

impl Few {
    fn note(&mut self, is_one: bool, line: u64) {
        if is_one {
            self.count += 1;
            if self.first == 0 {
                self.first = line;
            }
        }
    }
}
