//! Listings of a server that lies: they are whole, or end with an error, and ask for a bounded number of pages.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use serde_json::{Value, json};
use things_core::{Error, ErrorKind, Fleet};
use things_tests::server::Request;

use crate::client::{Client, each};
use crate::service::{client, respond, serve, settings, target};
use crate::trial::{Trial, share};

/// A fleet, and what its server says that is not so.
#[derive(Clone, Debug)]
struct Plan {
    devices: u64,
    size: u64,
    window: usize,
    lies: Vec<(u64, Lie)>,
}

/// What is told wrongly, of the page that it is for; `On` is for all pages from there on.
#[derive(Clone, Debug)]
enum Lie {
    NeverLast,
    LastTooEarly,
    NoNumber,
    WrongNumber,
    NoTotalPages,
    NoTotals,
    FewerPages,
    MorePages,
    TotalsShrinkFromHere,
    Empty,
    OtherSize(u64),
    PageAgain(u64),
    WrongType(&'static str, Value),
}

/// What a server said in a page, as its own side remembers it.
struct Said {
    devices: Vec<String>,
    number: Option<u64>,
    size: Option<u64>,
    total_pages: Option<u64>,
    total_elements: Option<u64>,
    last: bool,
    wrong: Option<(&'static str, Value)>,
}

impl Plan {
    fn random(random: &mut Rng) -> Self {
        let (devices, size) = (random.u64(0..60), random.u64(1..10));
        let window = [1, 2, 4, 8][random.usize(..4)];
        let mut plan = Self { devices, size, window, lies: Vec::new() };
        // Some servers are honest.
        let lies = if random.u32(..10) == 0 { 0 } else { random.usize(1..4) };
        for _ in 0..lies {
            let place = random.u64(0..plan.pages());
            plan.lies.push((place, plan.lie(place, random)));
        }
        plan
    }

    fn lie(&self, place: u64, random: &mut Rng) -> Lie {
        let wrong = [json!(-1), json!(1.5), json!("1"), json!([]), json!({}), json!(true), json!(1e30)];
        match random.u32(..13) {
            0 => Lie::NeverLast,
            1 => Lie::LastTooEarly,
            2 => Lie::NoNumber,
            3 => Lie::WrongNumber,
            4 => Lie::NoTotalPages,
            5 => Lie::NoTotals,
            6 => Lie::FewerPages,
            7 => Lie::MorePages,
            8 => Lie::TotalsShrinkFromHere,
            9 => Lie::Empty,
            10 => Lie::OtherSize(random.u64(1..12)),
            11 => Lie::PageAgain(random.u64(..place.max(1))),
            _ => {
                let field = random.usize(..6);
                let name = ["number", "size", "totalPages", "totalElements", "content", "last"][field];
                let value = if field == 5 { json!("false") } else { wrong[random.usize(..7)].clone() };
                // An empty list is what there is to list.
                Lie::WrongType(name, if field == 4 && value == json!([]) { json!(null) } else { value })
            }
        }
    }

    /// Pages that there are: one of them at least.
    fn pages(&self) -> u64 {
        self.devices.div_ceil(self.size).max(1)
    }

    fn devices(&self, page: u64, size: u64) -> Vec<String> {
        let end = self.devices.min((page + 1) * size);
        (page * size..end).map(|device| format!("device-{device}")).collect()
    }

    fn say(&self, page: u64) -> Said {
        let mut said = Said {
            devices: self.devices(page, self.size),
            number: Some(page),
            size: Some(self.size),
            total_pages: Some(self.devices.div_ceil(self.size)),
            total_elements: Some(self.devices),
            last: page + 1 >= self.pages(),
            wrong: None,
        };
        for (place, lie) in &self.lies {
            match lie {
                Lie::NeverLast => said.last = false,
                Lie::NoNumber => said.number = None,
                Lie::NoTotalPages => said.total_pages = None,
                Lie::NoTotals => (said.total_pages, said.total_elements) = (None, None),
                Lie::FewerPages => said.total_pages = Some(place + 1),
                Lie::MorePages => {
                    said.total_pages = said.total_pages.map(|pages| pages.max(page) + place + 2)
                }
                Lie::TotalsShrinkFromHere if page >= *place => {
                    said.total_pages = Some(place + 1);
                    said.total_elements = Some((place + 1) * self.size);
                }
                _ if page != *place => {}
                Lie::TotalsShrinkFromHere => {}
                Lie::LastTooEarly => said.last = true,
                Lie::WrongNumber => said.number = Some(page + 1),
                Lie::Empty => said.devices.clear(),
                Lie::OtherSize(size) => (said.size, said.devices) = (Some(*size), self.devices(page, *size)),
                Lie::PageAgain(other) => said.devices = self.devices(*other, self.size),
                Lie::WrongType(field, value) => said.write(field, value.clone()),
            }
        }
        said
    }

    /// What is wrong with what came of listing it, by what the server said and nothing else.
    fn judge(&self, result: &Result<Fleet, Error>, asked: &[u64]) -> Result<(), String> {
        let found = |what: String| Err(format!("{what}: {self:?}"));
        let pages: BTreeSet<_> = asked.iter().collect();
        if pages.len() < asked.len() {
            return found(format!("{} pages were asked for by {} requests", pages.len(), asked.len()));
        }
        // A page that is there may be empty up to 64 times, and a window of pages may go too far.
        if asked.len() as u64 > self.pages() + 66 + 2 * self.window as u64 {
            return found(format!("{} requests for {} pages", asked.len(), self.pages()));
        }
        let fleet = match result {
            Ok(fleet) => fleet,
            Err(error) if self.lies.is_empty() => {
                return found(format!("an honest server was refused: {error}"));
            }
            Err(error) if [ErrorKind::Listing, ErrorKind::Decode].contains(&error.kind()) => return Ok(()),
            Err(error) => return found(format!("{error}")),
        };
        let taken: Vec<_> = (0..fleet.pages).map(|page| self.say(page)).collect();
        let mut seen = BTreeSet::new();
        let given = taken.iter().flat_map(|said| &said.devices).filter(|device| seen.insert(*device));
        let given: Vec<_> = given.collect();
        if !fleet.devices.iter().map(|device| device.uuid()).eq(given.iter().copied()) {
            return found(format!("{} devices are not those of {} pages", fleet.devices.len(), taken.len()));
        }
        for (page, said) in (0..).zip(&taken) {
            if said.wrong.as_ref().is_some_and(|(field, _)| *field == "content") {
                return found(format!("page {page} was read whatever it held"));
            }
            if said.number.is_some_and(|number| number != page) {
                return found(format!("page {page} named another number"));
            }
            let again = taken.iter().filter(|other| other.devices == said.devices).count() > 1;
            if again && !said.devices.is_empty() {
                return found(format!("page {page} came twice"));
            }
            let shortened = said.last && said.size == Some(said.devices.len() as u64);
            let sizes = [said.size, taken[0].size].into_iter().flatten().collect::<BTreeSet<_>>();
            if sizes.len() > 1 && !shortened {
                return found(format!("page {page} had another size"));
            }
        }
        let left = (fleet.pages..self.pages()).any(|page| !self.say(page).devices.is_empty());
        if left && shows_more(&taken) {
            return found(format!("cut after {} of {} pages", taken.len(), self.pages()));
        }
        Ok(())
    }
}

impl Said {
    /// Writes a field as another type. Where that is a hint, it says nothing, or what it says as a text.
    fn write(&mut self, field: &'static str, value: Value) {
        let number = value.as_str().and_then(|text| text.parse().ok());
        match field {
            "number" => self.number = number,
            "size" => self.size = number,
            "totalPages" => self.total_pages = number,
            "totalElements" => self.total_elements = number,
            "last" => self.last = false,
            _ => {}
        }
        self.wrong = Some((field, value));
    }

    fn json(self) -> Value {
        let devices: Vec<_> = self.devices.iter().map(|uuid| json!({"uuid": uuid})).collect();
        let mut page = json!({"content": devices, "number": self.number, "size": self.size,
            "totalPages": self.total_pages, "totalElements": self.total_elements, "last": self.last});
        if let Some((field, value)) = self.wrong {
            page[field] = value;
        }
        page
    }
}

/// Whether pages that were taken for all show that there are more. What the last of them says goes before what the
/// others said: a fleet can shrink. One that is asked for in doubt, has no devices and says `last` ends the doubt.
fn shows_more(taken: &[Said]) -> bool {
    let Some(said) = taken.last() else { return true };
    let pages = taken.len() as u64;
    if pages > 1 && said.last && said.devices.is_empty() {
        return false;
    }
    let size = taken.iter().find_map(|said| said.size);
    let devices = said.total_elements.zip(size).is_some_and(|(total, size)| total > pages * size);
    !said.last && !said.devices.is_empty() || devices || said.total_pages.is_some_and(|total| total > pages)
}

/// Lists the devices of one case: a search tells which.
fn list(client: &Client, case: u64, window: usize) -> Result<Fleet, Error> {
    let case = case.to_string();
    match client {
        Client::Ureq(client) => client.devices().search(case).window(window).collect(),
        Client::Reqwest(client, runtime) => {
            runtime.block_on(client.devices().search(case).window(window).collect())
        }
    }
}

/// Which page was asked for, and of which case.
fn asked(request: &Request) -> (u64, usize) {
    let parameter = |name: &str| {
        let text = target(request).split(['?', '&']).find_map(|part| part.strip_prefix(name)).unwrap();
        text.parse::<u64>().unwrap()
    };
    (parameter("currentPage="), parameter("search=") as usize)
}

#[test]
fn r12_listing_of_a_server_that_lies_is_whole_or_an_error() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R12", name);
        let cases = share(1_500, 100_000);
        let mut random = trial.random();
        let plans: Arc<Vec<_>> = Arc::new((0..cases).map(|_| Plan::random(&mut random)).collect());
        let requests = Arc::new(Mutex::new(vec![Vec::new(); plans.len()]));
        let (known, counted) = (Arc::clone(&plans), Arc::clone(&requests));
        let server = serve(move |request, stream| {
            let (page, case) = asked(request);
            counted.lock().unwrap()[case].push(page);
            respond(stream, "200 OK", "", known[case].say(page).json().to_string());
        });
        let client = client(name, settings(&server.http()).build().unwrap());
        let results = each(cases, 8, |case| list(&client, case, plans[case as usize].window));
        let requests = requests.lock().unwrap();
        for ((plan, result), requests) in plans.iter().zip(&results).zip(requests.iter()) {
            trial.case(plan.judge(result, requests));
        }
        let lied = plans.iter().filter(|plan| !plan.lies.is_empty()).count();
        let whole = results.iter().filter(|result| result.is_ok()).count();
        trial.measured(format!("{lied} servers lied; {whole} listings were whole, the others an error"));
        trial.holds(whole > plans.len() / 10 && whole < lied, || format!("{whole} listings were whole"));
        trial.end();
    }
}

/// How a server is that always has one page more.
#[derive(Clone, Copy, Debug)]
enum Endless {
    SaysNothing,
    OnePageMore,
    Millions,
    AlwaysLast,
    Empty,
}

impl Endless {
    fn page(self, page: u64) -> Value {
        let mut said = json!({"content": [{"uuid": format!("device-{page}")}], "number": page});
        match self {
            Self::SaysNothing => {}
            Self::OnePageMore => said["totalPages"] = json!(page + 2),
            Self::Millions => said["totalPages"] = json!(u64::MAX),
            Self::AlwaysLast => (said["last"], said["totalPages"]) = (json!(true), json!(page + 2)),
            Self::Empty => (said["content"], said["totalPages"]) = (json!([]), json!(page + 2)),
        }
        said
    }
}

#[test]
fn r12_listing_without_an_end_is_given_up() {
    let endless =
        [Endless::SaysNothing, Endless::OnePageMore, Endless::Millions, Endless::AlwaysLast, Endless::Empty];
    for name in Client::NAMES {
        let mut trial = Trial::new("R12", name);
        for kind in endless {
            for (most, window) in
                [1, 10, 100].into_iter().flat_map(|most| [1, 8, 64].map(|window| (most, window)))
            {
                let requests = Arc::new(AtomicU64::new(0));
                let counted = Arc::clone(&requests);
                let server = serve(move |request, stream| {
                    counted.fetch_add(1, Ordering::Relaxed);
                    respond(stream, "200 OK", "", kind.page(asked(request).0).to_string());
                });
                let config = settings(&server.http()).max_pages(most).build().unwrap();
                let result = list(&client(name, config), 0, window);
                let requests = requests.load(Ordering::Relaxed);
                // Many empty pages in a row are given up before that.
                let expected = match kind {
                    Endless::Empty if most > 64 => ErrorKind::Listing,
                    _ => ErrorKind::TooManyPages,
                };
                let kept = result.as_ref().is_err_and(|error| error.kind() == expected);
                trial.holds(kept && requests <= most + 1, || {
                    let found = result.map(|fleet| fleet.pages);
                    format!("{kind:?}, {most} pages at most, window {window}: {requests} requests, {found:?}")
                });
            }
        }
        trial.end();
    }
}
