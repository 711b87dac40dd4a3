//! `things downlink watch`: how far downlinks get.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use things_core::{Error, ErrorKind, Filter, Item, ListResource, ListedDownlink, Resource};
use things_ureq::Client;

use crate::cell;
use crate::console::Console;
use crate::count::number;
use crate::failure::{ExitStatus, Failure};
use crate::interrupt::{Interrupt, Verdict};
use crate::settings::{self, seconds};

/// Follow a downlink until it has ended, as KPN's current API shows it
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things downlink watch valve-42
  things downlink watch 0059AC0000181EB6 --since 2026-01-31 --deadline 3600
  things downlink watch 0059AC0000181EB6 --ndjson",
    after_help = "\
The current API is known from the public part of its documentation, and this command has never met the real service.

KPN documents two states of a downlink, Pending and Executing, and neither their field nor any other state. A downlink \
counts as open as long as one of its fields has one of these two texts, in upper or lower case, and as ended once none has. The \
command prints each change, and the state after the end if the field had a documented state before.

It requests GET /downlinks with the target as `q`: the URN of a device, or a reference as it is. That `q` finds a reference \
is not documented. If nothing is found, use the DevEUI.

Exit status: 0 if all downlinks that were found have ended, however they ended; 1 if the deadline passed before that, or if a \
downlink disappeared from the list while it was open."
)]
pub(crate) struct Watch {
    /// Reference of a downlink, or the device of all downlinks
    #[arg(value_name = "REFERENCE|DEVEUI")]
    target: String,
    /// Only downlinks created at this time or later
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Time between two requests
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "10")]
    interval: Duration,
    /// Time after which to stop [default: none]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    deadline: Option<Duration>,
    /// One JSON object per change, with the whole downlink
    #[arg(long)]
    ndjson: bool,
    #[command(flatten)]
    settings: settings::Options,
}

impl Watch {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let query = self.query()?;
        let Watch { interval, deadline, ndjson, settings, .. } = self;
        let client = console.watched(settings.client(console)?);
        let _interrupt = Interrupt::handle(console, || {
            Verdict::Die(Some("interrupted: a downlink that is open may still be delivered".to_owned()))
        });
        let end = deadline.and_then(|deadline| Instant::now().checked_add(deadline));
        let left = || end.map(|end| end.saturating_duration_since(Instant::now()));
        let (mut watched, mut is_told) = (Watched::default(), false);
        loop {
            match list(&client, &query, left()) {
                Ok(downlinks) => {
                    if downlinks.is_empty() && watched.seen.is_empty() && !is_told {
                        is_told = true;
                        let wait = interval.as_secs_f64();
                        console.say(format_args!(
                            "no downlink is found yet; the next request follows in {wait} s"
                        ))?;
                    }
                    for change in watched.update(downlinks) {
                        change.write(ndjson, console)?;
                    }
                    console.flush()?;
                }
                Err(error) if may_pass(&error) && left() != Some(Duration::ZERO) => {
                    console.warn(format_args!("{}; trying again", cell::plain(error.message())));
                }
                Err(error) if left() != Some(Duration::ZERO) => return Err(error.into()),
                Err(_) => {}
            }
            if watched.is_over() {
                return watched.report(console);
            }
            if left() == Some(Duration::ZERO) {
                return Err(Failure::Check(ExitStatus::Failed, watched.unfinished()));
            }
            thread::sleep(left().map_or(interval, |left| interval.min(left)));
        }
    }

    fn query(&self) -> Result<ListResource, Failure> {
        let target = self.target.trim();
        if target.is_empty() {
            return Err(Failure::Usage(
                "the target is empty: expected a reference, a DevEUI or a URN".into(),
            ));
        }
        let text = match target.parse::<things_core::DeviceUrn>() {
            Ok(device) => device.to_string(),
            Err(error) if target.starts_with("urn:") || is_nearly_a_dev_eui(target) => {
                return Err(error.into());
            }
            Err(_) => target.to_owned(),
        };
        let query = ListResource::new(Resource::Downlinks).filter(Filter::Q, text);
        Ok(match &self.since {
            Some(since) => query.filter(Filter::CreatedSince, since),
            None => query,
        })
    }
}

/// Whether a target is a DevEUI with a digit or two too few or too many. `q` would find other devices, whose URN has these
/// digits. Decimal digits alone can be a reference, such as a time.
fn is_nearly_a_dev_eui(target: &str) -> bool {
    let is_hex = target.bytes().all(|byte| byte.is_ascii_hexdigit());
    (14..=18).contains(&target.len()) && is_hex && !target.bytes().all(|byte| byte.is_ascii_digit())
}

/// Lists the downlinks, within the time that is left.
fn list(client: &Client, query: &ListResource, left: Option<Duration>) -> Result<Vec<ListedDownlink>, Error> {
    let mut listing = client.current().list(query.clone());
    if let Some(left) = left {
        listing = listing.deadline(left);
    }
    listing.into_iter().collect()
}

/// Whether a later request can succeed.
fn may_pass(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Connect
            | ErrorKind::Timeout
            | ErrorKind::Interrupted
            | ErrorKind::Deadline
            | ErrorKind::RateLimited
            | ErrorKind::Server
    )
}

/// The downlinks that were found, by their ids.
#[derive(Default)]
struct Watched {
    seen: BTreeMap<String, Seen>,
    /// The field in which a documented state was found.
    field: Option<String>,
}

struct Seen {
    state: Option<String>,
    is_open: bool,
    is_listed: bool,
}

/// A change of a downlink.
#[derive(Serialize)]
struct Change {
    id: String,
    /// The text of the field with the state. `None` if that field is not known.
    state: Option<String>,
    ended: bool,
    /// `None` if the downlink is not listed any more.
    downlink: Option<Item>,
}

impl Watched {
    /// Takes over a new list. Returns the changes.
    fn update(&mut self, downlinks: Vec<ListedDownlink>) -> Vec<Change> {
        if self.field.is_none() {
            self.field = downlinks.iter().find_map(ListedDownlink::state_field);
        }
        let mut changes = Vec::new();
        self.seen.values_mut().for_each(|seen| seen.is_listed = false);
        for (place, downlink) in downlinks.into_iter().enumerate() {
            // Without an id, downlinks are told apart by their order.
            let id = downlink.id().map_or_else(|| format!("#{}", place + 1), |id| id.into_owned());
            let field = downlink.state_field().or_else(|| self.field.clone());
            let state = field.and_then(|field| downlink.text_at(&field).map(|text| text.into_owned()));
            let is_open = downlink.state().is_some();
            let seen = Seen { state: state.clone(), is_open, is_listed: true };
            let before = self.seen.insert(id.clone(), seen);
            if before.is_none_or(|before| (&before.state, before.is_open) != (&state, is_open)) {
                changes.push(Change { id, state, ended: !is_open, downlink: Some(downlink.into()) });
            }
        }
        for (id, seen) in self.seen.iter_mut().filter(|(_, seen)| !seen.is_listed && seen.is_open) {
            // This is reported once. A downlink that is listed again reports its state again.
            if seen.state.take().is_some() {
                changes.push(Change { id: id.clone(), state: None, ended: false, downlink: None });
            }
        }
        changes
    }

    /// Whether there are downlinks, and none of them can change any more.
    fn is_over(&self) -> bool {
        !self.seen.is_empty() && self.seen.values().all(|seen| !seen.is_open || !seen.is_listed)
    }

    /// The number of downlinks that were open when they disappeared.
    fn lost(&self) -> u64 {
        self.seen.values().filter(|seen| seen.is_open && !seen.is_listed).count() as u64
    }

    fn report(&self, console: &mut Console<'_>) -> Result<(), Failure> {
        if self.lost() > 0 {
            let lost = number(self.lost(), "downlink");
            let message = format!("{lost} disappeared from the list while open: the outcome is unknown");
            return Err(Failure::Check(ExitStatus::Failed, message));
        }
        let ended = number(self.seen.len() as u64, "downlink");
        Ok(console.say(format_args!("{ended} ended: no field is Pending or Executing"))?)
    }

    /// Describes what the deadline left over.
    fn unfinished(&self) -> String {
        let open = self.seen.values().filter(|seen| seen.is_open).count() as u64;
        match self.seen.is_empty() {
            true => "the deadline passed, and no downlink was found\n\
                     hint: `q` may not find a reference: watch the DevEUI of the device"
                .to_owned(),
            false => format!("the deadline passed, and {} had not ended", number(open, "downlink")),
        }
    }
}

impl Change {
    fn write(&self, ndjson: bool, console: &mut Console<'_>) -> Result<(), Failure> {
        if ndjson {
            serde_json::to_writer(console.out(), self).map_err(std::io::Error::from)?;
            return Ok(writeln!(console.out())?);
        }
        let state = self.state.as_deref().map(cell::plain);
        let text = match (state, self.ended, &self.downlink) {
            (_, _, None) => "not listed any more".to_owned(),
            (Some(state), true, _) => format!("{state} (ended)"),
            (None, true, _) => "ended".to_owned(),
            (state, false, _) => state.unwrap_or_default(),
        };
        Ok(writeln!(console.out(), "{}  {text}", cell::plain(&self.id))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[&str]) -> Vec<ListedDownlink> {
        items.iter().map(|json| Item::from_json(json).unwrap().into()).collect()
    }

    fn texts(changes: Vec<Change>) -> Vec<String> {
        changes.iter().map(|change| format!("{} {:?} {}", change.id, change.state, change.ended)).collect()
    }

    #[test]
    fn each_change_is_reported_once_and_the_end_in_the_field_of_the_state() {
        let mut watched = Watched::default();
        assert!(watched.update(list(&[])).is_empty() && !watched.is_over());
        let open = [r#"{"id":"a","status":"Pending"}"#, r#"{"id":"b","status":"Delivered"}"#];
        assert_eq!(
            texts(watched.update(list(&open))),
            [r#"a Some("Pending") false"#, r#"b Some("Delivered") true"#]
        );
        assert!(watched.update(list(&open)).is_empty() && !watched.is_over());
        let next = [r#"{"id":"a","status":"EXECUTING"}"#];
        assert_eq!(texts(watched.update(list(&next))), [r#"a Some("EXECUTING") false"#]);
        let last = [r#"{"id":"a","status":"Failed"}"#];
        assert_eq!(texts(watched.update(list(&last))), [r#"a Some("Failed") true"#]);
        assert_eq!((watched.is_over(), watched.lost()), (true, 0));
    }

    #[test]
    fn without_a_documented_state_a_downlink_has_ended() {
        let mut watched = Watched::default();
        assert_eq!(texts(watched.update(list(&[r#"{"outcome":"Sent"}"#]))), ["#1 None true"]);
        assert!(watched.is_over());
    }

    #[test]
    fn an_open_downlink_that_disappears_is_lost() {
        let mut watched = Watched::default();
        watched.update(list(&[r#"{"id":"a","status":"Pending"}"#]));
        assert_eq!(texts(watched.update(list(&[]))), ["a None false"]);
        assert!(watched.update(list(&[])).is_empty());
        assert_eq!((watched.is_over(), watched.lost()), (true, 1));
    }
}
