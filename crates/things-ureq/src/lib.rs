#![doc = include_str!("../README.md")]

mod connector;
mod feed;
mod resolver;
mod transport;
mod turn;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use std::{env, fmt, fs, thread};

pub use feed::{FeedIter, PageIter, Stopper};
pub use things_core;
pub use things_core::{
    Answer, Body, Builder, ContextSwitch, Credentials, CustomerId, DevEui, Device, DeviceIter, DeviceUrn,
    Devices, Downlink, Error, ErrorKind, FPort, Fleet, Gap, Incomplete, Outcome, Page, Payload, Proof,
    RawCall, Receipt, Replay, RetryPolicy, Secret, Settings, SortOrder, Stage, Stop, VerifiedDevices, senml,
};
use things_core::{Clock, Config, Moment, Operation, Pause, Session, Step, finish};
use transport::Transport;

/// A blocking client. Clones share connections, token and retry budget, and may go to other threads.
#[derive(Clone)]
pub struct Client {
    session: Session,
    transport: Transport,
    clock: Arc<dyn Clock>,
}

impl Client {
    /// A client with these credentials; the builder takes addresses, bounds and the rest.
    pub fn builder(credentials: Credentials) -> Builder<Self> {
        Builder::new(credentials, Self::new)
    }

    /// A client from the `KPN_THINGS_*` variables, and from the Postman environment file they may name.
    pub fn from_env() -> Result<Self, Error> {
        Self::builder_from_env(Settings::default())?.build()
    }

    /// A builder from settings that go before the `KPN_THINGS_*` variables.
    pub fn builder_from_env(settings: Settings) -> Result<Builder<Self>, Error> {
        Builder::new(settings, Self::new)
            .environment(|name| env::var_os(name), |path| fs::read_to_string(path))
    }

    /// A client from a configuration that is checked already, with a session of its own.
    pub fn new(config: Config) -> Result<Self, Error> {
        let start = Instant::now();
        let clock = move || Moment::new(start.elapsed(), SystemTime::now());
        let transport = Transport::new(&config)?;
        Ok(Self {
            session: Session::new(config, RandomState::new().hash_one(())),
            transport,
            clock: Arc::new(clock),
        })
    }

    /// The same client with another clock, for tests.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// All devices, page by page; see [`Devices`] for what can be asked.
    pub fn devices(&self) -> Devices<Self> {
        Devices::new(self.clone())
    }

    /// Sends a downlink, at most once. An error's [`outcome`](Error::outcome) tells whether it can have arrived.
    pub fn send_downlink(&self, downlink: &Downlink) -> Result<Receipt, Error> {
        self.call(downlink)
    }

    /// The same client, acting for a sub-customer: the context switch is done before the first call.
    pub fn for_customer(&self, id: &str) -> Result<Self, Error> {
        Ok(Self { session: self.session.for_customer(id)?, ..self.clone() })
    }

    /// The same client with another time for a whole call.
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { session: self.session.with_timeout(timeout), ..self.clone() }
    }

    /// An authenticated call to any method and path.
    pub fn request(&self, call: &RawCall) -> Result<Answer, Error> {
        self.call(call)
    }

    /// Makes a call: does what each step says until it is done.
    ///
    /// Calls of one client share the access token: one thread fetches it, the others wait. A thread that is stopped from
    /// outside while it fetches, as by a debugger, delays the others by the time of its attempt and 1 s (16 s by
    /// default); then one of them takes over.
    ///
    /// # Errors
    ///
    /// Returns why the call failed, after how many attempts, and, for a downlink, whether it can have arrived.
    pub fn call<O: Operation>(&self, operation: &O) -> Result<O::Output, Error> {
        self.call_while(operation, || true)
    }

    /// Makes a call that another thread can end: once `wanted` says no, which is asked before each step, nothing more is
    /// sent, and the call fails with [`Interrupted`](ErrorKind::Interrupted). A step under way goes on to its end.
    pub fn call_while<O: Operation>(
        &self,
        operation: &O,
        wanted: impl Fn() -> bool,
    ) -> Result<O::Output, Error> {
        let mut step = self.session.start(operation, self.clock.now());
        loop {
            step = match step {
                Step::Done(result) => return finish(operation, result),
                unwanted if !wanted() => unwanted.cancel(self.clock.now()),
                Step::Send(request, exchange) => {
                    let reply = self.transport.send(request, exchange.timeout(), exchange.limit());
                    exchange.resume(reply, self.clock.now())
                }
                Step::Sleep(pause) => {
                    self.sleep(&pause, &wanted);
                    pause.resume(self.clock.now())
                }
                Step::Wait(turn) => {
                    turn::block(&turn, &*self.clock);
                    turn.resume(self.clock.now())
                }
            };
        }
    }
}

impl Client {
    /// Sleeps until the pause is over, or not much longer than until the call is not wanted any more.
    fn sleep(&self, pause: &Pause, wanted: impl Fn() -> bool) {
        const LOOK: Duration = Duration::from_millis(50);
        let mut left = pause.until().since(self.clock.now());
        while !left.is_zero() && wanted() {
            let slice = left.min(LOOK);
            thread::sleep(slice);
            left -= slice;
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.session).finish()
    }
}
