//! Listings of a small simulated fleet.

mod cases;
mod driver;
mod limits;
mod schedules;

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::*;

/// A service with numbered devices, and the values that its pages report.
#[derive(Debug, Clone)]
struct Service {
    fleet: BTreeSet<u32>,
    /// The maximum page size.
    cap: usize,
    /// Whether `size`, `totalElements` and `last` are those of a page that was not capped.
    silent: bool,
    echo: Value,
    honours_descending: bool,
}

/// A request as sent.
#[derive(Debug, Clone, Copy)]
struct Request {
    number: usize,
    size: usize,
    descending: bool,
}

impl Service {
    fn new(devices: u32) -> Self {
        Self {
            fleet: (0..devices).collect(),
            cap: 1_000,
            silent: false,
            echo: json!([{"property": "uuid", "direction": "ASC"}]),
            honours_descending: true,
        }
    }

    fn remove(&mut self, devices: impl IntoIterator<Item = u32>) {
        for device in devices {
            self.fleet.remove(&device);
        }
    }

    /// The page as JSON, which a test may change.
    fn page(&self, request: Request) -> Value {
        let size = request.size.min(self.cap);
        let mut order: Vec<u32> = self.fleet.iter().copied().collect();
        if request.descending && self.honours_descending {
            order.reverse();
        }
        let listed: Vec<u32> = order.iter().copied().skip(request.number * size).take(size).collect();
        let said = if self.silent { request.size } else { size };
        let behind = request.number * said + listed.len();
        let total = if self.silent && listed.len() < request.size && !listed.is_empty() {
            behind
        } else {
            order.len()
        };
        json!({
            "content": listed.iter().map(|number| json!({"uuid": uuid(*number)})).collect::<Vec<_>>(),
            "size": said, "number": request.number, "totalElements": total, "first": request.number == 0,
            "last": (request.number + 1) * said >= total, "sort": self.echo,
        })
    }
}

fn uuid(number: u32) -> String {
    format!("{number:08x}-0000-4000-8000-000000000000")
}

fn number(device: &Device) -> u32 {
    u32::from_str_radix(&device.uuid()[..8], 16).unwrap()
}

fn read(page: &Value) -> Result<Page, Error> {
    Ok(Page::from_json(page.to_string().as_bytes())?)
}

fn request(operation: &ListDevices) -> Request {
    let call = operation.encode().unwrap();
    assert_eq!(call.headers.get("cache-control").unwrap(), "no-cache");
    let value = |name: &str| {
        let (_, query) = call.target.split_once('?').unwrap();
        let pair = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        pair.unwrap().to_owned()
    };
    assert_eq!(value("sortBy"), "uuid");
    Request {
        number: value("currentPage").parse().unwrap(),
        size: value("pageSize").parse().unwrap(),
        descending: value("sortOrder") == "DESC",
    }
}

/// The outcome of a listing.
struct Listed {
    devices: Vec<u32>,
    requests: Vec<Request>,
    /// The number of devices in all responses together.
    read: usize,
    end: Result<Proof, Error>,
}

/// Lists as a driver does, and waits only for a call in flight. `pick` chooses which response arrives next.
fn list(
    mut feed: Verified,
    mut pick: impl FnMut(usize) -> usize,
    mut serve: impl FnMut(Request) -> Result<Value, Error>,
) -> Listed {
    let mut listed =
        Listed { devices: Vec::new(), requests: Vec::new(), read: 0, end: Err(Error::config("no end")) };
    let mut flying = Vec::new();
    while !feed.is_finished() {
        let item = feed.take();
        while let Want::Call { ticket, operation, .. } =
            feed.want(Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH))
        {
            listed.requests.push(request(&operation));
            flying.push((ticket, request(&operation)));
        }
        match item {
            Some(Ok(devices)) => {
                listed.devices.extend(devices.iter().map(number));
                assert_eq!(feed.fleet(Vec::new()).report.devices, listed.devices.len() as u64);
            }
            Some(Err(error)) => {
                listed.end = Err(error);
                assert!(feed.is_finished() && feed.proof().is_none());
                return listed;
            }
            None if feed.is_finished() => {}
            None => {
                assert!(!flying.is_empty(), "neither finished nor anything to wait for");
                assert!(listed.requests.len() < 5_000, "no end");
                let (ticket, request) = flying.remove(pick(flying.len()));
                let page = serve(request);
                listed.read += page.as_ref().map_or(0, |page| page["content"].as_array().map_or(0, Vec::len));
                feed.accept(ticket, page.and_then(|page| read(&page)));
            }
        }
    }
    listed.end = Ok(feed.proof().unwrap());
    listed
}

fn feed(size: u32, window: usize) -> Verified {
    Verified::new(ListDevices::new().page_size(size), window)
}

fn quiet(service: &Service, feed: Verified) -> Listed {
    list(feed, |_| 0, |request| Ok(service.page(request)))
}

impl Listed {
    fn incomplete(self) -> (String, Vec<String>) {
        let error = self.end.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Incomplete, "{error}");
        let incomplete = error.incomplete().unwrap();
        (incomplete.why.clone(), incomplete.gaps.iter().map(ToString::to_string).collect())
    }

    fn proof(&self) -> Proof {
        *self.end.as_ref().unwrap()
    }
}
