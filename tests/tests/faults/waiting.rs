//! `Retry-After`: no request comes earlier than the server asks, and what cannot be waited for is an error that says so.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use things_core::{Error, Outcome, Stop};

use crate::client::{Client, each};
use crate::service::{Ask, PAGE, case, client, respond, serve, settings, target, token};
use crate::trial::{Trial, share};

/// Where the server refuses, and what is called.
const PLACES: [(&str, Ask); 4] = [
    ("/api/devices", Ask::Page),
    ("/api/actuator/downlinks", Ask::Downlink),
    ("/context-switch", Ask::Customer),
    ("/token", Ask::Page),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Asked {
    /// To wait for so long.
    Wait(Duration),
    /// To wait until a second of the wall clock that is so far away.
    Until(Duration),
    /// Nothing that could be understood.
    Nothing,
    /// To wait for longer than there is time or patience.
    TooMuch(Option<Duration>, Stop),
}

#[derive(Clone, Debug)]
struct Refusal {
    place: (&'static str, Ask),
    status: &'static str,
    headers: String,
    asked: Asked,
    /// How often it refuses before it answers.
    times: usize,
}

/// What a server says, and what it asks for by that.
fn asks() -> Vec<(String, Asked)> {
    let seconds = Duration::from_secs;
    let value = |value: &str| format!("retry-after: {value}\r\n");
    let dated = |value: &str| format!("date: Sun, 06 Nov 1994 08:49:37 GMT\r\nretry-after: {value}\r\n");
    let mut asks = vec![
        (value("0"), Asked::Wait(seconds(0))),
        (value("1"), Asked::Wait(seconds(1))),
        (value(" 2 "), Asked::Wait(seconds(2))),
        (dated("Sun, 06 Nov 1994 08:49:39 GMT"), Asked::Wait(seconds(2))),
        (dated("Sun, 06 Nov 1994 08:49:07 GMT"), Asked::Wait(seconds(0))),
        (value("Sun, 06 Nov 1994 08:49:39 GMT"), Asked::Wait(seconds(0))),
        (String::new(), Asked::Until(seconds(2))),
        (value("60"), Asked::TooMuch(Some(seconds(60)), Stop::Deadline)),
        (value("121"), Asked::TooMuch(Some(seconds(121)), Stop::RetryAfterTooLong)),
        (value("1000000000"), Asked::TooMuch(Some(seconds(1_000_000_000)), Stop::RetryAfterTooLong)),
        (value("99999999999999999999"), Asked::TooMuch(Some(seconds(u64::MAX)), Stop::RetryAfterTooLong)),
        (value("Fri, 31 Dec 9999 23:59:59 GMT"), Asked::TooMuch(None, Stop::RetryAfterTooLong)),
    ];
    let garbage =
        ["", "soon", "-1", "1.5", "+3", "1e9", "0x10", "1, 2", "Sun, 99 Nov 1994 08:49:37 GMT", "\u{e9}"];
    asks.extend(garbage.map(|text| (value(text), Asked::Nothing)));
    asks
}

/// When each request came, and when it was answered, or a little earlier.
#[derive(Clone, Copy)]
struct Met {
    came: Instant,
    came_by_the_wall: SystemTime,
    /// What the wall clock has to show before the next may come.
    until: Option<SystemTime>,
}

impl Refusal {
    /// A date is of whole seconds, so it is made when it is sent.
    fn headers_now(&self) -> (String, Option<SystemTime>) {
        let Asked::Until(away) = self.asked else { return (self.headers.clone(), None) };
        let until = SystemTime::now() + away;
        let whole = until.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let until = SystemTime::UNIX_EPOCH + Duration::from_secs(whole);
        (format!("retry-after: {}\r\n", httpdate::fmt_http_date(until)), Some(until))
    }

    /// By how much the requests came later than was asked, the least of them; or which came too early.
    fn lateness(&self, met: &[Met]) -> Result<Option<Duration>, String> {
        let mut least: Option<Duration> = None;
        for (before, after) in met.iter().zip(met.iter().skip(1)).take(self.times) {
            let late = match (self.asked, before.until) {
                (Asked::Wait(asked), _) => (after.came - before.came).checked_sub(asked),
                (_, Some(until)) => after.came_by_the_wall.duration_since(until).ok(),
                _ => continue,
            };
            let Some(late) = late else {
                return Err(format!("the next request came after {:?}: {self:?}", after.came - before.came));
            };
            least = Some(least.map_or(late, |least| least.min(late)));
        }
        Ok(least)
    }

    fn judge(&self, result: &Result<(), Error>, met: &[Met]) -> Result<(), String> {
        self.lateness(met)?;
        let found = |what: String| Err(format!("{what}, after {} requests: {self:?}", met.len()));
        let unclear = self.asked == Asked::Nothing && self.status.starts_with("503");
        let (requests, fails) = match self.asked {
            Asked::TooMuch(..) => (1, true),
            _ if unclear && self.place.1 == Ask::Downlink => (1, true),
            _ if self.times >= 3 => (3, true),
            _ => (self.times + 1, false),
        };
        let error = match result {
            Ok(()) if fails => return found("no error".into()),
            Err(error) if !fails => return found(error.to_string()),
            _ if met.len() != requests => return found(format!("not {requests} requests")),
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if let Asked::TooMuch(asked, stop) = self.asked {
            let carried =
                error.retry_after().is_some_and(|carried| asked.is_none_or(|asked| carried == asked));
            if !carried || error.gave_up_because() != Some(stop) {
                return found(format!("{:?}, {:?}: {error}", error.retry_after(), error.gave_up_because()));
            }
            if error.elapsed() > Duration::from_secs(5) {
                return found(format!("told after {:?}", error.elapsed()));
            }
        }
        let outcome = match self.place.1 {
            Ask::Downlink if unclear => Some(Outcome::Unknown),
            Ask::Downlink => Some(Outcome::NotSent),
            _ => None,
        };
        if error.outcome() != outcome {
            return found(format!("{:?}: {error}", error.outcome()));
        }
        Ok(())
    }
}

#[test]
fn r13_no_request_comes_earlier_than_retry_after() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R13", name);
        let mut least = Duration::MAX;
        for _ in 0..share(1, 20) {
            let mut refusals = Vec::new();
            for (headers, asked) in asks() {
                for status in ["429 Too Many Requests", "503 Service Unavailable"] {
                    for place in PLACES {
                        for times in [1, usize::MAX] {
                            refusals.push(Refusal { place, status, headers: headers.clone(), asked, times });
                        }
                    }
                }
            }
            let refusals = Arc::new(refusals);
            let met = Arc::new(Mutex::new(vec![Vec::new(); refusals.len()]));
            let (known, seen) = (Arc::clone(&refusals), Arc::clone(&met));
            let server = serve(move |request, stream| {
                let (came, came_by_the_wall) = (Instant::now(), SystemTime::now());
                let (refusal, target) = (&known[case(request)], target(request));
                if target.contains(refusal.place.0) {
                    let (headers, until) = refusal.headers_now();
                    let mut seen = seen.lock().unwrap();
                    let met = &mut seen[case(request)];
                    met.push(Met { came, came_by_the_wall, until });
                    if met.len() <= refusal.times {
                        return respond(stream, refusal.status, &headers, "");
                    }
                }
                let body = if target.ends_with("/token") { &token() } else { PAGE };
                respond(stream, "200 OK", "", body);
            });
            // All at once, for they wait more than they work.
            let results = each(refusals.len() as u64, refusals.len(), |case| {
                let refusal = &refusals[case as usize];
                let here = format!("{}/{case}", server.http());
                let mut settings = settings(&here).token_url(format!("{here}/token"));
                if matches!(refusal.asked, Asked::TooMuch(_, Stop::RetryAfterTooLong)) {
                    settings = settings.timeout(Duration::MAX);
                }
                let client = client(name, settings.build().unwrap());
                let result = refusal.place.1.of(&client);
                // A failure to get a token is shared: who calls next asks no earlier either.
                let shared = refusal.place.0 == "/token" && matches!(refusal.asked, Asked::TooMuch(..));
                let next = shared && refusal.place.1.of(&client).is_ok();
                (result, next)
            });
            let met = met.lock().unwrap();
            for ((refusal, (result, next)), met) in refusals.iter().zip(&results).zip(met.iter()) {
                trial.case(refusal.judge(result, met));
                trial.holds(!next, || format!("the next call had a token: {refusal:?}"));
                least = refusal.lateness(met).ok().flatten().map_or(least, |late| least.min(late));
            }
        }
        trial.measured(format!("the earliest request came {least:?} after the requested time"));
        trial.end();
    }
}
