//! A listing that proves that it is complete, over numbered pages of a fleet that may change during the listing.
//!
//! # What is proven
//!
//! Two devices are *linked* if they were next to each other in one response. The listing returns the devices that can
//! be reached from the start over links. If the links lead to the end, then **every device that existed from the first
//! request to the last response is listed**. Moreover, each listed device existed at some moment in between, and each
//! unlisted device was absent at some moment. This is not a snapshot, because the moments differ.
//!
//! # Why
//!
//! Devices are ordered by `uuid`, which is unique and never changes, so each device has one place. A device that is not
//! on the path has its place between two linked devices. The response that linked them lists everything that was
//! between them at that moment. The device is not in it, so it was absent.
//!
//! So the proof holds for any choice of pages, any order of responses and any retry. Totals, positions and `last` only
//! help to choose the next request.
//!
//! # What is assumed
//!
//! 1. A response lists what existed, in the requested order, without holes. This is what a database query does.
//! 2. `currentPage=0` begins at the very first device.
//! 3. A response with fewer devices than the service would have returned ends at the very last one. The service honours
//!    page sizes up to 20, which is its documented default.
//! 4. The order is by `uuid`. The devices show it: [`order`]. Otherwise nothing is proven.
//!
//! `ARCHITECTURE.md` describes what cannot be proven, and how a cache or a lagging replica affects the proof.
//!
//! # The files
//!
//! [`cover`] computes which pages overlap, [`chain`] and [`repair`] choose the next request, [`response`] and [`order`]
//! reduce a response to facts, [`arrival`] draws the conclusions, [`path`] is the path, and [`outcome`] is the result.

mod arrival;
mod chain;
mod cover;
mod order;
mod outcome;
mod path;
mod repair;
#[cfg(test)]
mod replay;
mod response;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;

use self::chain::Chain;
use self::outcome::{Outcome, Why};
use self::response::Ask;
use super::defaults;
use super::device_feed::{DeviceFeed, room};
use super::pages::{Pages, check_window};
use crate::config::Limits;
use crate::devices::{Device, Fleet, Gap, Identity, Incomplete, ListDevices, ListingReport, Page, Proof};
use crate::error::{Error, ErrorKind};
use crate::feed::{Feed, Ticket, Want};
use crate::input::InputError;
use crate::moment::Moment;
use crate::operation::Operation;
use crate::session::Session;

/// A listing that proves that it is complete: a [`Feed`] of devices in the order of their `uuid`.
///
/// Each item holds devices that follow the previous ones without a gap. The feed ends without an error if and only if
/// the proof succeeded; [`proof`](Self::proof) returns it then. If the proof fails, the last item is an error of the
/// kind [`Incomplete`](ErrorKind::Incomplete).
#[derive(Debug)]
pub struct Verified {
    query: ListDevices,
    chain: Chain,
    /// The request that was chosen before it was wanted. Only this choice shows whether the listing has ended.
    next: Option<(u64, Ask)>,
    /// The last total that the service reported.
    total: Option<u64>,
    failure: Option<Error>,
    finished: bool,
    /// The defaults that the service refused, shared by all listings of the session.
    refused: Arc<AtomicU8>,
}

impl Verified {
    /// Creates a listing with up to `window` pages in flight, from 1 to 64. It requests pages of changing sizes, up to
    /// the page size of the query or 100.
    ///
    /// The query must not name an order or a first page. If it does, or if the window is out of range, the first item is
    /// an error of the kind [`Input`](ErrorKind::Input).
    pub fn new(query: ListDevices, window: usize) -> Self {
        Self::begin(query, window, Limits::default().max_pages, Arc::default())
    }

    fn begin(query: ListDevices, window: usize, most: u64, refused: Arc<AtomicU8>) -> Self {
        let failure = refusal(&query, window, &refused);
        let window = window.clamp(1, Pages::MAX_WINDOW);
        let default =
            if defaults::refuses_size(&refused) { chain::LEAST_CAP } else { defaults::PAGE_SIZE.into() };
        let size = query.named_page_size().map_or(default, u64::from);
        let chain = Chain::new(size, window, most);
        Self { query: query.no_cache(), chain, next: None, total: None, failure, finished: false, refused }
    }

    /// Vouches that the service orders devices by `uuid`, in case the devices do not show it.
    pub fn vouch_for_order(mut self) -> Self {
        self.chain.order.vouched = true;
        self
    }

    /// Assumes that the service honours page sizes up to this one, instead of 20. If it caps sizes below that without
    /// reporting it, an incomplete listing passes as complete.
    pub fn assume_page_size(mut self, devices: u32) -> Self {
        self.chain = self.chain.least_cap(devices.into());
        self
    }

    /// Whether this listing returned a device with the same `uuid`.
    pub fn has_listed(&self, device: &Device) -> bool {
        self.chain.path.contains(Identity::of(device.uuid()))
    }

    /// Returns the proof, once the listing is proven complete.
    pub fn proof(&self) -> Option<Proof> {
        match self.chain.outcome {
            Some(Outcome::Proven(proof)) => Some(proof),
            _ => None,
        }
    }

    /// Processes the refusal of a request.
    fn settle(&mut self, ticket: u64, error: Error) {
        if error.kind() != ErrorKind::BadRequest {
            self.failure = Some(error);
            return;
        }
        let by_default = self.query.named_page_size().is_none() && self.chain.size > chain::LEAST_CAP;
        if ticket == 1 && by_default {
            // The page size may be the cause. The documented default cannot be, so a second refusal is due to the
            // order.
            self.chain.lost(ticket);
            self.chain.shrink(chain::LEAST_CAP);
            return;
        }
        self.chain.fail(Why::Refused { reason: error.message().to_owned() });
    }
}

/// Returns the reason why a listing cannot start.
fn refusal(query: &ListDevices, window: usize, refused: &AtomicU8) -> Option<Error> {
    if query.names_order() {
        let why = "cannot be named for a listing that proves it is complete: it orders by uuid";
        return Some(InputError::new("order", why).into());
    }
    if query.number() > 0 {
        let why = "cannot be set for a listing that proves it is complete: it starts at page 0";
        return Some(InputError::new("first page", why).into());
    }
    if let Err(input) = query.encode().map(drop).and(check_window(window)) {
        return Some(input.into());
    }
    let why = Why::Refused { reason: "it did not take sortBy=uuid before".into() };
    defaults::refuses_order(refused)
        .then(|| incomplete(why.to_string(), vec![Gap { after: None, before: None }]))
}

fn incomplete(why: String, gaps: Vec<Gap>) -> Error {
    Incomplete { why, gaps, devices: Vec::new() }.into()
}

impl Feed for Verified {
    type Operation = ListDevices;
    type Commit = Infallible;
    type Item = Vec<Device>;

    fn want(&mut self, _now: Moment) -> Want<ListDevices> {
        if self.failure.is_some() || self.finished {
            return Want::Nothing;
        }
        let Some((ticket, ask)) = self.next.take().or_else(|| self.chain.want()) else {
            return Want::Nothing;
        };
        let size = u32::try_from(ask.window.size).unwrap_or(u32::MAX);
        let query = self.query.clone().sort_by(order::PROPERTY).sort_order(ask.order);
        Want::call(Ticket::new(ticket), query.page_size(size).page(ask.window.number))
    }

    fn committed(&mut self, never: Infallible) {
        match never {}
    }

    fn accept(&mut self, ticket: Ticket, page: Result<Page, Error>) {
        // Pages that were still in flight when the listing ended change nothing, and neither do their errors.
        if self.failure.is_some() || self.chain.outcome.is_some() {
            return;
        }
        match page {
            Ok(page) => {
                self.total = page.total_elements.or(self.total);
                if self.chain.size == chain::LEAST_CAP && self.query.named_page_size().is_none() {
                    defaults::remember_refused_size(&self.refused);
                }
                self.chain.accept(ticket.number(), page);
            }
            Err(error) => self.settle(ticket.number(), error),
        }
        // A driver takes the ready items, then checks for wanted calls, and waits if there is neither. The next call is
        // chosen now, so that a listing without one can end.
        if self.chain.flying.is_empty() && self.failure.is_none() {
            self.next = self.chain.want();
        }
    }

    fn take(&mut self) -> Option<Result<Vec<Device>, Error>> {
        if self.finished {
            return None;
        }
        let devices = self.chain.take();
        if !devices.is_empty() {
            return Some(Ok(devices));
        }
        let error = match (self.failure.clone(), &self.chain.outcome) {
            (Some(error), _) => error,
            (None, Some(Outcome::Incomplete { gaps, why })) => incomplete(why.to_string(), gaps.clone()),
            (None, _) => return None,
        };
        self.finished = true;
        Some(Err(error))
    }

    fn is_finished(&self) -> bool {
        self.finished || (self.proof().is_some() && !self.chain.path.has_waiting())
    }
}

impl DeviceFeed for Verified {
    fn expected(&self) -> usize {
        room(self.total)
    }

    fn fleet(&self, devices: Vec<Device>) -> Fleet {
        let proof = self.proof();
        Fleet {
            report: ListingReport { devices: self.chain.path.taken() as u64, ..ListingReport::default() },
            devices,
            pages: proof.map_or(0, |proof| proof.requests),
            total_elements: self.total,
            proof,
        }
    }

    fn failed(&self, error: Error, devices: Vec<Device>) -> Error {
        error.with_devices(devices)
    }
}

impl Session {
    /// Creates a listing that proves that it is complete, with up to `window` pages in flight, within the limit of the
    /// configuration.
    pub fn verified(&self, query: ListDevices, window: usize) -> Verified {
        let most = self.config().limits().max_pages;
        Verified::begin(query, window, most, Arc::clone(&self.shared.refused_defaults))
    }
}
