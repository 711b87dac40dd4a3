//! Listings of devices that come, go and are renamed between the pages: proven complete, or an error that says why not.
//!
//! A plain listing proves nothing, and only has to report what it can notice. How often it was short is measured.

use std::collections::{BTreeSet, HashSet};

use things_core::{Error, ErrorKind, Fleet};
use things_sim::Route;
use things_tests::Schedule;
use things_tests::schedule::Listed;

use crate::client::{Client, each, settings};
use crate::trial::{Trial, share};

/// What came of a plain listing that ended without an error.
#[derive(Clone, Copy)]
struct Plain {
    /// A device is missing that was there from the first page to the last.
    is_short: bool,
    /// The report says that something is wrong.
    noticed: bool,
    /// There is a total, and exactly as many devices came.
    fits: bool,
}

/// Holds for each listing: no device twice, and none that never was.
fn judge(listed: &Listed) -> Result<(), String> {
    let mut seen = HashSet::new();
    for device in &listed.devices {
        if !seen.insert(device) {
            return Err(format!("{device} was handed out twice"));
        }
        if !listed.known.contains(device) {
            return Err(format!("{device} was handed out and never was"));
        }
    }
    Ok(())
}

/// How many devices are missing that were there from the first page to the last.
fn missing(listed: &Listed) -> usize {
    let devices: HashSet<&String> = listed.devices.iter().collect();
    listed.stayed.iter().filter(|device| !devices.contains(device)).count()
}

/// Whether a listing is proven complete, or how it broke the promise. One `at_rest` has to be proven: nothing changes, no
/// response is lost, and the service is honest.
fn verified(schedule: &Schedule, listed: &Listed, at_rest: bool) -> Result<bool, String> {
    judge(listed)?;
    match (&listed.end, missing(listed)) {
        (Ok(fleet), _) if fleet.proof.is_none() => Err("no proof and no error".into()),
        (Ok(_), 0) => Ok(true),
        (Ok(_), missing) => Err(format!("proven, and {missing} devices are missing")),
        (Err(error), _) if at_rest => Err(format!("not proven at rest: {error}")),
        (Err(error), _) if error.kind() == ErrorKind::Incomplete || schedule.loses_responses() => Ok(false),
        (Err(error), _) => Err(error.to_string()),
    }
}

/// What a plain listing came to, `None` if it failed, or how it broke the promise.
fn plain(schedule: &Schedule, listed: &Listed) -> Result<Option<Plain>, String> {
    judge(listed)?;
    let fleet = match &listed.end {
        Ok(fleet) => fleet,
        Err(_) if schedule.loses_responses() => return Ok(None),
        Err(error) => match error.kind() {
            // A page size that the user names and the service refuses is the user's.
            ErrorKind::Listing | ErrorKind::TooManyPages | ErrorKind::BadRequest => return Ok(None),
            _ => return Err(error.to_string()),
        },
    };
    let (is_short, noticed) = (missing(listed) > 0, !fleet.report.is_clean());
    Ok(Some(Plain { is_short, noticed, fits: fleet.total_elements == Some(listed.devices.len() as u64) }))
}

/// Compares the report of a plain listing with the pages that it took.
fn compare(fleet: &Fleet, listed: &Listed) -> Result<(), String> {
    let pages: Vec<_> = (0..fleet.pages).filter_map(|page| listed.pages.get(&page)).collect();
    let all: Vec<&String> = pages.iter().flat_map(|page| &page.devices).collect();
    let mut seen = HashSet::new();
    let once: Vec<&String> = all.iter().copied().filter(|device| seen.insert(*device)).collect();
    if !listed.devices.iter().eq(once.iter().copied()) {
        return Err("other devices than those of the pages".into());
    }
    let totals: BTreeSet<u64> = pages.iter().filter_map(|page| page.total).collect();
    let moved = totals.first().copied().zip(totals.last().copied()).filter(|_| totals.len() > 1);
    let last = pages.iter().rev().find_map(|page| page.total);
    let missing = last.unwrap_or(0).saturating_sub(once.len() as u64);
    let report = &fleet.report;
    let found = (report.doubles, report.moved_totals, report.missing(), fleet.total_elements);
    let expected = ((all.len() - once.len()) as u64, moved, missing, last);
    if found == expected { Ok(()) } else { Err(format!("{report:?}, and the pages show {expected:?}")) }
}

/// What the listings of one schedule came to.
struct End {
    at_rest: bool,
    proven: bool,
    /// `None` if the plain listing failed.
    plain: Option<Plain>,
}

/// What the listings of all schedules came to.
#[derive(Default)]
struct Tally {
    schedules: u64,
    /// Those that have to be proven.
    at_rest: u64,
    proven: u64,
    failed: u64,
    short: u64,
    silent: u64,
    /// The total fitted, and no device came twice.
    claims: u64,
    wrong_claims: u64,
}

impl Tally {
    fn count(&mut self, End { at_rest, proven, plain }: End) {
        self.schedules += 1;
        self.at_rest += u64::from(at_rest);
        self.proven += u64::from(proven);
        let Some(plain) = plain else {
            self.failed += 1;
            return;
        };
        self.short += u64::from(plain.is_short);
        self.silent += u64::from(plain.is_short && !plain.noticed);
        let claims = plain.fits && !plain.noticed;
        self.claims += u64::from(claims);
        self.wrong_claims += u64::from(claims && plain.is_short);
    }

    fn text(&self) -> String {
        let Self { schedules, at_rest, proven, failed, short, silent, claims, wrong_claims } = self;
        format!(
            "of {schedules} schedules {proven} were proven complete, among them all {at_rest} of an honest service and \
             a fleet at rest, and the others ended with an error; plain listings of the same schedules missed a device that stayed in {short} ({silent} of these show \
             nothing of it) and failed in {failed}; the total fitted and no device came twice in {claims}, {wrong_claims} of \
             these missed a device"
        )
    }
}

/// What broke the promise, and in which schedule.
fn of<T>(schedule: &Schedule, result: Result<T, String>) -> Result<T, String> {
    result.map_err(|why| format!("{why}: {schedule:?}"))
}

/// Lists the devices of a schedule on the virtual clock, in each way.
fn on_virtual_clock(seed: u64) -> Result<End, String> {
    let schedule = Schedule::of(seed);
    let list = || {
        let at_rest = schedule.is_honest() && schedule.is_quiet() && !schedule.loses_responses();
        let listed = schedule.verified().map_err(|failure| format!("{failure:?}"))?;
        let proven = verified(&schedule, &listed, at_rest)?;
        let listed = schedule.plain(false).map_err(|failure| format!("{failure:?}"))?;
        let plain = plain(&schedule, &listed)?;
        if let Ok(fleet) = &listed.end {
            compare(fleet, &listed)?;
        }
        // The same pages, so far as they are requested.
        let strict = schedule.plain(true).map_err(|failure| format!("{failure:?}"))?;
        let clean = plain.is_some_and(|plain| !plain.noticed);
        if strict.end.is_ok() != clean {
            return Err(format!("strict: {:?}, and otherwise {:?}", strict.end, listed.end));
        }
        Ok(End { at_rest, proven, plain })
    };
    of(&schedule, list())
}

#[test]
fn r11_listing_is_proven_or_says_why_not_on_the_virtual_clock() {
    let mut trial = Trial::new("R11", "virtual clock");
    let first = trial.random().u64(..);
    let mut tally = Tally::default();
    for result in each(share(1_500, 100_000), 2, |case| on_virtual_clock(first.wrapping_add(case))) {
        trial.case(result.map(|end| tally.count(end)));
    }
    trial.measured(tally.text());
    // The promise says little if nothing is proven, or nothing is lost.
    let proven = tally.proven > tally.schedules / 2 && tally.at_rest > tally.schedules / 50;
    trial.holds(proven && tally.wrong_claims > 0, || tally.text());
    trial.end();
}

/// Lists the devices of a schedule over sockets, from a simulator of its own.
fn collect(name: &str, schedule: &Schedule, verified: bool) -> Listed {
    let sim = schedule.simulator().start().unwrap();
    let config = settings(&sim).max_pages(Schedule::MOST_PAGES).build().unwrap();
    let (query, window) = (schedule.query(), schedule.window());
    let end: Result<Fleet, Error> = match Client::new(name, config) {
        Client::Ureq(client) => match client.devices().query(query).window(window) {
            devices if verified => devices.verified().collect(),
            devices => devices.collect(),
        },
        Client::Reqwest(client, runtime) => {
            let devices = client.devices().query(query).window(window);
            runtime.block_on(if verified { devices.verified().collect() } else { devices.collect() })
        }
    };
    schedule.listed(end, sim.calls(Route::Devices))
}

fn over_sockets(name: &str, schedule: &Schedule) -> Result<End, String> {
    let at_rest = schedule.is_honest() && !schedule.changes_by_chance();
    let proven = verified(schedule, &collect(name, schedule, true), at_rest)?;
    let plain = plain(schedule, &collect(name, schedule, false))?;
    Ok(End { at_rest, proven, plain })
}

#[test]
fn r11_listing_is_proven_or_says_why_not_over_sockets() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R11", name);
        let first = trial.random().u64(..);
        let mut tally = Tally::default();
        let results = each(share(100, 2_000), 4, |case| {
            let schedule = Schedule::of(first.wrapping_add(case));
            of(&schedule, over_sockets(name, &schedule))
        });
        for result in results {
            trial.case(result.map(|end| tally.count(end)));
        }
        trial.measured(tally.text());
        trial.holds(tally.proven > tally.schedules / 2, || tally.text());
        trial.end();
    }
}
