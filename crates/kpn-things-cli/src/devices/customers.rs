//! `things devices list --customers`: the devices of several sub-customers.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use things_core::{CustomerFleet, CustomerId, Error, ErrorKind, Fleet};
use things_ureq::Client;

use super::list::Listing;
use super::query::Query;
use crate::console::Console;
use crate::count::number;
use crate::failure::{ExitStatus, Failure, request};
use crate::{cell, input};

/// The field that names the customer of a row.
pub(super) const CUSTOMER: &str = "customer";

/// Reads a file of customer ids: one per line, with empty lines and comments.
pub(super) fn read(path: &str) -> Result<Vec<CustomerId>, Failure> {
    let text = input::text("the list of customers", path)?;
    let (mut customers, mut lines, mut wrong) = (Vec::new(), HashMap::new(), Vec::new());
    for (number, line) in (1_u64..).zip(text.expose().lines()) {
        // No id contains this character.
        let id = line.split('#').next().unwrap_or_default().trim();
        if id.is_empty() {
            continue;
        }
        match id.parse::<CustomerId>() {
            Err(error) => wrong.push(format!("line {number}: {error}")),
            Ok(id) => match lines.get(&id) {
                Some(earlier) => wrong.push(format!("line {number}: {id} is also on line {earlier}")),
                None => {
                    lines.insert(id.clone(), number);
                    customers.push(id);
                }
            },
        }
    }
    if !wrong.is_empty() {
        let lines = wrong.iter().map(|line| format!("\n  {}", cell::plain(line))).collect::<String>();
        return Err(Failure::Usage(format!("the list of customers in {path} is wrong:{lines}")));
    }
    if customers.is_empty() {
        return Err(Failure::Usage(format!("{path} names no customer: write one id per line")));
    }
    Ok(customers)
}

/// What became of the customers.
#[derive(Default)]
pub(super) struct Outcome {
    listed: u64,
    /// The customers whose listings are not proven complete, and the reasons.
    unproven: Vec<(CustomerId, String)>,
    failed: Vec<(CustomerId, Error)>,
    /// The number of requests of all proofs.
    requests: u64,
}

impl Listing<'_> {
    /// Lists customer by customer.
    pub(super) fn customers(
        &mut self,
        client: &Client,
        customers: &[CustomerId],
        query: &Query,
    ) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::default();
        let start = Instant::now();
        let devices = query.apply(client.for_customers(customers)?.devices());
        if query.is_plain() {
            for item in devices.fleets() {
                self.add_customer(item?, &mut outcome)?;
            }
            return Ok(outcome);
        }
        let mut unproven = Vec::new();
        for item in devices.verified().fleets() {
            let item = item?;
            match item.result {
                Err(error) if error.kind() == ErrorKind::Incomplete && !query.verified => {
                    unproven.push((item.customer, error));
                }
                _ => self.add_customer(item, &mut outcome)?,
            }
        }
        // What is not proven is listed page by page, after the others, so that one window is enough.
        let ids = unproven.iter().map(|(customer, _)| customer);
        let mut devices = query.apply(client.for_customers(ids)?.devices());
        if let Some(deadline) = query.deadline {
            devices = devices.deadline(deadline.saturating_sub(start.elapsed()));
        }
        for (item, (_, error)) in devices.fleets().zip(&unproven) {
            let mut item = item?;
            let incomplete = error.incomplete();
            if let (Ok(fleet), Some(incomplete)) = (&mut item.result, incomplete) {
                let listed: HashSet<_> =
                    fleet.devices.iter().map(|device| device.uuid().to_owned()).collect();
                let more = incomplete.devices.iter().filter(|device| !listed.contains(device.uuid()));
                fleet.devices.extend(more.cloned());
                outcome.unproven.push((item.customer.clone(), incomplete.why.clone()));
            }
            self.add_customer(item, &mut outcome)?;
        }
        Ok(outcome)
    }

    fn add_customer(&mut self, item: CustomerFleet, outcome: &mut Outcome) -> Result<(), Failure> {
        let CustomerFleet { customer, result, .. } = item;
        let Fleet { mut devices, pages, total_elements, report, proof, .. } = match result {
            Ok(fleet) => fleet,
            Err(error) => {
                outcome.failed.push((customer, error));
                return Ok(());
            }
        };
        outcome.listed += 1;
        outcome.requests += proof.map_or(0, |proof| proof.requests);
        self.tally.pages += pages;
        self.tally.doubles += report.doubles;
        self.tally.counted =
            self.tally.counted.or(Some(0)).zip(total_elements).map(|(all, total)| all + total);
        if self.is_sorted() {
            devices.sort_by_cached_key(|device| device.name().to_lowercase());
        }
        let mark = |device: things_core::Device| device.with_extra_text(CUSTOMER, customer.as_str());
        self.write(&devices.into_iter().map(mark).collect::<Vec<_>>())
    }
}

impl Outcome {
    /// Returns the summary of a listing with this many devices.
    pub(super) fn summary(&self, devices: u64, query: &Query) -> String {
        let mut summary = format!("{} of {}", number(devices, "device"), number(self.listed, "customer"));
        let proven = self.listed - self.unproven.len() as u64;
        if !query.is_plain() && proven > 0 {
            let which = match self.unproven.is_empty() {
                true => String::new(),
                false => format!("{} ", number(proven, "customer")),
            };
            summary.push_str(&format!(", {which}proven complete with {}", number(self.requests, "request")));
        }
        summary
    }

    /// Reports what failed, and what is not proven.
    pub(super) fn report(self, all: usize, console: &mut Console<'_>) -> Result<(), Failure> {
        for (customer, why) in &self.unproven {
            console.warn(cell::plain(&format!("customer {customer}: not proven complete: {why}")));
        }
        let mut hints = HashSet::new();
        for (customer, error) in &self.failed {
            let mut lines = vec![format!("error: customer {customer}: {}", error.message())];
            lines.extend(request(error).map(|request| format!("request: {request}")));
            // Many customers can have the same problem.
            lines.extend(
                error
                    .hint()
                    .filter(|hint| hints.insert((*hint).to_owned()))
                    .map(|hint| format!("hint: {hint}")),
            );
            let lines: Vec<_> = lines.iter().map(|line| cell::plain(line)).collect();
            let message = console.located(lines.join("\n"));
            console.complain(message);
        }
        if self.failed.is_empty() {
            return Ok(());
        }
        let is_proof = self.failed.iter().all(|(_, error)| error.kind() == ErrorKind::Incomplete);
        let status = if is_proof { ExitStatus::NotProven } else { ExitStatus::Failed };
        let failed = self.failed.len();
        Err(Failure::Check(
            status,
            format!("{failed} of {} could not be listed", number(all as u64, "customer")),
        ))
    }
}
