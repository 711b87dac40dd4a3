//! The driver: it does the steps of all calls, in the order of their times, against the replies of the plan.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::slice;
use std::task::Waker;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Response};
use things_core::{
    Answer, Downlink, Error, Exchange, FPort, Feed, ListDevices, Moment, Operation, Page, Pages, Pause,
    RawCall, RetryPolicy, Session, Step, Ticket, TransportError, TransportErrorKind, Turn, Want, finish,
};

use super::oracle::{Call, Endpoint, Oracle};
use super::plan::{EMPTY_PAGE, End, Life, Plan, Reply, Span, What, headers, true_page};
use crate::account::{bearer, config, response};

pub(super) struct World<'a> {
    plan: &'a Plan,
    session: Session,
    now: Cell<Duration>,
    /// So many seconds the wall clock is wrong.
    wall: Cell<i64>,
    replies: RefCell<slice::Iter<'a, Reply>>,
    agenda: RefCell<BTreeSet<(Duration, Happening)>>,
    running: RefCell<BTreeMap<u64, Running<'a>>>,
    listings: RefCell<BTreeMap<usize, Listing>>,
    oracle: RefCell<Oracle>,
    calls: Cell<u64>,
    steps: Cell<u64>,
    traced: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Begins(usize),
    Cancelled(usize),
    GoesOn(u64),
}

struct Running<'a> {
    call: Call,
    of: Of,
    doing: Doing<'a>,
}

/// The caller of a call, and what its result is for.
struct Of {
    caller: usize,
    page: Option<Ticket>,
}

enum Doing<'a> {
    Exchange {
        exchange: Exchange,
        endpoint: Endpoint,
        token: String,
        reply: &'a Reply,
        until: Duration,
        in_time: bool,
    },
    Pause(Pause),
    Wait(Turn),
}

struct Listing {
    session: Session,
    customer: Option<String>,
    timeout: Duration,
    until: Duration,
    pages: Pages,
    window: usize,
    asked: BTreeSet<u64>,
    landed: usize,
    taken: Vec<String>,
    failed: bool,
    pumping: bool,
}

/// A listing that names order and page size: no default of the library is tried in its place.
fn query() -> ListDevices {
    ListDevices::new().sort_by("uuid").page_size(20)
}

/// What comes when the replies of the plan are used up.
const GOOD: &Reply = &Reply { after: Span::None, late: Span::Usual, clock_set: 0, end: End::Good };

impl<'a> World<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        let mut policy = RetryPolicy::default();
        policy.max_attempts = 1 + u32::from(plan.attempts % 5);
        policy.base_delay = plan.base_delay.or(policy.base_delay);
        policy.max_retry_after = plan.max_retry_after.or(policy.max_retry_after);
        let attempt_timeout = plan.attempt_timeout.or(Duration::from_secs(15)).max(Duration::from_nanos(1));
        let config = config(policy, attempt_timeout);
        let mut agenda = BTreeSet::new();
        for (place, caller) in plan.callers.iter().enumerate() {
            let Some(caller) = caller else { continue };
            let begins = caller.begins.or(Duration::ZERO);
            agenda.insert((begins, Happening::Begins(place)));
            if let Some(after) = caller.cancelled {
                let after = after.or(Duration::from_millis(5));
                agenda.insert((begins.saturating_add(after), Happening::Cancelled(place)));
            }
        }
        Self {
            plan,
            session: Session::new(config, plan.seed.into()),
            now: Cell::default(),
            wall: Cell::default(),
            replies: RefCell::new(plan.replies.iter()),
            agenda: RefCell::new(agenda),
            running: RefCell::default(),
            listings: RefCell::default(),
            oracle: RefCell::new(Oracle::new(policy.max_attempts, attempt_timeout)),
            calls: Cell::default(),
            steps: Cell::default(),
            traced: std::env::var_os("THINGS_TRACE").is_some(),
        }
    }

    /// Lets everything happen, to its end.
    pub(super) fn run(&self) {
        while self.go_on() {}
        for listing in self.listings.borrow().values() {
            assert!(listing.pages.is_finished(), "a listing came to no end");
            self.is_whole(listing);
        }
    }

    /// What is next in time happens. Says whether there was anything.
    fn go_on(&self) -> bool {
        let next = self.next();
        let Some((at, happening)) = next else { return false };
        self.steps.set(self.steps.get() + 1);
        let most = 100 + 20 * (self.plan.replies.len() as u64 + self.calls.get());
        assert!(self.steps.get() <= most, "no end after {} steps", self.steps.get());
        self.now.set(at.max(self.now.get()));
        self.agenda.borrow_mut().remove(&(at, happening));
        match happening {
            Happening::Begins(caller) => self.begin(caller),
            Happening::Cancelled(caller) => self.cancel(caller),
            Happening::GoesOn(id) => self.resume(id),
        }
        true
    }

    fn next(&self) -> Option<(Duration, Happening)> {
        let agenda = self.agenda.borrow().first().copied();
        let running = self.running.borrow();
        let going_on = running.iter().map(|(id, running)| {
            let at = match &running.doing {
                Doing::Exchange { until, .. } => *until,
                Doing::Pause(pause) => pause.until().monotonic(),
                Doing::Wait(turn) if turn.poll(Waker::noop()).is_ready() => self.now.get(),
                Doing::Wait(turn) => turn.deadline().monotonic(),
            };
            (at, Happening::GoesOn(*id))
        });
        going_on.chain(agenda).min()
    }

    fn begin(&self, place: usize) {
        let Some(caller) = &self.plan.callers[place] else { return };
        let customer = Some(caller.customer % 3).filter(|number| *number > 0);
        let customer = customer.map(|number| format!("customer-{number}"));
        let timeout = caller.timeout.or(Duration::from_secs(30));
        let mut session = self.session.with_timeout(timeout);
        if let Some(customer) = &customer {
            session = session.for_customer(customer).unwrap();
        }
        let listing = |window: usize, until: Option<Duration>| Listing {
            session: until.map_or_else(
                || session.clone(),
                |until| session.with_deadline(Moment::new(until, SystemTime::UNIX_EPOCH)),
            ),
            customer: customer.clone(),
            timeout,
            until: until.unwrap_or(Duration::MAX),
            pages: Pages::new(query(), window),
            window,
            asked: BTreeSet::new(),
            landed: 0,
            taken: Vec::new(),
            failed: false,
            pumping: false,
        };
        let of = Of { caller: place, page: None };
        let deadline = self.now.get().saturating_add(timeout);
        match caller.what {
            What::Read => self.start(of, &session, self.call(false, customer, deadline), &RawCall::get("/x")),
            What::Downlink => {
                let call = self.call(true, customer, deadline);
                let downlink =
                    Downlink::raw("0059AC0000181EB6".parse().unwrap(), FPort::new(1).unwrap(), [1, 2]);
                let downlink = downlink.unwrap().external_reference(call.reference()).unwrap();
                self.start(of, &session, call, &downlink);
            }
            What::Post => {
                let call = self.call(true, customer, deadline);
                let post =
                    RawCall::new(http::Method::POST, "/y").query("externalReference", call.reference());
                self.start(of, &session, call, &post.json("{}"));
            }
            What::Listing { window, timeout } => {
                let until =
                    timeout.map(|timeout| self.now.get().saturating_add(timeout.or(Duration::from_secs(60))));
                self.listings.borrow_mut().insert(place, listing(usize::from(window).clamp(1, 64), until));
                self.pump(place);
            }
        }
    }

    fn call(&self, once: bool, customer: Option<String>, deadline: Duration) -> Call {
        self.calls.set(self.calls.get() + 1);
        Call::new(self.calls.get(), once, customer, deadline)
    }

    fn start<O: Operation>(&self, of: Of, session: &Session, call: Call, operation: &O) {
        self.trace(|| format!("call {} of caller {} begins", call.id, of.caller));
        let step = session.start(operation, self.moment());
        self.take_step(of, call, step);
    }

    fn take_step(&self, of: Of, mut call: Call, step: Step) {
        self.trace(|| format!("call {}: {step:?}", call.id));
        self.oracle.borrow().steps(&call, &step, self.now.get());
        let doing = match step {
            Step::Send(request, exchange) => {
                let endpoint =
                    self.oracle.borrow_mut().sends(&mut call, &request, exchange.timeout(), self.now.get());
                let token = bearer(&request).unwrap_or_default().to_owned();
                let reply = self.replies.borrow_mut().next().unwrap_or(GOOD);
                let after = reply.after.or(Duration::from_millis(5));
                let until = self.now.get().saturating_add(after.min(exchange.timeout()));
                let in_time = after <= exchange.timeout();
                Doing::Exchange { exchange, endpoint, token, reply, until, in_time }
            }
            Step::Sleep(pause) => Doing::Pause(pause),
            Step::Wait(turn) => Doing::Wait(turn),
            Step::Done(result) => return self.end(of, &call, result),
        };
        self.running.borrow_mut().insert(call.id, Running { call, of, doing });
    }

    fn resume(&self, id: u64) {
        let running = self.running.borrow_mut().remove(&id).unwrap();
        let Running { mut call, of, doing } = running;
        let step = match doing {
            Doing::Pause(pause) => pause.resume(self.moment()),
            Doing::Wait(turn) => turn.resume(self.moment()),
            Doing::Exchange { exchange, endpoint, token, reply, in_time, .. } => {
                self.now.set(self.now.get().saturating_add(reply.late.or(Duration::ZERO)));
                self.wall.set(self.wall.get() + i64::from(reply.clock_set));
                let end = Some(&reply.end).filter(|_| in_time);
                self.trace(|| format!("call {} receives {end:?}", call.id));
                let received = self.receive(&endpoint, &token, end);
                self.oracle.borrow_mut().receives(&mut call, &endpoint, end);
                let step = exchange.resume(received, self.moment());
                self.oracle.borrow().pauses(end, &step, self.moment());
                step
            }
        };
        self.take_step(of, call, step);
    }

    /// The reply, as it fits the request.
    fn receive(
        &self,
        endpoint: &Endpoint,
        token: &str,
        end: Option<&End>,
    ) -> Result<Response<Bytes>, TransportError> {
        let fleet = u64::from(self.plan.fleet());
        let good = |body| Ok(response(200, HeaderMap::new(), body));
        let fresh = |life: Life| {
            let text = self.oracle.borrow().new_token();
            let body = life.json(&text);
            self.oracle.borrow_mut().issued(text, life, self.now.get());
            good(body)
        };
        match (end, endpoint) {
            (None, _) => Err(TransportErrorKind::Timeout.into()),
            (Some(End::Broken(broken)), _) => {
                Err(TransportError::new((*broken).into(), "broken by the plan"))
            }
            (Some(End::Refused { status, retry_after, elsewhere, content }), _) => {
                let status = status.code();
                // A token that the oracle does not know of could be in it.
                let no_token = *endpoint == Endpoint::Token && (200..300).contains(&status);
                let body = if no_token { Bytes::new() } else { content.bytes(token) };
                Ok(response(status, headers(*retry_after, *elsewhere), body))
            }
            (Some(End::Token(life)), Endpoint::Token) => fresh(*life),
            (Some(_), Endpoint::Token) => fresh(Life::Seconds(3600)),
            (Some(End::Page(shape)), Endpoint::Page(number)) => good(shape.json(*number)),
            (Some(_), Endpoint::Page(number)) => good(true_page(*number, fleet)),
            (Some(_), Endpoint::Switch(_) | Endpoint::Other) => good(Bytes::from_static(b"{}")),
        }
    }

    fn end(&self, of: Of, call: &Call, result: Result<Answer, Error>) {
        self.oracle.borrow_mut().ends(call, result.as_ref().err());
        let Some(ticket) = of.page else { return };
        let page = finish(&query(), result);
        if let Err(error) = &page {
            self.oracle.borrow().shows_nothing(error);
        }
        let mut listings = self.listings.borrow_mut();
        let Some(listing) = listings.get_mut(&of.caller) else { return };
        listing.pages.accept(ticket, page);
        listing.landed += 1;
        let pumping = listing.pumping;
        drop(listings);
        if !pumping {
            self.pump(of.caller);
        }
    }

    /// Takes the pages that there are, and asks for those that are wanted.
    fn pump(&self, caller: usize) {
        loop {
            let mut listings = self.listings.borrow_mut();
            let Some(listing) = listings.get_mut(&caller) else { return };
            listing.pumping = true;
            while let Some(page) = listing.pages.take() {
                listing.read(page);
            }
            let Want::Call { ticket, operation, .. } = listing.pages.want(self.moment()) else {
                listing.pumping = false;
                return;
            };
            listing.asks(operation.number(), self.plan);
            let (session, customer) = (listing.session.clone(), listing.customer.clone());
            let deadline = listing.deadline(self.now.get());
            drop(listings);
            let of = Of { caller, page: Some(ticket) };
            self.start(of, &session, self.call(false, customer, deadline), &operation);
        }
    }

    /// Where the server told the truth all along, a listing that ended well has all that there is, in order.
    fn is_whole(&self, listing: &Listing) {
        let truthful = self.plan.replies.iter().all(|reply| match &reply.end {
            End::Page(_) => false,
            End::Refused { status, .. } => !(200..300).contains(&status.code()),
            End::Good | End::Token(_) | End::Broken(_) => true,
        });
        if truthful && !listing.failed {
            let all = (0..self.plan.fleet().into()).filter(|number| *number != EMPTY_PAGE);
            let all: Vec<_> = all.map(|number| number.to_string()).collect();
            assert_eq!(listing.taken, all);
        }
    }

    /// Drops what a caller has in flight.
    fn cancel(&self, caller: usize) {
        self.trace(|| format!("caller {caller} is cancelled"));
        self.listings.borrow_mut().remove(&caller);
        let is_its = |_: &u64, running: &mut Running<'_>| running.of.caller == caller;
        let dropped: BTreeMap<_, _> = self.running.borrow_mut().extract_if(.., is_its).collect();
        dropped.values().for_each(|running| self.oracle.borrow_mut().dropped(&running.call));
    }

    fn moment(&self) -> Moment {
        let start = 1_767_225_600_i64 + self.wall.get();
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(start.unsigned_abs());
        Moment::new(self.now.get(), start.checked_add(self.now.get()).unwrap_or(start))
    }

    fn trace(&self, what: impl FnOnce() -> String) {
        if self.traced {
            eprintln!("{:?}: {}", self.now.get(), what());
        }
    }
}

impl Listing {
    fn asks(&mut self, number: u64, plan: &Plan) {
        assert!(self.asked.insert(number), "page {number} is asked for twice");
        assert!(self.asked.len() - self.landed <= self.window, "more than {} under way", self.window);
        // What the server says in the end is true: then only pages that there are, and those ahead, are asked for.
        let most = plan.replies.len() + usize::from(plan.fleet()) + 3 * 64;
        assert!(self.asked.len() <= most, "{} pages were asked for", self.asked.len());
    }

    fn read(&mut self, page: Result<Page, Error>) {
        assert!(!self.failed, "nothing comes after an error");
        match page {
            Ok(page) => self.taken.extend(page.devices.iter().map(|device| device.uuid().to_owned())),
            Err(_) => self.failed = true,
        }
    }

    fn deadline(&self, now: Duration) -> Duration {
        now.saturating_add(self.timeout).min(self.until)
    }
}
