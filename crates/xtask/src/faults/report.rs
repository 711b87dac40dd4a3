//! What the trials told: a line of JSON for each row and client.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

use serde_json::Value;

/// What came of a row with one client.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) cases: u64,
    /// Tests that stand elsewhere, of several cases each.
    pub(crate) tests: u64,
    pub(crate) violated: u64,
    pub(crate) violations: Vec<String>,
    pub(crate) measured: Vec<String>,
}

impl Tally {
    /// `2,001 cases`, `4 tests`, or both.
    pub(crate) fn count(&self) -> String {
        let counts = [(self.cases, "case"), (self.tests, "test")];
        let counts = counts.iter().filter(|(number, _)| *number > 0);
        let plural = |number| if number == 1 { "" } else { "s" };
        let counts = counts.map(|(number, what)| format!("{} {what}{}", grouped(*number), plural(*number)));
        counts.collect::<Vec<_>>().join(" and ")
    }
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[derive(Default)]
pub(crate) struct Report {
    /// By row, and then by client.
    tallies: BTreeMap<(String, String), Tally>,
    /// Rows of which something could not be tried, because a program is not installed.
    skipped: BTreeSet<String>,
}

impl Report {
    /// Reads the lines that trials have written.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text.map_err(|error| format!("{}: {error}", path.display()))?,
        };
        let mut report = Self::default();
        for line in text.lines() {
            let trial: Value = serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))?;
            report.add(&trial).ok_or_else(|| format!("no report of a trial: {line}"))?;
        }
        Ok(report)
    }

    fn add(&mut self, trial: &Value) -> Option<()> {
        if trial["skipped"].as_bool() == Some(true) {
            self.skipped.insert(trial["row"].as_str()?.to_owned());
            return Some(());
        }
        let tally = self.tally(trial["row"].as_str()?, trial["client"].as_str()?);
        tally.cases += trial["cases"].as_u64()?;
        let violations: Vec<_> = trial["violations"].as_array()?.iter().filter_map(Value::as_str).collect();
        tally.violated += trial["violated"].as_u64().unwrap_or(violations.len() as u64);
        tally.violations.extend(violations.into_iter().map(str::to_owned));
        tally.measured.extend(trial["measured"].as_str().map(str::to_owned));
        Some(())
    }

    pub(crate) fn tally(&mut self, row: &str, client: &str) -> &mut Tally {
        self.tallies.entry((row.to_owned(), client.to_owned())).or_default()
    }

    /// The clients that tried a row, and what came of it.
    pub(crate) fn of<'a>(&'a self, row: &'a str) -> impl Iterator<Item = (&'a str, &'a Tally)> {
        let clients = self.tallies.iter().filter(move |((of, _), _)| of == row);
        clients.map(|((_, client), tally)| (client.as_str(), tally))
    }

    /// Rows that were not tried as a whole.
    pub(crate) fn skipped(&self) -> &BTreeSet<String> {
        &self.skipped
    }

    pub(crate) fn violated(&self) -> u64 {
        self.tallies.values().map(|tally| tally.violated).sum()
    }
}
