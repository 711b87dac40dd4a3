#![doc = include_str!("../README.md")]

mod listing;
mod transport;

use std::fmt;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

pub use listing::{DeviceIter, Devices, PageIter};
pub use things_core::{
    Answer, Builder, ContextSwitch, Credentials, Device, Downlink, Error, ErrorKind, FPort, Fleet, Outcome,
    Page, RawCall, Receipt, RetryPolicy, SortOrder, senml,
};
use things_core::{Clock, Config, Operation, Session, Settings, Step, Turn};
use transport::{SystemClock, Transport};

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
            .environment(|name| std::env::var_os(name), |path| std::fs::read_to_string(path))
    }

    fn new(config: Config) -> Result<Self, Error> {
        let transport = Transport::new(&config)?;
        let clock = SystemClock::start();
        Ok(Self { session: Session::new(config, clock.seed()), transport, clock: Arc::new(clock) })
    }

    /// The same client with another clock, for tests.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// All devices, page by page; see [`Devices`] for what can be asked.
    pub fn devices(&self) -> Devices {
        Devices::new(self)
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
    pub fn call<O: Operation>(&self, operation: &O) -> Result<O::Output, Error> {
        let mut step = self.session.start(operation, self.clock.now());
        loop {
            step = match step {
                Step::Send(request, exchange) => {
                    let reply = self.transport.send(request, exchange.timeout(), exchange.limit());
                    exchange.resume(reply, self.clock.now())
                }
                Step::Sleep(pause) => {
                    thread::sleep(pause.until().since(self.clock.now()));
                    pause.resume(self.clock.now())
                }
                Step::Wait(turn) => {
                    self.wait(&turn);
                    turn.resume(self.clock.now())
                }
                Step::Done(result) => return operation.finish(result),
            };
        }
    }

    fn wait(&self, turn: &Turn) {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        while turn.poll(&waker).is_pending() {
            let left = turn.deadline().since(self.clock.now());
            if left.is_zero() {
                return;
            }
            thread::park_timeout(left);
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.session).finish()
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
