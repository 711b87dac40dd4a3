//! GRIP and KPN Things with moods: right answers, refusals, failures and broken connections, as the dice fall.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};
use things_core::TransportErrorKind;

use super::trace::{Customer, Endpoint, Reply, Request, Token};
use crate::dice::Dice;

pub(super) struct Server {
    mood: Mood,
    fleet: Fleet,
    /// The tokens that are good, and until when.
    tokens: BTreeMap<Token, Duration>,
    issued: u64,
    switched: BTreeSet<Customer>,
}

/// How often what happens, in percent of the requests, and how long a request travels.
struct Mood {
    trouble_with_tokens: u64,
    trouble_with_switches: u64,
    trouble_with_calls: u64,
    revokes_tokens: u64,
    forgets_switches: u64,
    /// A new token ends the ones before.
    one_token: bool,
    is_slow: u64,
    slow_ms: u64,
    quick_ms: u64,
}

/// The devices that there are, and how they are paged.
#[derive(Clone, Copy)]
pub(super) struct Fleet {
    pub(super) devices: u64,
    largest_page: u64,
    says_last: bool,
    says_total: bool,
}

/// What the server does with a request.
pub(super) struct Treatment {
    /// Whether it did what was asked, whatever its answer says.
    pub(super) acted: bool,
    pub(super) end: End,
}

/// What comes of an exchange.
pub(super) enum End {
    Answer(Answer),
    /// Nothing, ever.
    Silence,
    Broken(TransportErrorKind),
}

pub(super) struct Answer {
    status: u16,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
    asks: Option<Ask>,
    token: Option<(Token, Duration)>,
}

/// How long to wait, as `Retry-After` says it.
#[derive(Clone, Copy)]
enum Ask {
    In(Duration),
    At(Duration),
}

impl Server {
    pub(super) fn new(dice: &Dice) -> Self {
        let mood = Mood {
            trouble_with_tokens: dice.pick([0, 0, 5, 30, 80]),
            trouble_with_switches: dice.pick([0, 0, 5, 30, 80]),
            trouble_with_calls: dice.pick([0, 5, 5, 30, 80, 100]),
            revokes_tokens: dice.pick([0, 0, 3, 20]),
            forgets_switches: dice.pick([0, 0, 3, 20]),
            one_token: dice.percent(30),
            is_slow: dice.pick([0, 5, 40]),
            slow_ms: dice.pick([1_000, 20_000]),
            quick_ms: dice.pick([2, 20, 200]),
        };
        let fleet = Fleet {
            devices: dice.below(40),
            largest_page: dice.pick([3, 7, 20]),
            says_last: dice.percent(80),
            says_total: dice.percent(80),
        };
        Self { mood, fleet, tokens: BTreeMap::new(), issued: 0, switched: BTreeSet::new() }
    }

    pub(super) fn fleet(&self) -> Fleet {
        self.fleet
    }

    /// How long a request, or its response, is in flight.
    pub(super) fn travel(&self, dice: &Dice) -> Duration {
        dice.ms(if dice.percent(self.mood.is_slow) { self.mood.slow_ms } else { self.mood.quick_ms })
    }

    /// Takes a request that came to the server, or should have.
    pub(super) fn take(&mut self, request: Request, now: Duration, dice: &Dice) -> Treatment {
        if dice.percent(self.mood.revokes_tokens) {
            self.tokens.clear();
        }
        if dice.percent(self.mood.forgets_switches) {
            self.switched.clear();
        }
        let trouble = match request.endpoint {
            Endpoint::Token => self.mood.trouble_with_tokens,
            Endpoint::Switch(_) => self.mood.trouble_with_switches,
            _ => self.mood.trouble_with_calls,
        };
        if dice.percent(trouble) { self.spoil(request, now, dice) } else { self.serve(request, now, dice) }
    }

    /// The right answer.
    fn serve(&mut self, request: Request, now: Duration, dice: &Dice) -> Treatment {
        let good = |token| self.tokens.get(&token).is_some_and(|until| now < *until);
        if request.endpoint != Endpoint::Token && !request.token.is_some_and(good) {
            return refusal(Answer::redirect(dice.pick([302, 302, 401])));
        }
        if request.customer.is_some_and(|customer| !self.switched.contains(&customer)) {
            return refusal(Answer::of(403));
        }
        Treatment { acted: true, end: End::Answer(self.act(request, now, dice)) }
    }

    /// What goes wrong instead. Whatever HTTP and KPN document as a refusal is one: nothing was done.
    fn spoil(&mut self, request: Request, now: Duration, dice: &Dice) -> Treatment {
        match dice.below(10) {
            0..3 => {
                let mut answer = Answer::redirect(dice.pick([302, 400, 401, 403, 404, 429, 429, 503, 503]));
                if matches!(answer.status, 429 | 503) {
                    answer.ask_to_wait(now, dice);
                }
                if answer.status == 503 && answer.asks.is_none() {
                    return self.perhaps(request, now, dice, End::Answer(answer));
                }
                refusal(answer)
            }
            3..6 => {
                let mut answer = Answer::redirect(dice.pick([408, 500, 502, 503, 504, 307]));
                if answer.status != 503 && dice.percent(20) {
                    answer.ask_to_wait(now, dice);
                }
                self.perhaps(request, now, dice, End::Answer(answer))
            }
            6..8 => {
                use TransportErrorKind::{Connect, Interrupted, Other, Timeout, TooLarge};
                match dice.pick([Connect, Timeout, Interrupted, Interrupted, TooLarge, Other]) {
                    Connect => Treatment { acted: false, end: End::Broken(Connect) },
                    kind => self.perhaps(request, now, dice, End::Broken(kind)),
                }
            }
            8 => self.perhaps(request, now, dice, End::Silence),
            _ => {
                // It worked, whatever stands between says in its place.
                self.act(request, now, dice);
                let body = Bytes::from_static(b"<html>Please log in</html>");
                Treatment { acted: true, end: End::Answer(Answer { body, ..Answer::of(200) }) }
            }
        }
    }

    /// Does what was asked, or not: the answer does not tell.
    fn perhaps(&mut self, request: Request, now: Duration, dice: &Dice, end: End) -> Treatment {
        let acted = dice.percent(50);
        if acted {
            self.act(request, now, dice);
        }
        Treatment { acted, end }
    }

    /// Does what was asked.
    fn act(&mut self, request: Request, now: Duration, dice: &Dice) -> Answer {
        match request.endpoint {
            Endpoint::Token => self.issue(now, dice),
            Endpoint::Switch(customer) => {
                self.switched.insert(customer);
                Answer::of(dice.pick([200, 204]))
            }
            Endpoint::Devices { page, size } => Answer::json(&self.fleet.page(page, size)),
            Endpoint::Downlink => Answer { body: "{}".into(), ..Answer::of(dice.pick([200, 201, 202, 204])) },
            Endpoint::Read | Endpoint::Elsewhere => Answer::of(200),
        }
    }

    fn issue(&mut self, now: Duration, dice: &Dice) -> Answer {
        self.issued += 1;
        let token = Token(self.issued);
        let (expires_in, life) = life(dice);
        if self.mood.one_token {
            self.tokens.clear();
        }
        self.tokens.insert(token, now + life);
        let mut body = json!({"access_token": token.to_string()});
        if let (Some(expires_in), Some(fields)) = (expires_in, body.as_object_mut()) {
            fields.insert("expires_in".into(), expires_in);
        }
        Answer { token: Some((token, life)), ..Answer::json(&body) }
    }
}

/// An `expires_in`, and the life it means: an hour where it says nothing, and from 2 s to a day.
fn life(dice: &Dice) -> (Option<Value>, Duration) {
    let (expires_in, seconds) = match dice.below(10) {
        0 => (None, 3_600),
        1 => (Some(json!("soon")), 3_600),
        2 => (Some(json!(1e12)), 86_400),
        3 => (Some(json!(-5)), 2),
        4 => (Some(json!("0")), 2),
        5 => (Some(json!("30")), 30),
        _ => {
            let seconds = dice.pick([3, 5, 20, 3_600]);
            (Some(json!(seconds)), seconds)
        }
    };
    (expires_in, Duration::from_secs(seconds))
}

/// An answer to what was not done.
fn refusal(answer: Answer) -> Treatment {
    Treatment { acted: false, end: End::Answer(answer) }
}

impl Fleet {
    fn page(self, number: u64, size: Option<u64>) -> Value {
        let size = size.unwrap_or(20).min(self.largest_page);
        let end = self.devices.min((number + 1) * size);
        let content: Vec<_> = (number * size..end)
            .map(|device| json!({"uuid": device.to_string(), "name": format!("device {device}")}))
            .collect();
        let pages = self.devices.div_ceil(size);
        json!({
            "content": content,
            "number": number,
            "size": size,
            "last": self.says_last && number + 1 >= pages,
            "totalPages": self.says_total.then_some(pages),
            "totalElements": self.says_total.then_some(self.devices),
        })
    }
}

impl Answer {
    fn of(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), asks: None, token: None }
    }

    /// An answer that, if it is a redirect, points where nothing should be sent.
    fn redirect(status: u16) -> Self {
        let mut answer = Self::of(status);
        if matches!(status, 300..=399) {
            answer.headers.push((header::LOCATION, "https://elsewhere.example/".into()));
        }
        answer
    }

    fn json(body: &Value) -> Self {
        Self { body: body.to_string().into(), ..Self::of(200) }
    }

    /// Sets `Retry-After` in one of its forms, or to what is none, or not at all.
    fn ask_to_wait(&mut self, now: Duration, dice: &Dice) {
        let seconds = dice.pick([0, 1, 2, 5, 30, 200]);
        let wait = Duration::from_secs(seconds);
        let whole = Duration::from_secs(now.as_secs());
        let (text, asks) = match dice.below(6) {
            0..3 => (seconds.to_string(), Ask::In(wait)),
            3 => (date(whole + wait), Ask::At(whole + wait)),
            4 => {
                // The server's clock goes wrong, and says so.
                let theirs = whole + Duration::from_secs(3_600);
                self.headers.push((header::DATE, date(theirs)));
                (date(theirs + wait), Ask::In(wait))
            }
            _ => {
                if dice.percent(50) {
                    self.headers.push((header::RETRY_AFTER, "soon".into()));
                }
                return;
            }
        };
        self.headers.push((header::RETRY_AFTER, text));
        self.asks = Some(asks);
    }

    /// The answer, and what it says, as it comes in now.
    pub(super) fn arrive(self, now: Duration) -> (Response<Bytes>, Reply) {
        let reply = Reply {
            status: Ok(self.status),
            not_before: self.asks.map(|ask| match ask {
                Ask::In(wait) => now + wait,
                Ask::At(moment) => moment,
            }),
            token: self.token,
        };
        let mut response = Response::new(self.body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or_default();
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().append(name, value);
            }
        }
        (response, reply)
    }
}

/// An HTTP date of the first day of every world, which no world outlives.
fn date(since_start: Duration) -> String {
    let seconds = since_start.as_secs();
    format!("Thu, 01 Jan 2026 {:02}:{:02}:{:02} GMT", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}
