//! The first driver: the core on a virtual clock, against the script itself. No sockets, no threads, no waiting.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use things_core::{
    Builder, BulkItem, ContextSwitch, Cursor, CustomerFleets, Device, DeviceFeed, Downlink, Error, Feed,
    Fleet, ForCustomers, ListDevices, ListResource, MemoryLedger, Operation, Pages, Run, Scope, Session,
    Step, TransportError, TransportErrorKind, finish,
};

use crate::Failure;
use crate::canary::{Canary, sightings};
use crate::driver::{self, Network};
use crate::outcome::{self, Outcome, ms};
use crate::scenario::{Action, CLOSED, Call, Fault, Reply, Scenario, SortOrder, credentials};
use crate::script::{Script, Seen};
use crate::timeline::Timeline;
use crate::verdict::Verdict;

const ORIGIN: &str = "http://127.0.0.1:80";
const ELSEWHERE: &str = "http://127.0.0.1:81";

/// How long an answer takes.
const LATENCY: Duration = Duration::from_millis(1);

/// The randomness of every generated reference.
const RANDOM: u128 = 0x0123_4567_89AB_CDEF_0123_4567_89AB_CDEF;

/// Runs a scenario on the virtual clock.
pub fn run(scenario: &Scenario) -> Result<(), Failure> {
    let script = Rc::new(Script::new(&scenario.server, ORIGIN, ELSEWHERE));
    let mut verdict = Verdict::new(scenario);
    let builder = Builder::new(credentials(), |config| Ok(Session::new(config, 1)));
    let session = scenario.configure(builder, ORIGIN).build();
    let error = session.as_ref().err().map(outcome::failure);
    if verdict.client(error.as_ref()) {
        return verdict.end(&script);
    }
    if let Ok(session) = session {
        let timeline = Timeline::default();
        let leaks = Rc::new(Cell::new(false));
        let client = Client {
            session,
            timeline: timeline.clone(),
            script: Rc::clone(&script),
            canaries: Canary::known().into(),
            leaks: Rc::clone(&leaks),
        };
        let played = Rc::new(RefCell::new(Vec::new()));
        let calls: Vec<_> = scenario.steps().cloned().collect();
        let results = Rc::clone(&played);
        timeline.spawn(async move {
            for call in calls {
                let done = client.play(&call).await;
                results.borrow_mut().extend(done);
            }
        });
        if timeline.run(|_| 0) > 0 {
            verdict.add("a call never ended".into());
        }
        if leaks.get() {
            verdict.add("a step shows the secret or a token".into());
        }
        for (call, outcome, took) in &played.take() {
            verdict.outcome(call, outcome, *took);
        }
    }
    verdict.end(&script)
}

type Played = (Call, Outcome, Duration);

/// A client whose transport is the script.
#[derive(Clone)]
struct Client {
    session: Session,
    timeline: Timeline,
    script: Rc<Script>,
    canaries: Rc<[Canary]>,
    /// Whether a step showed a secret or a token.
    leaks: Rc<Cell<bool>>,
}

impl Client {
    async fn play(&self, call: &Call) -> Vec<Played> {
        match call.action {
            Action::Advance => {
                self.timeline.advance(ms(call.ms));
                Vec::new()
            }
            Action::Concurrently => {
                let mut calls: Vec<_> = call.concurrent().map(|call| Box::pin(self.begin(call))).collect();
                let mut played = Vec::new();
                while !calls.is_empty() {
                    played.push(driver::first_of(&mut calls).await);
                }
                played
            }
            _ => vec![self.begin(call).await],
        }
    }

    /// Makes a call once the server has seen as many requests as the call waits for.
    async fn begin(&self, call: &Call) -> Played {
        self.seen(call.after).await;
        let begun = self.timeline.now();
        let outcome = self.make(call).await;
        (call.clone(), outcome, self.timeline.now().since(begun))
    }

    /// Waits, in steps of a millisecond, for the server to see requests; for an hour at most.
    async fn seen(&self, requests: usize) {
        let until = self.timeline.now() + Duration::from_secs(3600);
        while !self.script.has_seen(requests) && self.timeline.now() < until {
            self.timeline.sleep_until(self.timeline.now() + Duration::from_millis(1)).await;
        }
    }

    async fn make(&self, call: &Call) -> Outcome {
        let client = self.scoped(call).map_err(|error| outcome::failure(&error))?;
        match call.action {
            Action::SendDownlink => outcome::receipt(match outcome::downlink(call) {
                Ok(downlink) => {
                    let now = self.timeline.now();
                    client.call(&*downlink.referenced(now.unix_millis(), RANDOM)).await
                }
                Err(error) => Err(error),
            }),
            Action::SendDownlinks => client.send_downlinks(call).await,
            Action::Items => {
                let mut cursor: Cursor = client.session.cursor(outcome::list_resource(call));
                let client = &client;
                let fetch = |query: ListResource, _| async move { client.call(&query).await };
                let (items, error) = driver::feed(&client.timeline, &mut cursor, fetch).await;
                outcome::listed(&items, error.as_ref())
            }
            Action::Request => outcome::answer(client.call(&outcome::raw_call(call)).await),
            Action::ContextSwitch => outcome::context_switch(match outcome::customer(call) {
                Ok(customer) => client.call(&ContextSwitch::to(customer)).await,
                Err(error) => Err(error),
            }),
            _ => client.list(call).await,
        }
    }

    fn scoped(&self, call: &Call) -> Result<Self, Error> {
        let mut client = self.clone();
        if let Some(id) = &call.for_customer {
            client.session = client.session.for_customer(id)?;
        }
        if let Some(timeout) = call.timeout_ms {
            client.session = client.session.with_timeout(ms(timeout));
        }
        if let Some(timeout) = call.listing_deadline_ms {
            client.session = client.session.with_deadline(self.timeline.now() + ms(timeout));
        }
        Ok(client)
    }

    async fn list(&self, call: &Call) -> Outcome {
        let query = list_devices(call);
        let window = call.window.unwrap_or(Pages::DEFAULT_WINDOW);
        if call.action == Action::Verified {
            return outcome::fleet(self.collect(self.session.verified(query, window)).await);
        }
        if call.action == Action::Customers {
            return self.customers(call, query, window).await;
        }
        let mut feed = self.session.pages(query, window).strict(call.strict);
        match call.action {
            Action::Collect => outcome::fleet(self.collect(feed).await),
            Action::Pages => {
                let (pages, error) = self.feed(&mut feed).await;
                outcome::pages(&pages, error.as_ref())
            }
            _ => {
                let (pages, error) = self.feed(&mut feed).await;
                let devices: Vec<Device> = pages.into_iter().flatten().collect();
                outcome::devices(&devices, error.as_ref())
            }
        }
    }

    async fn customers(&self, call: &Call, query: ListDevices, window: usize) -> Outcome {
        let customers = ForCustomers::new((), &call.customers).map_err(|error| outcome::failure(&error))?;
        let (session, strict) = (self.session.clone(), call.strict);
        let start = move || session.pages(query.clone(), window).strict(strict);
        let mut feed = CustomerFleets::new(customers.customers().to_vec(), window, start);
        let (fleets, error) = self.feed(&mut feed).await;
        outcome::customers(fleets, error.as_ref())
    }

    async fn collect(&self, mut feed: impl DeviceFeed<Operation = ListDevices>) -> Result<Fleet, Error> {
        let (items, error) = self.feed(&mut feed).await;
        let devices = items.into_iter().flatten().collect();
        match error {
            Some(error) => Err(feed.failed(error, devices)),
            None => Ok(feed.fleet(devices)),
        }
    }

    async fn send_downlinks(&self, call: &Call) -> Outcome {
        let items = outcome::items(call).map_err(|error| outcome::failure(&error))?;
        let now = self.timeline.now();
        let referenced = items.into_iter().map(|item| BulkItem {
            downlink: item.downlink.referenced(now.unix_millis(), RANDOM).into_owned(),
            ..item
        });
        let mut run = Run::new(MemoryLedger::new(referenced), outcome::run_options(call));
        let send = |downlink: Downlink, scope: Scope| {
            let client = Self { session: self.session.scoped(&scope), ..self.clone() };
            async move { client.call(&downlink).await }
        };
        let (sent, error) = driver::feed(&self.timeline, &mut run, send).await;
        outcome::sent(sent, error.as_ref())
    }

    /// The items of a feed, up to its end or to an error.
    async fn feed<F: Feed<Operation = ListDevices>>(&self, feed: &mut F) -> (Vec<F::Item>, Option<Error>) {
        let fetch = |query: ListDevices, scope: Scope| {
            let client = Self { session: self.session.scoped(&scope), ..self.clone() };
            async move { client.call(&query).await }
        };
        driver::feed(&self.timeline, feed, fetch).await
    }

    async fn call<O: Operation>(&self, operation: &O) -> Result<O::Output, Error> {
        let step = self.session.start(operation, self.timeline.now());
        finish(operation, driver::drive(&self.timeline, self, step).await)
    }
}

impl Network for Client {
    fn next(&self, step: &Step) {
        let shown = format!("{step:?} {step:#?}");
        self.leaks.set(self.leaks.get() || !sightings(shown.as_bytes(), &self.canaries).is_empty());
    }

    /// What the script says.
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let (parts, body) = request.into_parts();
        let origin = format!("http://{}", parts.uri.authority().map_or("", |authority| authority.as_str()));
        if origin == CLOSED {
            return Err(TransportErrorKind::Connect.into());
        }
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let headers = parts.headers.iter();
        let headers = headers
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let reply = self.script.receive(Seen {
            method: parts.method.to_string(),
            target: if origin == ORIGIN { target.into() } else { format!("{origin}{target}") },
            headers: headers.collect(),
            body: body.to_vec(),
            scripted: false,
        });
        self.timeline.sleep_until(self.timeline.now() + LATENCY).await;
        let Some(reply) = reply else { return Err(TransportErrorKind::Other.into()) };
        self.seen(reply.hold).await;
        self.timeline.advance(ms(reply.advance_ms));
        match reply.fault {
            Some(Fault::Stall) => std::future::pending().await,
            Some(Fault::Drop | Fault::Truncate) => Err(TransportErrorKind::Interrupted.into()),
            Some(Fault::Close) | None => Ok(response(&reply)),
        }
    }
}

fn response(reply: &Reply) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(reply.body()));
    *response.status_mut() = StatusCode::from_u16(reply.status.unwrap_or(200)).unwrap_or_default();
    for (name, value) in &reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            response.headers_mut().append(name, value);
        }
    }
    response
}

fn list_devices(call: &Call) -> ListDevices {
    let mut query = ListDevices::new();
    if let Some(text) = &call.search {
        query = query.search(text);
    }
    if let Some(property) = &call.sort_by {
        query = query.sort_by(property);
    }
    if let Some(order) = call.sort_order {
        query = query.sort_order(order.into());
    }
    if let Some(size) = call.page_size {
        query = query.page_size(size);
    }
    if let Some(number) = call.first_page {
        query = query.page(number);
    }
    query
}

impl From<SortOrder> for things_core::SortOrder {
    fn from(order: SortOrder) -> Self {
        match order {
            SortOrder::Ascending => Self::Ascending,
            SortOrder::Descending => Self::Descending,
        }
    }
}
