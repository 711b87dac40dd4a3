//! A world made of one number: a server with moods, callers with plans, and all that happened between them.
//!
//! [`World::of`] plays the world of a seed on the virtual clock: what the callers ask, how the server takes it, who is
//! cancelled and which task runs next all follow from the seed. [`World::violations`] says which of the invariants did
//! not hold. Displayed, a world is its trace.

mod invariants;
mod plan;
mod server;
mod story;
mod trace;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::future::pending;
use std::rc::Rc;

use bytes::Bytes;
use http::Response;
use things_core::{
    Builder, Error, ListDevices, Operation, RawCall, RetryPolicy, Session, Step, TransportError, finish,
};

use crate::dice::Dice;
use crate::driver::{self, Network};
use crate::outcome::ms;
use crate::scenario::credentials;
use crate::timeline::{Timeline, moment};
use plan::{Action, Plan};
use server::{End, Fleet, Server};
use trace::{Call, Entry, Event, Failure, Reply, Request};

/// A world that came to its end.
pub struct World {
    seed: u64,
    policy: RetryPolicy,
    fleet: Fleet,
    trace: Vec<Entry>,
    /// Tasks that nothing will ever wake.
    stranded: usize,
}

impl World {
    /// The world of this seed.
    pub fn of(seed: u64) -> Result<Self, Error> {
        let scene = Rc::new(Scene::new(Dice::new(seed)));
        let dice = &scene.dice;
        let policy = RetryPolicy {
            max_attempts: dice.pick([1, 2, 3, 3, 5]),
            base_delay: ms(dice.pick([1, 200, 2_000])),
            max_retry_after: ms(dice.pick([1_000, 10_000, 120_000])),
            ..Default::default()
        };
        let config = Builder::new(credentials(), Ok)
            .grip_base_url("https://grip.example")
            .base_url("https://api.example")
            .attempt_timeout(ms(dice.pick([100, 1_000, 15_000])))
            .retry(policy)
            .build()?;
        let session = Session::new(config, dice.roll());
        let (most, over, customers) =
            (dice.pick([3, 10, 10, 60]), dice.pick([1, 50, 5_000, 60_000]), dice.below(4));
        for caller in 0..=dice.below(most) {
            scene.begin(Plan::new(caller, &session, over, customers, dice)?);
        }
        let stranded = scene.timeline.run(|ready| dice.below(ready as u64) as usize);
        let fleet = scene.server.borrow().fleet();
        Ok(Self { seed, policy, fleet, trace: scene.trace.take(), stranded })
    }

    /// The seed it is of.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// How much happened.
    pub fn events(&self) -> usize {
        self.trace.len()
    }

    /// What did not hold.
    pub fn violations(&self) -> Vec<String> {
        invariants::violations(self)
    }

    /// What its calls came to, each thing once, in words of the core: kinds, stages, outcomes and stops.
    pub fn outcomes(&self) -> BTreeSet<String> {
        let endings = self.trace.iter().filter_map(|entry| match &entry.event {
            Event::Ends(ending) => Some(ending.result),
            _ => None,
        });
        let words = endings.flat_map(|result| match result {
            Ok(_) => vec!["Ok".to_owned()],
            Err(Failure { kind, stage, outcome, stop }) => {
                let outcome = outcome.map(|outcome| format!("{outcome:?}"));
                let stop = stop.map(|stop| format!("{stop:?}"));
                [format!("{kind:?}"), format!("{stage:?}")].into_iter().chain(outcome).chain(stop).collect()
            }
        });
        words.collect()
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the world of seed {}, {:?}", self.seed, self.policy)?;
        self.trace.iter().try_for_each(|entry| writeln!(f, "{entry}"))
    }
}

/// What all callers share.
struct Scene {
    timeline: Timeline,
    server: RefCell<Server>,
    trace: RefCell<Vec<Entry>>,
    dice: Dice,
}

impl Scene {
    fn new(dice: Dice) -> Self {
        let server = RefCell::new(Server::new(&dice));
        Self { timeline: Timeline::default(), server, trace: RefCell::default(), dice }
    }

    fn note(&self, call: Call, event: Event) {
        self.trace.borrow_mut().push(Entry { at: self.timeline.now().monotonic(), call, event });
    }

    /// Begins the task of a caller, and the one that cancels it.
    fn begin(self: &Rc<Self>, plan: Plan) {
        let cancelled = plan.cancelled;
        let (scene, timeline) = (Rc::clone(self), self.timeline.clone());
        let task = self.timeline.spawn(async move { scene.play(plan).await });
        if let Some(at) = cancelled {
            self.timeline.spawn(async move {
                timeline.sleep_until(moment(at)).await;
                timeline.cancel(task);
            });
        }
    }

    /// What comes of it is in the trace.
    async fn play(&self, mut plan: Plan) {
        self.timeline.sleep_until(moment(plan.begins)).await;
        plan.start(self.timeline.now());
        match &plan.action {
            Action::Read => drop(self.call(plan.call(None), &plan, &RawCall::get("/api/things")).await),
            Action::Downlink(downlink) => drop(self.call(plan.call(None), &plan, downlink).await),
            Action::List { page_size, window, .. } => {
                let query = ListDevices::new().page_size(*page_size).sort_by("uuid");
                let mut pages = plan.session.pages(query, *window);
                let call = |query: ListDevices, _| {
                    let plan = &plan;
                    async move { self.call(plan.call(Some(query.number())), plan, &query).await }
                };
                let (pages, error) = driver::feed(&self.timeline, &mut pages, call).await;
                let devices = pages.into_iter().flat_map(|page| page.devices);
                let devices = devices.filter_map(|device| device.uuid().parse().ok()).collect();
                let error = error.map(|error| error.kind());
                self.note(plan.call(None), Event::Lists { devices, error });
            }
        }
    }

    async fn call<O: Operation>(&self, call: Call, plan: &Plan, operation: &O) -> Result<O::Output, Error> {
        let now = self.timeline.now();
        let deadline = plan.deadline(now).monotonic();
        self.note(call, Event::Begins { what: plan.what(), customer: plan.customer, deadline });
        let unfinished = Unfinished::new(self, call, Event::Dropped);
        let step = plan.session.start(operation, now);
        let result = driver::drive(&self.timeline, &Line { scene: self, call }, step).await;
        unfinished.finish();
        finish(operation, result)
    }
}

/// The line of one call to the server. What goes over it is in the trace.
struct Line<'a> {
    scene: &'a Scene,
    call: Call,
}

impl Network for Line<'_> {
    async fn exchange(&self, request: http::Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let Scene { timeline, server, dice, .. } = self.scene;
        let travel = || timeline.sleep_until(timeline.now() + server.borrow().travel(dice));
        let request = Request::read(&request);
        self.scene.note(self.call, Event::Sends(request));
        let unfinished = Unfinished::new(self.scene, self.call, Event::LetsGo);
        travel().await;
        let treatment = server.borrow_mut().take(request, timeline.now().monotonic(), dice);
        if treatment.acted {
            self.scene.note(self.call, Event::Acts);
        }
        travel().await;
        let (result, reply) = match treatment.end {
            End::Answer(answer) => {
                let (response, reply) = answer.arrive(timeline.now().monotonic());
                (Ok(response), reply)
            }
            End::Broken(kind) => (Err(kind.into()), Reply::broken(kind)),
            End::Silence => pending().await,
        };
        unfinished.finish();
        self.scene.note(self.call, Event::Receives(reply));
        result
    }

    fn next(&self, step: &Step) {
        if let Some(event) = Event::of(step) {
            self.scene.note(self.call, event);
        }
    }
}

/// Notes an event if it is dropped before what it stands for was finished.
struct Unfinished<'a> {
    scene: &'a Scene,
    call: Call,
    event: Option<Event>,
}

impl<'a> Unfinished<'a> {
    fn new(scene: &'a Scene, call: Call, event: Event) -> Self {
        Self { scene, call, event: Some(event) }
    }

    fn finish(mut self) {
        self.event = None;
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(event) = self.event.take() {
            self.scene.note(self.call, event);
        }
    }
}
