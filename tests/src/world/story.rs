//! A trace put in order: which exchanges a call had, which tokens there were.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use things_core::Stage;

use super::World;
use super::trace::{Call, Customer, Ending, Endpoint, Event, Reply, Request, Token, What};

/// What happened in a world.
pub(super) struct Story<'a> {
    pub(super) world: &'a World,
    pub(super) calls: BTreeMap<Call, Course>,
    /// The exchanges of all calls, in the order in which they were sent.
    pub(super) exchanges: Vec<Exchange>,
    /// The tokens that reached the client.
    pub(super) tokens: BTreeMap<Token, Grant>,
}

/// A place in the trace, and its time. Places are in the order of the trace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    nth: usize,
    pub(super) at: Duration,
}

/// The course of a call.
pub(super) struct Course {
    pub(super) call: Call,
    what: What,
    pub(super) customer: Option<Customer>,
    pub(super) begun: Place,
    pub(super) deadline: Duration,
    pub(super) exchanges: Vec<Exchange>,
    /// When it ended, or was dropped.
    pub(super) over: Option<Place>,
    /// What it came to, if it was not dropped.
    pub(super) ending: Option<Ending>,
    /// It waited since its last request.
    waited: bool,
}

/// A request, and what came of it.
#[derive(Clone, Copy)]
pub(super) struct Exchange {
    pub(super) call: Call,
    pub(super) request: Request,
    pub(super) sent: Place,
    /// Whether the call waited for another before.
    waited: bool,
    /// Whether the server did what was asked.
    acted: bool,
    /// When the answer came, or the call gave it up.
    pub(super) over: Option<Place>,
    pub(super) reply: Option<Reply>,
}

/// A token, as the client got it.
pub(super) struct Grant {
    pub(super) fetched: Place,
    pub(super) life: Duration,
}

impl<'a> Story<'a> {
    pub(super) fn of(world: &'a World) -> Self {
        let mut story =
            Self { world, calls: BTreeMap::new(), exchanges: Vec::new(), tokens: BTreeMap::new() };
        for (nth, entry) in world.trace.iter().enumerate() {
            story.add(Place { nth, at: entry.at }, entry.call, &entry.event);
        }
        let mut exchanges: Vec<_> =
            story.calls.values().flat_map(|course| &course.exchanges).copied().collect();
        exchanges.sort_by_key(|exchange| exchange.sent);
        Self { exchanges, ..story }
    }

    fn add(&mut self, place: Place, call: Call, event: &Event) {
        if let Event::Begins { what, customer, deadline } = *event {
            let course = Course {
                call,
                what,
                customer,
                begun: place,
                deadline,
                exchanges: Vec::new(),
                over: None,
                ending: None,
                waited: false,
            };
            self.calls.insert(call, course);
        }
        let Some(course) = self.calls.get_mut(&call) else { return };
        let exchange = course.exchanges.last_mut();
        match (event, exchange) {
            (Event::Sends(request), _) => course.exchanges.push(Exchange {
                call,
                request: *request,
                sent: place,
                waited: std::mem::take(&mut course.waited),
                acted: false,
                over: None,
                reply: None,
            }),
            (Event::Acts, Some(exchange)) => exchange.acted = true,
            (Event::Receives(reply), Some(exchange)) => {
                (exchange.over, exchange.reply) = (Some(place), Some(*reply));
                let grant = reply.token.map(|(token, life)| (token, Grant { fetched: place, life }));
                self.tokens.extend(grant);
            }
            (Event::LetsGo, Some(exchange)) => exchange.over = Some(place),
            (Event::Ends(ending), _) => (course.over, course.ending) = (Some(place), Some(*ending)),
            (Event::Waits, _) => course.waited = true,
            // The session holds it back from something else than it did last.
            (Event::Pauses { stage, .. }, Some(exchange)) => {
                let of = match exchange.request.endpoint {
                    Endpoint::Token => Stage::Token,
                    Endpoint::Switch(_) => Stage::ContextSwitch,
                    _ => Stage::Call,
                };
                course.waited |= *stage != of;
            }
            (Event::Dropped, _) => course.over = Some(place),
            _ => {}
        }
    }

    /// The latest context switch to a customer that had been done when this was sent.
    pub(super) fn switch_before(&self, exchange: &Exchange, customer: Customer) -> Option<&Exchange> {
        let mut switches = self.exchanges.iter().rev();
        switches.find(|one| {
            one.request.endpoint == Endpoint::Switch(customer)
                && one.succeeds()
                && one.is_over_before(exchange.sent)
        })
    }

    /// Whether the newest token at this place lived and was not rejected.
    pub(super) fn has_good_token(&self, place: Place) -> bool {
        let newest = self.tokens.iter().rev().find(|(_, grant)| grant.fetched < place);
        newest.is_some_and(|(token, grant)| {
            let mut carriers = self.exchanges.iter().filter(|one| one.request.token == Some(*token));
            let rejected = carriers.any(|one| one.is_rejected() && one.is_over_before(place));
            place.at < grant.fetched.at + grant.life && !rejected
        })
    }

    pub(super) fn downlinks(&self) -> impl Iterator<Item = &Course> {
        self.calls.values().filter(|course| course.what == What::Downlink)
    }
}

impl Course {
    /// The exchanges of the call itself: not those for a token or a context switch.
    pub(super) fn own(&self) -> impl DoubleEndedIterator<Item = &Exchange> {
        let own = |endpoint| !matches!(endpoint, Endpoint::Token | Endpoint::Switch(_));
        self.exchanges.iter().filter(move |exchange| own(exchange.request.endpoint))
    }

    /// When it sent a request again that had failed, other than for its token or its context switch, or because the service
    /// asked it to wait.
    pub(super) fn retries(&self) -> impl Iterator<Item = Place> {
        self.exchanges.iter().zip(self.exchanges.iter().skip(1)).filter_map(|(one, next)| {
            let again =
                next.goes_on_fetching_after(one) && !one.is_answered(&[302, 401, 403]) && !one.asks_to_wait();
            again.then_some(next.sent)
        })
    }

    /// How often the server did what the call asked.
    pub(super) fn times_done(&self) -> usize {
        self.own().filter(|exchange| exchange.acted).count()
    }
}

impl Exchange {
    /// Whether it brought what it was for.
    pub(super) fn succeeds(&self) -> bool {
        self.reply.is_some_and(|reply| match self.request.endpoint {
            Endpoint::Token => reply.token.is_some(),
            _ => reply.succeeds(),
        })
    }

    /// Whether the answer had one of these statuses.
    pub(super) fn is_answered(&self, statuses: &[u16]) -> bool {
        self.reply.and_then(|reply| reply.status.ok()).is_some_and(|status| statuses.contains(&status))
    }

    /// Whether the answer asked the session to wait.
    pub(super) fn asks_to_wait(&self) -> bool {
        let until = self.reply.and_then(|reply| reply.not_before);
        self.is_answered(&[429, 503]) && until > self.over.map(|over| over.at)
    }

    /// Whether the answer rejected the token.
    pub(super) fn is_rejected(&self) -> bool {
        self.is_answered(&[302, 401])
    }

    /// Whether it belongs to the fetch that the exchange before it began.
    pub(super) fn goes_on_fetching_after(&self, before: &Self) -> bool {
        self.request.endpoint == before.request.endpoint && !before.succeeds() && !self.waited
    }

    pub(super) fn is_over_before(&self, place: Place) -> bool {
        self.over.is_some_and(|over| over < place)
    }
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {}, a {}", self.call, self.what)?;
        self.ending.map_or(Ok(()), |ending| write!(f, " that ended {ending}"))
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {} sent {} at {:.4} s", self.call, self.request, self.sent.at.as_secs_f64())
    }
}
