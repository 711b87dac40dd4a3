//! Either client, called by a thread that waits, or by many at once.

// The helpers of a test may fail as its assertions do.
#![allow(clippy::unwrap_used)]

use std::fmt;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use things_core::{Clock, Config, Error, Fleet, Operation};
use tokio::runtime::Runtime;

/// The client of either transport.
#[derive(Clone)]
pub enum Client {
    /// Blocking.
    Ureq(things_ureq::Client),
    /// Async, on a runtime of its own.
    Reqwest(things_reqwest::Client, Arc<Runtime>),
}

impl Client {
    /// What they are called.
    pub const NAMES: [&str; 2] = ["reqwest", "ureq"];

    /// The client of this name, which these settings have to make.
    pub fn new(name: &str, config: Config) -> Self {
        Self::try_new(name, config).unwrap()
    }

    /// The client of this name, or why these settings make none.
    pub fn try_new(name: &str, config: Config) -> Result<Self, Error> {
        if name == "ureq" {
            return things_ureq::Client::new(config).map(Self::Ureq);
        }
        Ok(Self::Reqwest(things_reqwest::Client::new(config)?, Arc::new(Runtime::new().unwrap())))
    }

    /// Both, with the same settings.
    pub fn both(config: &Config) -> [Self; 2] {
        Self::NAMES.map(|name| Self::new(name, config.clone()))
    }

    /// How many callers are many: tasks are cheaper than threads.
    pub fn crowd(name: &str) -> usize {
        if name == "ureq" { 64 } else { 1_000 }
    }

    /// The same client by another clock.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        match self {
            Self::Ureq(client) => Self::Ureq(client.with_clock(clock)),
            Self::Reqwest(client, runtime) => Self::Reqwest(client.with_clock(clock), runtime),
        }
    }

    /// The same client, acting for a sub-customer.
    pub fn for_customer(&self, id: &str) -> Result<Self, Error> {
        match self {
            Self::Ureq(client) => client.for_customer(id).map(Self::Ureq),
            Self::Reqwest(client, runtime) => {
                Ok(Self::Reqwest(client.for_customer(id)?, Arc::clone(runtime)))
            }
        }
    }

    /// The same client with another time for a whole call.
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        match self {
            Self::Ureq(client) => Self::Ureq(client.with_timeout(timeout)),
            Self::Reqwest(client, runtime) => {
                Self::Reqwest(client.with_timeout(timeout), Arc::clone(runtime))
            }
        }
    }

    /// Lists all devices, with up to `window` pages in flight.
    pub fn collect(&self, window: usize, deadline: Option<Duration>) -> Result<Fleet, Error> {
        let deadline = deadline.unwrap_or(Duration::MAX);
        match self {
            Self::Ureq(client) => client.devices().window(window).deadline(deadline).collect(),
            Self::Reqwest(client, runtime) => {
                runtime.block_on(client.devices().window(window).deadline(deadline).collect())
            }
        }
    }

    /// Makes a call, and blocks this thread until it is over.
    pub fn call<O: Operation>(&self, operation: &O) -> Result<O::Output, Error> {
        match self {
            Self::Ureq(client) => client.call(operation),
            Self::Reqwest(client, runtime) => runtime.block_on(client.call(operation)),
        }
    }

    /// Makes the same call so many times at once: by as many threads, or by as many tasks.
    pub fn together<O>(&self, callers: usize, operation: &O) -> Vec<Result<O::Output, Error>>
    where
        O: Operation + Clone + Send + Sync + 'static,
        O::Output: Send + 'static,
    {
        match self {
            Self::Ureq(client) => {
                let barrier = Barrier::new(callers);
                thread::scope(|scope| {
                    let call = || {
                        barrier.wait();
                        client.call(operation)
                    };
                    let threads: Vec<_> = (0..callers).map(|_| scope.spawn(call)).collect();
                    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
                })
            }
            Self::Reqwest(client, runtime) => {
                let barrier = Arc::new(tokio::sync::Barrier::new(callers));
                let call = || {
                    let (client, operation, barrier) =
                        (client.clone(), operation.clone(), Arc::clone(&barrier));
                    runtime.spawn(async move {
                        barrier.wait().await;
                        client.call(&operation).await
                    })
                };
                let tasks: Vec<_> = (0..callers).map(|_| call()).collect();
                runtime.block_on(async {
                    let mut results = Vec::with_capacity(callers);
                    for task in tasks {
                        results.push(task.await.unwrap());
                    }
                    results
                })
            }
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ureq(client) => write!(f, "ureq {client:?}"),
            Self::Reqwest(client, _) => write!(f, "reqwest {client:?}"),
        }
    }
}
