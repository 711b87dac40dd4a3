//! A schedule made of one number: a service with quirks, and devices that come, go and are renamed while they are listed.
//!
//! [`Schedule::of`] draws a schedule, and [`Schedule::plain`] and [`Schedule::verified`] list its devices on the virtual clock.
//! The pages are those of the simulator, without sockets. The changes happen just before a page is read, while its
//! request is in flight, and some of them are made to lose a device.

mod changes;
mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use things_core::{Builder, Device, DeviceFeed, Error, Fleet, ListDevices, Session, finish};
use things_sim::{ChangeRule, Envelope, Numbers, Quirk, Sim, SimBuilder, SortByUuid, SortEcho, Totals};

use crate::Failure;
use crate::dice::Dice;
use crate::driver;
use crate::scenario::credentials;
use crate::timeline::Timeline;
use changes::Kind;
use service::Service;

const GRIP: &str = "https://grip.example";
const API: &str = "https://api.example";

/// A service, its devices and how they change, and how they are listed.
#[derive(Debug, Clone)]
pub struct Schedule {
    seed: u64,
    devices: usize,
    /// The page size that is named, if one is.
    size: Option<u32>,
    window: usize,
    kind: Kind,
    rules: Vec<ChangeRule>,
    quirks: Vec<Quirk>,
    /// How many responses in a hundred are lost on their way.
    lost: u64,
}

/// What came of a listing.
#[derive(Debug)]
pub struct Listed {
    /// All devices, and how the listing ended.
    pub end: Result<Fleet, Error>,
    /// The `uuid` of each device that was handed out, in order.
    pub devices: Vec<String>,
    /// The `uuid` of each device that was there whenever a page that was received was read.
    pub stayed: Vec<String>,
    /// The `uuid` of each device that was ever there.
    pub known: BTreeSet<String>,
    /// What the service said, page by page. Of a page that was received twice, this is the later one.
    pub pages: BTreeMap<u64, Said>,
}

/// What the service said in a page, read independently of the library.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// The `uuid` of each device.
    pub devices: Vec<String>,
    /// `totalElements`.
    pub total: Option<u64>,
}

impl Schedule {
    /// More pages than this are not requested: some fleets grow faster than they can be read.
    pub const MOST_PAGES: u64 = 300;

    /// The schedule of this seed.
    pub fn of(seed: u64) -> Self {
        let dice = Dice::new(seed);
        let quirks = quirks(&dice);
        let mut devices = dice.below(dice.pick([12, 45, 120, 220]));
        if quirks.contains(&Quirk::SortByUuid(SortByUuid::Ignored))
            && quirks.contains(&Quirk::SortEcho(SortEcho::Requested))
        {
            // The ids of a few devices can ascend by chance, and then the service is believed.
            devices += 40;
        }
        let kind = Kind::draw(&dice);
        Self {
            seed,
            devices: devices as usize,
            size: dice.pick([Some(8), Some(10), Some(20), Some(20), Some(25), Some(50), Some(100), None]),
            window: dice.pick([1, 1, 2, 4, 8]),
            rules: kind.rules(devices, &dice),
            kind,
            quirks,
            lost: dice.pick([0, 0, 0, 0, 3]),
        }
    }

    /// Whether the service honours page sizes of up to 20 at least, names the order that it keeps and hides nothing. It may
    /// count fewer devices than it lists, but not more.
    pub fn is_honest(&self) -> bool {
        self.names_order()
            && self.quirks.iter().all(|quirk| match *quirk {
                Quirk::SortByUuid(sort) => sort == SortByUuid::Accepted,
                Quirk::PageSizeCap(most) | Quirk::SilentPageSizeCap(most) => most >= 20,
                Quirk::PageSizeLimit(most) => self.size.is_none_or(|size| size as usize <= most),
                Quirk::Totals(totals) => !matches!(totals, Totals::More | Totals::Random),
                Quirk::EmptyPage(_) => false,
                _ => true,
            })
    }

    /// Whether no device changes.
    pub fn is_quiet(&self) -> bool {
        self.kind == Kind::Quiet
    }

    /// Whether devices change by chance, which they do over sockets too.
    pub fn changes_by_chance(&self) -> bool {
        !self.rules.is_empty()
    }

    fn names_order(&self) -> bool {
        let echo = self.quirks.iter().find_map(|quirk| match quirk {
            Quirk::SortEcho(echo) => Some(*echo),
            _ => None,
        });
        let envelope = self.quirks.iter().find_map(|quirk| match quirk {
            Quirk::Envelope(envelope) => Some(*envelope),
            _ => None,
        });
        match echo {
            Some(echo) => matches!(echo, SortEcho::Array | SortEcho::Requested),
            None => matches!(envelope.unwrap_or_default(), Envelope::Sample | Envelope::NoTotals),
        }
    }

    /// Whether responses are lost on their way.
    pub fn loses_responses(&self) -> bool {
        self.lost > 0
    }

    /// Lists the devices page by page, and as [`Pages::strict`](things_core::Pages::strict) does if so wanted.
    pub fn plain(&self, strict: bool) -> Result<Listed, Failure> {
        self.list(|session, query, window| session.pages(query, window).strict(strict))
    }

    /// Lists the devices so that the listing proves itself complete.
    pub fn verified(&self) -> Result<Listed, Failure> {
        self.list(|session, query, window| session.verified(query, window))
    }

    /// The devices to list.
    pub fn query(&self) -> ListDevices {
        self.size.map_or(ListDevices::new(), |size| ListDevices::new().page_size(size))
    }

    /// How many pages are in flight at most.
    pub fn window(&self) -> usize {
        self.window
    }

    /// What came of a listing over sockets, of the simulator that [`simulator`](Self::simulator) sets up, after it has got
    /// so many requests for pages. What the pages said is not in it.
    pub fn listed(&self, end: Result<Fleet, Error>, requests: u64) -> Listed {
        // The same requests make the same changes.
        let mut list = self.simulator().device_list();
        let mut stayed = list.uuids();
        let mut known: BTreeSet<String> = stayed.iter().cloned().collect();
        for _ in 0..requests {
            let _ = list.page("");
            let there: BTreeSet<String> = list.uuids().into_iter().collect();
            stayed.retain(|uuid| there.contains(uuid));
            known.extend(there);
        }
        let devices = match &end {
            Ok(fleet) => fleet.devices.as_slice(),
            Err(error) => error.incomplete().map_or(&[][..], |incomplete| &incomplete.devices),
        };
        let devices = devices.iter().map(|device| device.uuid().to_owned()).collect();
        Listed { end, devices, stayed, known, pages: BTreeMap::new() }
    }

    /// Settings of a simulator of these devices. Only changes by chance are among them, not those that depend on a request.
    pub fn simulator(&self) -> SimBuilder {
        let simulator = self.quirks.iter().fold(Sim::builder(), |simulator, quirk| simulator.quirk(*quirk));
        let simulator = self.rules.iter().fold(simulator, |simulator, rule| simulator.change(rule.clone()));
        simulator.seed(self.seed).devices(self.devices)
    }

    fn list<F: DeviceFeed<Operation = ListDevices>>(
        &self,
        begin: impl FnOnce(&Session, ListDevices, usize) -> F,
    ) -> Result<Listed, Failure> {
        let config = Builder::new(credentials(), Ok)
            .grip_base_url(GRIP)
            .base_url(API)
            .max_pages(Self::MOST_PAGES)
            .build();
        let session = Session::new(config.map_err(|error| Failure::new(error.to_string()))?, self.seed);
        let mut feed = begin(&session, self.query(), self.window);
        let timeline = Timeline::default();
        let service = Rc::new(Service::new(self, timeline.clone()));
        let (server, clock) = (Rc::clone(&service), timeline.clone());
        timeline.spawn(async move {
            let fetch = |query: ListDevices, _| {
                let (session, server, clock) = (session.clone(), Rc::clone(&server), clock.clone());
                async move {
                    let step = session.start(&query, clock.now());
                    finish(&query, driver::drive(&clock, &*server, step).await)
                }
            };
            let (items, error) = driver::feed(&clock, &mut feed, fetch).await;
            let devices: Vec<Device> = items.into_iter().flatten().collect();
            let uuids = devices.iter().map(|device| device.uuid().to_owned()).collect();
            server.end(
                uuids,
                match error {
                    None => Ok(feed.fleet(devices)),
                    Some(error) => Err(error),
                },
            );
        });
        timeline.run(|_| 0);
        service.listed().ok_or_else(|| Failure::new(format!("never ended: {self:?}")))
    }
}

fn quirks(dice: &Dice) -> Vec<Quirk> {
    let mut quirks = vec![Quirk::SharedNames(dice.pick([1, 1, 3, 8]))];
    let sort = dice.pick([SortByUuid::Refused, SortByUuid::Ignored, SortByUuid::Ignored]);
    let echo =
        dice.pick([SortEcho::Array, SortEcho::Object, SortEcho::Null, SortEcho::Absent, SortEcho::Requested]);
    let most = dice.below(60) as usize;
    let size = dice.pick([
        // A cap that nobody names is at least what the documentation names: this is assumed, and not tried.
        Quirk::SilentPageSizeCap(20 + most),
        Quirk::PageSizeCap(20 + most),
        Quirk::PageSizeCap(1 + most / 3),
        Quirk::PageSizeLimit(20 + most),
    ]);
    let totals = dice.pick([Totals::Stale, Totals::Random, Totals::Fewer, Totals::More]);
    let envelope = dice.pick([
        Envelope::PageImpl,
        Envelope::PagedModel,
        Envelope::Slice,
        Envelope::NoTotals,
        Envelope::ContentOnly,
    ]);
    // The first page is left alone: where nothing else is said, an empty one is an empty fleet.
    let empty = Quirk::EmptyPage(1 + dice.below(4) as usize);
    // Without an envelope nobody names the cap.
    let size = match (envelope, size) {
        (Envelope::ContentOnly, Quirk::PageSizeCap(_)) => Quirk::PageSizeCap(20 + most),
        _ => size,
    };
    for (percent, quirk) in [
        (60, Quirk::ShuffledTies),
        (25, Quirk::SortByUuid(sort)),
        (15, Quirk::SortOrderIgnored),
        (50, Quirk::SortEcho(echo)),
        (40, size),
        (25, Quirk::Totals(totals)),
        (30, Quirk::Envelope(envelope)),
        (15, Quirk::Numbers(dice.pick([Numbers::Text, Numbers::Float]))),
        (4, empty),
    ] {
        if dice.percent(percent) {
            quirks.push(quirk);
        }
    }
    quirks
}
