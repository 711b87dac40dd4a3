//! Replays recorded schedules: the same requests, the same devices, the same outcome.
//!
//! `tests/listings/README.md` describes the records and how they were made. `THINGS_LISTINGS` names another file of the
//! same form, to replay more of them.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::chain::Chain;
use super::outcome::{Outcome, Why};
use super::response::Ask;
use crate::devices::{Device, Page};

#[derive(Deserialize)]
struct Record {
    name: String,
    size: u64,
    window: usize,
    least_cap: u64,
    #[serde(default)]
    order_shown: bool,
    rounds: Vec<(Vec<Request>, Option<Arrival>)>,
    devices: Vec<Run>,
    /// The devices that existed from the beginning to the end.
    stayed: Vec<Run>,
    outcome: Expected,
}

/// The number and size of a page in ascending order, or in descending order.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Request {
    Ascending(u64, u64),
    Descending(u64, u64, String),
}

/// The next event: a response, or the loss of one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Arrival {
    /// Ticket, devices, `size`, `totalElements`, `first`, `last`, and the property of `sort`.
    Page(u64, Vec<Run>, Option<u64>, Option<u64>, Option<bool>, Option<bool>, Option<String>),
    Lost((u64,)),
}

/// A device, or devices with consecutive numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Run {
    One(u64),
    Many(u64, u64),
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Expected {
    /// Requests and repairs.
    Proven(u64, u64),
    /// The reason, and the gaps.
    Incomplete(String, Vec<(Option<u64>, Option<u64>)>),
}

fn numbers(runs: &[Run]) -> impl Iterator<Item = u64> + '_ {
    runs.iter().flat_map(|run| match *run {
        Run::One(number) => number..=number,
        Run::Many(first, last) => first..=last,
    })
}

fn uuid(number: u64) -> String {
    format!("{number:06}")
}

fn number(uuid: &str) -> u64 {
    uuid.parse().unwrap()
}

fn page(arrival: &Arrival) -> Option<(u64, Page)> {
    let Arrival::Page(ticket, devices, size, total, first, last, property) = arrival else { return None };
    // Runs of a page in descending order are single devices.
    let devices: Vec<Value> = numbers(devices).map(|number| json!({"uuid": uuid(number)})).collect();
    let sort = property.as_ref().map(|property| json!([{"property": property}]));
    let body = json!({"content": devices, "size": size, "totalElements": total, "first": first, "last": last, "sort": sort});
    Some((*ticket, Page::from_json(body.to_string().as_bytes()).unwrap()))
}

/// Returns the name in the records of the reason why a listing is incomplete.
fn word(why: &Why) -> &'static str {
    match why {
        Why::Tries { .. } | Why::Limit { .. } => "tries",
        Why::Twice { .. } => "twice in one page",
        Why::Size { .. } => "page size not honoured",
        Why::Number { .. } => "another page than requested",
        Why::OtherOrder { .. } => "another order than asked for",
        Why::TwoOrders => "two orders",
        Why::OrderNotShown | Why::OrderNotKept => "order not shown",
        Why::Refused { .. } => "refused",
    }
}

fn wants(chain: &mut Chain) -> Vec<Request> {
    let asks = std::iter::from_fn(|| chain.want().map(|(_, ask)| ask));
    let request = |ask: Ask| match (ask.window.number, ask.window.size) {
        (number, size) if ask.is_descending() => Request::Descending(number, size, "DESC".into()),
        (number, size) => Request::Ascending(number, size),
    };
    asks.map(request).collect()
}

fn outcome(chain: &Chain) -> Option<Expected> {
    let place = |uuid: &Option<String>| uuid.as_deref().map(number);
    chain.outcome.as_ref().map(|outcome| match outcome {
        Outcome::Proven(proof) => Expected::Proven(proof.requests, proof.repairs),
        Outcome::Incomplete { gaps, why } => Expected::Incomplete(
            word(why).to_owned(),
            gaps.iter().map(|gap| (place(&gap.after), place(&gap.before))).collect(),
        ),
    })
}

/// Returns the place where the chain differs from the record.
fn replay(record: &Record) -> Result<(), String> {
    let mut chain = Chain::new(record.size, record.window, u64::MAX).least_cap(record.least_cap);
    chain.order.vouched = record.order_shown;
    let mut devices: Vec<Device> = Vec::new();
    for (round, (requests, arrival)) in record.rounds.iter().enumerate() {
        let wanted = wants(&mut chain);
        if wanted != *requests {
            return Err(format!("round {round}: requested {wanted:?}, the record has {requests:?}"));
        }
        match arrival {
            Some(Arrival::Lost((ticket,))) => chain.lost(*ticket),
            Some(arrival) => {
                let (ticket, page) = page(arrival).unwrap();
                chain.accept(ticket, page);
            }
            None => {}
        }
        devices.extend(chain.take());
    }
    let more = wants(&mut chain);
    if !more.is_empty() {
        return Err(format!("requested {more:?} at the end"));
    }
    if outcome(&chain).as_ref() != Some(&record.outcome) {
        return Err(format!("{:?}, the record has {:?}", outcome(&chain), record.outcome));
    }
    if !devices.iter().map(|device| number(device.uuid())).eq(numbers(&record.devices)) {
        return Err("other devices, or in another order".into());
    }
    let listed: HashSet<u64> = numbers(&record.devices).collect();
    if matches!(record.outcome, Expected::Proven(..))
        && !numbers(&record.stayed).all(|one| listed.contains(&one))
    {
        return Err("proven, and a device is missing".into());
    }
    Ok(())
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test may read what it replays")]
fn recorded_schedules_come_out_the_same() {
    let committed = include_str!("../../../../../tests/listings/schedules.jsonl");
    let other = std::env::var_os("THINGS_LISTINGS").map(|file| std::fs::read_to_string(file).unwrap());
    let text = other.as_deref().unwrap_or(committed);
    let mut count = 0;
    let mut failures = Vec::new();
    for line in text.lines() {
        let record: Record = serde_json::from_str(line).unwrap();
        count += 1;
        if let Err(why) = replay(&record) {
            failures.push(format!("{}: {why}", record.name));
        }
    }
    println!("{count} schedules");
    assert!(count >= 200, "{count} schedules");
    assert!(failures.is_empty(), "{} of {count} differ:\n{}", failures.len(), failures.join("\n"));
}
