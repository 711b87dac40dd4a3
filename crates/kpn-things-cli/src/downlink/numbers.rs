//! How far a run of downlinks is.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use things_core::{Outcome, Record};
use things_store::Counts;

use super::report::time as at;
use crate::count::{number, thousands};

/// The numbers of a job while it is run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Numbers {
    total: u64,
    accepted: u64,
    not_sent: u64,
    unknown: u64,
    /// How often an item was not sent and is tried again.
    retried: u64,
    /// How many items ended in this run.
    ended: u64,
    /// How many items wait for `--per-device`, and until when.
    waiting: Option<(u64, SystemTime)>,
}

/// The numbers as one line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    job: &'a str,
    total: u64,
    pending: u64,
    accepted: u64,
    not_sent: u64,
    unknown: u64,
    retried: u64,
    per_second: f64,
    seconds_left: Option<u64>,
    next_at: Option<String>,
}

impl Numbers {
    /// The numbers at the start of a run. `again`: those that were refused are sent again.
    pub(crate) fn new(counts: &Counts, again: bool) -> Self {
        let not_sent = if again { 0 } else { counts.not_sent.saturating_sub(counts.resumable) };
        Self {
            total: counts.total(),
            accepted: counts.accepted,
            not_sent,
            unknown: counts.unknown,
            ..Self::default()
        }
    }

    /// Counts what a transaction has recorded.
    pub(crate) fn add(&mut self, records: &[Record], expired: usize) {
        for record in records {
            if record.again.is_some() {
                // One that was only claimed is no retry.
                self.retried += u64::from(record.attempts > 0);
                continue;
            }
            self.ended += 1;
            match record.outcome {
                Outcome::Accepted => self.accepted += 1,
                Outcome::NotSent => self.not_sent += 1,
                Outcome::Unknown => self.unknown += 1,
            }
        }
        self.ended += expired as u64;
        self.not_sent += expired as u64;
    }

    /// Takes over until when all that is left waits for `--per-device`, except the items in flight.
    pub(crate) fn wait(&mut self, until: Option<SystemTime>, in_flight: u64) {
        let waiting = self.total.saturating_sub(self.done() + in_flight);
        self.waiting = until.filter(|_| waiting > 0).map(|until| (waiting, until));
    }

    /// Describes what waits for `--per-device`, which is so many per day. `None` if nothing does.
    pub(crate) fn waits(&self, per_device: &str) -> Option<String> {
        let (count, until) = self.waiting?;
        let wait = if count == 1 { "waits" } else { "wait" };
        let count = number(count, "downlink");
        Some(format!("{count} {wait} for --per-device {per_device}; the next may be sent at {}", at(until)))
    }

    fn done(&self) -> u64 {
        self.accepted + self.not_sent + self.unknown
    }

    fn per_second(&self, time: Duration) -> f64 {
        // A number of items fits.
        #[allow(clippy::cast_precision_loss)]
        let ended = self.ended as f64;
        ended / time.as_secs_f64().max(0.001)
    }

    fn left(&self, time: Duration) -> Option<Duration> {
        if self.ended == 0 || self.waiting.is_some() {
            return None;
        }
        #[allow(clippy::cast_precision_loss)]
        let pending = self.total.saturating_sub(self.done()) as f64;
        Duration::try_from_secs_f64(pending / self.per_second(time)).ok()
    }

    /// The numbers for a person, after this time.
    pub(crate) fn shown(&self, time: Duration) -> Vec<String> {
        let Self { total, accepted, not_sent, unknown, .. } = *self;
        let mut parts = vec![
            format!("{} of {}: {} accepted", thousands(self.done()), thousands(total), thousands(accepted)),
            format!("{} not sent", thousands(not_sent)),
            format!("{} unknown", thousands(unknown)),
            format!("{}/s", rounded(self.per_second(time))),
        ];
        parts.extend(self.left(time).map(|left| format!("{} left", lasts(left))));
        parts.extend(self.waiting.map(|(_, until)| format!("next at {}", at(until))));
        parts
    }

    /// The numbers for a program, after this time.
    pub(crate) fn json(&self, job: &str, time: Duration) -> String {
        let line = Line {
            job,
            total: self.total,
            pending: self.total.saturating_sub(self.done()),
            accepted: self.accepted,
            not_sent: self.not_sent,
            unknown: self.unknown,
            retried: self.retried,
            per_second: (self.per_second(time) * 10.0).round() / 10.0,
            seconds_left: self.left(time).map(|left| left.as_secs()),
            next_at: self.waiting.map(|(_, until)| at(until)),
        };
        // Numbers and the text of an id can always be written.
        serde_json::to_string(&line).unwrap_or_default()
    }
}

/// A rate: with a digit after the point if it is small.
fn rounded(rate: f64) -> String {
    if rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}

/// A duration in its two largest units, or in hours.
fn lasts(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..60 => format!("{seconds} s"),
        seconds @ ..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds @ ..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        seconds => format!("{} h", thousands(seconds / 3600)),
    }
}

#[cfg(test)]
mod tests {
    use things_core::ClaimToken;

    use super::*;

    fn record(outcome: Outcome, again: Option<Duration>, attempts: u32) -> Record {
        Record {
            id: 1,
            token: ClaimToken(1),
            outcome,
            again,
            resumable: false,
            status: None,
            attempts,
            detail: String::new(),
        }
    }

    #[test]
    fn the_numbers_are_those_of_the_job_and_the_rate_is_that_of_the_run() {
        let counts =
            Counts { pending: 1_500, accepted: 400, not_sent: 100, resumable: 60, unknown: 0, sending: 0 };
        let mut numbers = Numbers::new(&counts, false);
        assert_eq!(numbers.shown(Duration::ZERO)[0], "440 of 2,000: 400 accepted");
        let ended = vec![record(Outcome::Accepted, None, 1); 800];
        numbers.add(&ended, 0);
        numbers.add(&[record(Outcome::Unknown, None, 1), record(Outcome::NotSent, None, 1)], 0);
        numbers.add(&[record(Outcome::NotSent, Some(Duration::ZERO), 1)], 0);
        assert_eq!(
            numbers.shown(Duration::from_secs(10)).join(", "),
            "1,242 of 2,000: 1,200 accepted, 41 not sent, 1 unknown, 80/s, 9 s left"
        );
        assert_eq!(
            numbers.json("j", Duration::from_secs(10)),
            r#"{"job":"j","total":2000,"pending":758,"accepted":1200,"not_sent":41,"unknown":1,"retried":1,"per_second":80.2,"seconds_left":9,"next_at":null}"#
        );
        assert_eq!(Numbers::new(&counts, true).shown(Duration::ZERO)[1], "0 not sent");
    }

    #[test]
    fn what_waits_for_its_device_is_counted_without_what_is_in_flight() {
        let counts = Counts { pending: 5, accepted: 5, ..Counts::default() };
        let mut numbers = Numbers::new(&counts, false);
        assert_eq!(numbers.waits("1/day"), None);
        let until = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400);
        numbers.wait(Some(until), 3);
        assert_eq!(
            numbers.waits("1/day").unwrap(),
            "2 downlinks wait for --per-device 1/day; the next may be sent at 1970-01-02T00:00:00Z"
        );
        let json = numbers.json("j", Duration::ZERO);
        assert!(json.ends_with(r#""seconds_left":null,"next_at":"1970-01-02T00:00:00Z"}"#), "{json}");
        assert_eq!(numbers.shown(Duration::ZERO).pop().unwrap(), "next at 1970-01-02T00:00:00Z");
        numbers.wait(Some(until), 5);
        assert_eq!(numbers.waits("1/day"), None, "all are in flight");
    }

    #[test]
    fn a_duration_has_two_units() {
        for (seconds, text) in [(59, "59 s"), (60, "1 min 0 s"), (3_725, "1 h 2 min"), (90_000, "25 h")] {
            assert_eq!(lasts(Duration::from_secs(seconds)), text);
        }
    }
}
