//! Listings whose threads or tasks do not come to their end.

use std::convert::Infallible;
use std::io::Write;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use serde_json::json;
use things_core::{
    Builder, Credentials, Error, ErrorKind, Feed, FeedClient, ListDevices, Moment, Page, Pages, RetryPolicy,
    Ticket, Want,
};
use things_reqwest::StreamExt;
use things_sim::{Quirk, Sim, SortByUuid, SortEcho};

use crate::client::settings;
use things_tests::server::{Server, answer, read_request, wait_for_the_end};

/// A fleet of pages with one device each. From `stalled` on pages are asked for and never come.
fn fleet(pages: u64, stalled: u64) -> Server {
    Server::start(move |mut stream| {
        while let Some(request) = read_request(&mut stream) {
            let number =
                request.head.split(['?', '&', ' ']).find_map(|part| part.strip_prefix("currentPage="));
            let number = number.map_or(0, |number| number.parse().unwrap());
            if number >= stalled {
                return wait_for_the_end(&mut stream);
            }
            let devices = [json!({"uuid": format!("device {number}")})];
            let page = json!({"content": devices, "number": number, "size": 1, "totalPages": pages,
                "totalElements": pages, "last": number + 1 == pages});
            answer(&mut stream, &page.to_string());
        }
    })
}

#[test]
fn pages_lost_with_a_runtime_are_an_error_and_not_the_end() {
    let server = fleet(20, 2);
    let client = things_reqwest::Client::new(settings(&server.http()).build().unwrap()).unwrap();
    let mut pages = client.devices().window(4).pages();
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let first = runtime();
    for number in 0..2 {
        assert_eq!(first.block_on(pages.next()).unwrap().unwrap().number, Some(number));
    }
    first.shutdown_background();
    let second = runtime();
    let error = second.block_on(pages.next()).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert!(second.block_on(pages.next()).is_none());
}

#[test]
fn a_listing_stopped_from_another_thread_asks_for_nothing_more() {
    let (asked, requests) = mpsc::channel();
    let (held, stopped) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let server = {
        let (held, stopped) = (Arc::clone(&held), Arc::clone(&stopped));
        Server::start(move |mut stream| {
            asked.send(read_request(&mut stream).unwrap().head).unwrap();
            held.wait();
            stopped.wait();
            // A page that breaks off is asked for again, by a listing that is wanted.
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{").unwrap();
        })
    };
    let config = settings(&server.http()).retry(RetryPolicy::default()).build().unwrap();
    let mut pages = things_ureq::Client::new(config).unwrap().devices().pages();
    let stopper = pages.stopper();
    thread::scope(|scope| {
        scope.spawn(|| {
            held.wait();
            stopper.stop();
            stopped.wait();
        });
        let error = pages.next().unwrap().unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Cancelled, "the listing was stopped"));
    });
    assert!(pages.next().is_none());
    drop(pages);
    stopper.stop();
    assert_eq!(requests.try_iter().count(), 1);
}

/// The pages of a listing, without handing any out: its end comes without an item.
struct Silent(Pages);

impl Feed for Silent {
    type Operation = ListDevices;
    type Commit = Infallible;
    type Item = Page;

    fn committed(&mut self, never: Infallible) {
        match never {}
    }

    fn want(&mut self, now: Moment) -> Want<ListDevices> {
        self.0.want(now)
    }

    fn accept(&mut self, ticket: Ticket, page: Result<Page, Error>) {
        self.0.accept(ticket, page);
    }

    fn take(&mut self) -> Option<Result<Page, Error>> {
        while self.0.take().is_some() {}
        None
    }

    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

#[test]
fn a_feed_can_end_without_an_item() {
    let server = fleet(5, 5);
    let config = settings(&server.http()).build().unwrap();
    let feed = || Silent(Pages::new(ListDevices::new(), 4));
    let client = things_reqwest::Client::new(config.clone()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert!(runtime.block_on(async { client.items(feed()).next().await }).is_none());
    // A thread that waits for ever is left behind.
    let (ended, end) = mpsc::channel();
    let mut items = things_ureq::Client::new(config).unwrap().items(feed());
    thread::spawn(move || ended.send(items.next().is_none()));
    assert_eq!(end.recv_timeout(Duration::from_secs(60)), Ok(true));
}

#[test]
fn a_caller_can_vouch_for_an_order_that_the_devices_do_not_show() {
    let quirks = [Quirk::SortByUuid(SortByUuid::Ignored), Quirk::SortEcho(SortEcho::Absent)];
    let sim =
        quirks.into_iter().fold(Sim::builder().devices(30), |sim, quirk| sim.quirk(quirk)).start().unwrap();
    let known = sim.credentials();
    let credentials = Credentials::new(&known.tenant_id, &known.key_id, &*known.key_secret)
        .application_id(&known.application_id);
    let config = Builder::new(credentials, Ok).base_url(sim.url()).grip_base_url(sim.url()).build();
    let client = things_ureq::Client::new(config.unwrap()).unwrap();
    let verified = || client.devices().page_size(20).verified();
    assert_eq!(verified().collect().unwrap_err().kind(), ErrorKind::Incomplete);
    assert_eq!(verified().vouch_for_order().collect().unwrap().devices.len(), 30);
}

/// Threads need memory for their stacks: of that there is none left.
#[cfg(target_os = "linux")]
mod without_threads {
    use std::process::{self, Command};
    use std::{env, fs, thread};

    use things_core::RawCall;

    use super::{fleet, settings};
    use crate::child;

    const BASE_URL: &str = "THINGS_TESTS_BASE_URL";
    /// What the stack of a thread takes, and less than that is left.
    const STACK: u64 = 64 << 20;

    #[test]
    fn a_listing_goes_on() {
        let server = fleet(50, u64::MAX);
        let variables = [(BASE_URL, &*server.http()), ("RUST_MIN_STACK", &STACK.to_string())];
        assert_eq!(child::run("listing::without_threads::listing_of_a_child", variables), "50 devices");
    }

    #[test]
    #[ignore = "a part of another test, in a process of its own"]
    fn listing_of_a_child() {
        let config = settings(&env::var(BASE_URL).unwrap()).build().unwrap();
        let client = things_ureq::Client::new(config).unwrap();
        client.request(&RawCall::get("/")).unwrap();
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")?.strip_suffix("kB")).unwrap();
        let most = size.trim().parse::<u64>().unwrap() * 1024 + STACK / 2;
        let limit = [format!("--pid={}", process::id()), format!("--as={most}")];
        assert!(Command::new("prlimit").args(limit).status().unwrap().success());
        // Stacks of threads that ended are kept, and taken again.
        while thread::Builder::new().spawn(thread::park).is_ok() {}
        child::tell(&format!("{} devices", client.devices().window(8).collect().unwrap().devices.len()));
    }
}
