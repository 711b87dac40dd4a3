//! A service with a limit: the session holds back as a whole, and what waits is done in the end.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use things_core::{ListDevices, Stop};
use things_sim::Sim;

use crate::client::{Client, quick, settings};
use crate::clock::ManualClock;
use crate::service;
use crate::trial::{Trial, share};

const SECOND: Duration = Duration::from_secs(1);

/// A page of one device, of this many.
fn page(target: &str, pages: u64) -> String {
    let number = target.split(['?', '&']).find_map(|pair| pair.strip_prefix("currentPage="));
    let number: u64 = number.and_then(|number| number.parse().ok()).unwrap_or_default();
    let content: Vec<_> =
        (number..pages.min(number + 1)).map(|number| json!({"uuid": format!("u-{number}")})).collect();
    json!({"content": content, "number": number, "size": 1, "totalPages": pages, "totalElements": pages,
        "last": number + 1 >= pages})
    .to_string()
}

/// When the service refused, and when it got a request before the time that it had asked for.
#[derive(Default)]
struct Met {
    last: Option<Instant>,
    /// When the answer that asked to wait was certainly there, and the end of that wait.
    asked: Option<(Instant, Instant)>,
    refused: u32,
    early: u32,
}

#[test]
fn r37_listing_finishes_under_a_limit_of_one_request_per_second() {
    let pages = share(8, 60);
    let trials = Client::NAMES.map(|name| {
        thread::spawn(move || {
            let mut trial = Trial::new("R37", name);
            let met = Arc::new(Mutex::new(Met::default()));
            let seen = Arc::clone(&met);
            let server = service::serve(move |request, stream| {
                let now = Instant::now();
                let mut met = seen.lock().unwrap();
                // What was in flight when the service refused could not know.
                met.early += u32::from(met.asked.is_some_and(|(known, until)| now > known && now < until));
                if met.last.is_some_and(|last| now < last + SECOND) {
                    met.refused += 1;
                    met.asked = Some((now + SECOND / 2, now + SECOND));
                    return service::respond(stream, "429 Too Many Requests", "retry-after: 1\r\n", "");
                }
                met.last = Some(now);
                service::respond(stream, "200 OK", "", page(service::target(request), pages));
            });
            let client = service::client(name, service::settings(&server.http()).build().unwrap());
            let began = Instant::now();
            let listed = client.collect(8, None).map(|fleet| fleet.devices.len() as u64);
            let took = began.elapsed();
            trial.holds(listed.as_ref().is_ok_and(|devices| *devices == pages), || format!("{listed:?}"));
            let met = met.lock().unwrap();
            trial.holds(met.early == 0, || format!("{} requests came too early", met.early));
            trial.measured(format!("{pages} pages in {took:.0?}, {} refused", met.refused));
            trial.end();
        })
    });
    for trial in trials {
        trial.join().unwrap();
    }
}

#[test]
fn r37_refusal_holds_back_calls_that_begin_after_it() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R37", name);
        let sim = Sim::builder().keep_requests(0).start().unwrap();
        let client = Client::new(name, settings(&sim).timeout(20 * SECOND).build().unwrap());
        let read = ListDevices::new().page_size(1);
        client.call(&read).unwrap();
        for status in [429, 503] {
            sim.add_fault(format!("devices@1=status:{status},Retry-After:60").parse().unwrap());
            let clock = ManualClock::new();
            let config = settings(&sim).timeout(20 * SECOND).build().unwrap();
            let client = Client::new(name, config).with_clock(clock.clone());
            let first = client.call(&read).unwrap_err();
            let before = sim.calls_total();
            for result in client.together(16, &read) {
                let told = result.as_ref().err().map(|error| (error.attempts(), error.gave_up_because()));
                let wait = result.as_ref().err().and_then(|error| error.retry_after());
                trial.holds(
                    told == Some((0, Some(Stop::Deadline))) && wait.is_some_and(|wait| wait >= 60 * SECOND),
                    || format!("{status}, after {first}: {result:?}"),
                );
            }
            let requests = sim.calls_total() - before;
            trial.holds(requests == 0, || format!("{status}: {requests} requests too early"));
            sim.clear_faults();
            clock.advance(61 * SECOND);
            let result = client.call(&read);
            trial.holds(result.is_ok(), || format!("{status}, after the wait: {result:?}"));
        }
        trial.end();
    }
}

#[test]
fn r37_client_with_few_calls_gets_its_retries_back_after_an_outage() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R37", name);
        let sim = Sim::builder().keep_requests(0).start().unwrap();
        let clock = ManualClock::new();
        let client =
            Client::new(name, settings(&sim).retry(quick(3)).build().unwrap()).with_clock(clock.clone());
        let read = ListDevices::new().page_size(1);
        client.call(&read).unwrap();
        sim.add_fault("any=status:500".parse().unwrap());
        // A call a minute, an hour long.
        for _ in 0..60 {
            clock.advance(60 * SECOND);
            let _ = client.call(&read);
        }
        for minute in 0..15 {
            sim.clear_faults();
            sim.add_fault("devices@1=status:500".parse().unwrap());
            clock.advance(60 * SECOND);
            let result = client.call(&read);
            trial.holds(result.is_ok(), || format!("minute {minute} after the outage: {result:?}"));
        }
        trial.end();
    }
}
