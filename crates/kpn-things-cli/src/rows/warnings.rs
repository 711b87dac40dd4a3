//! What is right in a file, and may not be meant.

use std::time::SystemTime;

use things_core::senml::Value;
use things_core::{BulkItem, Payload, RowColumn};

use super::line::Line;
use crate::count::thousands;

/// The rows that a user may want to look at: how many, and the first one.
pub(super) struct Warnings {
    now: SystemTime,
    large: Few,
    late: Few,
    hex: Few,
}

#[derive(Default)]
struct Few {
    count: u64,
    first: u64,
}

impl Warnings {
    pub(super) fn new(now: SystemTime) -> Self {
        Self { now, large: Few::default(), late: Few::default(), hex: Few::default() }
    }

    /// Looks at a row that is right.
    pub(super) fn look(&mut self, line: &Line<'_>, item: &BulkItem) {
        let is_large = item.downlink.pack().records().any(|record| match record.value() {
            Some(Value::String(hex)) if record.name() == "payloadHex" => hex.len() > 2 * Payload::ALWAYS_FITS,
            _ => false,
        });
        let base64 = line.row.as_ref().and_then(|row| row.get(RowColumn::Base64));
        self.large.note(is_large, line.number);
        self.late.note(item.not_after.is_some_and(|time| time <= self.now), line.number);
        self.hex.note(base64.is_some_and(|text| text.parse::<Payload>().is_ok()), line.number);
    }

    /// Returns one sentence per warning.
    pub(super) fn sentences(&self) -> Vec<String> {
        let most = Payload::ALWAYS_FITS;
        let large = format!("more than {most} bytes, which reach a device only at a good data rate");
        [
            (&self.large, large.as_str()),
            (&self.late, "a not_after that has passed, and will not be sent"),
            (&self.hex, "base64 that looks like hex, and is sent as base64: put hex into the column hex"),
        ]
        .into_iter()
        .filter(|(few, _)| few.count > 0)
        .map(|(few, what)| match few.count {
            1 => format!("line {} has {what}", few.first),
            count => format!("{} rows, the first on line {}, have {what}", thousands(count), few.first),
        })
        .collect()
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
