//! `things downlink jobs show --reconcile`: what the service has for each unknown downlink.

use std::io;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use things_core::{ErrorKind, ListResource, ListedDownlink};
use things_store::{ItemState, Job, Store, StoredItem};
use things_ureq::Client;

use super::super::job_options::JobOptions;
use super::super::ledger::Ledger;
use super::super::report::{self, Row, Selection, time};
use crate::console::Console;
use crate::count::number;
use crate::failure::Failure;
use crate::table::{Column, Table};

/// How much earlier than its claim a downlink may have been created, by the clock of the service.
const CLOCKS_DIFFER: Duration = Duration::from_secs(300);

/// The downlinks of the service to one device.
struct Found {
    downlinks: Vec<ListedDownlink>,
    /// The reference to look for in them.
    reference: Option<String>,
    /// Why they are not known. Then the service may have some.
    error: Option<String>,
}

impl Found {
    /// Requests the downlinks to the device of an item since it was sent. If only those of its customer or of its device
    /// are refused, the others are still worth a request.
    fn request(client: &Client, job: &Job, item: &StoredItem) -> Result<Self, Failure> {
        let reference = item.item.downlink.reference().map(|reference| reference.as_str().to_owned());
        let unknown =
            |reference, why: String| Ok(Self { downlinks: Vec::new(), reference, error: Some(why) });
        let Some(device) = item.item.device() else {
            return unknown(reference, "the first record of its pack names no device".to_owned());
        };
        let since = item.claimed.unwrap_or(job.created);
        let query =
            ListResource::downlinks_of(&device, time(since.checked_sub(CLOCKS_DIFFER).unwrap_or(since)));
        let client = match &item.item.customer {
            Some(customer) => &client.for_customer(customer.clone())?,
            None => client,
        };
        match client.current().list(query).into_iter().collect::<Result<_, _>>() {
            Ok(downlinks) => Ok(Self { downlinks, reference, error: None }),
            Err(error)
                if [ErrorKind::BadRequest, ErrorKind::Forbidden, ErrorKind::NotFound]
                    .contains(&error.kind()) =>
            {
                unknown(reference, error.to_string())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a downlink has the reference as the text of a field, whichever. Its fields are not documented.
    fn has_reference(&self, downlink: &ListedDownlink) -> bool {
        let value: Option<Value> = serde_json::from_str(json(downlink)).ok();
        value.zip(self.reference.as_ref()).is_some_and(|(value, reference)| has_text(&value, reference))
    }
}

/// Whether a text is a value anywhere in JSON.
fn has_text(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found == text,
        Value::Array(items) => items.iter().any(|item| has_text(item, text)),
        Value::Object(fields) => fields.values().any(|field| has_text(field, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn json(downlink: &ListedDownlink) -> &str {
    downlink.item().json().as_str()
}

/// Writes a row for each downlink of the service that can be an unknown one of the job.
pub(super) fn table(
    client: &Client,
    store: &mut dyn Store,
    job: &Job,
    ledger: &Ledger,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let lines = JobOptions::of(job).lines;
    let headings = [
        Column::from("LINE"),
        Column::from("DEVICE"),
        Column::from("REFERENCE").cut_to(12),
        Column::from("SENT"),
        Column::from("FOUND"),
        Column::from("SAME REFERENCE"),
        Column::from("STATE").if_any(),
        Column::from("DOWNLINK").cut_to(20).if_any(),
    ];
    let mut rows: Vec<[String; 8]> = Vec::new();
    let (mut count, mut found_count, mut failed) = (0, 0, 0);
    let ended = each(client, store, job, |item, found| {
        count += 1;
        found_count += u64::from(!found.downlinks.is_empty());
        failed += u64::from(found.error.is_some());
        let [line, device, _, reference, ..] = Row::new(item, &lines).cells();
        let sent = item.claimed.map(time).unwrap_or_default();
        let start = |found: String, same: &str| {
            [line.clone(), device.clone(), reference.clone(), sent.clone(), found, same.to_owned()]
        };
        let row = |start: [String; 6], state: String, json: String| {
            let [line, device, reference, sent, found, same] = start;
            [line, device, reference, sent, found, same, state, json]
        };
        if let Some(error) = &found.error {
            rows.push(row(start("not known".into(), ""), String::new(), error.clone()));
        } else if found.downlinks.is_empty() {
            rows.push(row(start("nothing".into(), ""), String::new(), String::new()));
        }
        for downlink in &found.downlinks {
            let same = if found.has_reference(downlink) { "yes" } else { "no" };
            let id = downlink.id().map_or_else(|| "no id".to_owned(), |id| id.into_owned());
            let state = downlink.state().map(|state| state.name().to_owned()).unwrap_or_default();
            rows.push(row(start(id, same), state, json(downlink).to_owned()));
        }
        Ok(())
    });
    let columns = console.columns();
    // What was found before a failure is still of use.
    Table::new(headings, columns).write(&rows, console.out())?;
    ended?;
    let unknown = number(count, "unknown downlink");
    console.say(format_args!("{unknown}: the service has downlinks for the devices of {found_count}"))?;
    if failed > 0 {
        console.warn(format_args!("the downlinks for the devices of {failed} are not known"));
    }
    if count > 0 {
        let resolve = ledger.command(&format!("jobs resolve {} LINE accepted", job.id));
        console.note(format_args!("hint: decide for each: {resolve} (or not-sent)"));
    }
    Ok(())
}

/// An unknown item in JSON, with what the service has.
#[derive(Serialize)]
struct Reconciled<'a> {
    #[serde(flatten)]
    row: Row,
    found: Vec<Candidate<'a>>,
    /// Why it is not known what the service has.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct Candidate<'a> {
    same_reference: bool,
    downlink: &'a RawValue,
}

/// Writes the unknown items as the lines of a JSON array, each with what the service has.
pub(super) fn items(
    client: &Client,
    store: &mut dyn Store,
    job: &Job,
    mut write: impl FnMut(&str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let lines = JobOptions::of(job).lines;
    each(client, store, job, |item, found| {
        let candidate = |downlink| {
            let same_reference = found.has_reference(downlink);
            Ok(Candidate { same_reference, downlink: serde_json::from_str(json(downlink))? })
        };
        let candidates: serde_json::Result<_> = found.downlinks.iter().map(candidate).collect();
        let error = found.error.as_deref();
        let text = candidates.and_then(|found| {
            serde_json::to_string(&Reconciled { row: Row::new(item, &lines), found, error })
        });
        write(&text.map_err(io::Error::from)?)
    })
}

/// Calls this for each unknown item, with what the service has for its device.
fn each(
    client: &Client,
    store: &mut dyn Store,
    job: &Job,
    mut take: impl FnMut(&StoredItem, &Found) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let states = Selection::Of(&[ItemState::Unknown, ItemState::Sending]);
    report::each(store, &job.id, states, |item| take(&item, &Found::request(client, job, &item)?))
}
