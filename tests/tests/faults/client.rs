//! Either client, called by many at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use things_core::{Builder, Clock, Config, Credentials, Error, Operation, RetryPolicy};
use things_sim::Sim;
use tokio::runtime::Runtime;

#[derive(Clone)]
pub(crate) enum Client {
    Ureq(things_ureq::Client),
    Reqwest(things_reqwest::Client, Arc<Runtime>),
}

impl Client {
    pub(crate) const NAMES: [&str; 2] = ["reqwest", "ureq"];

    pub(crate) fn new(name: &str, config: Config) -> Self {
        if name == "ureq" {
            return Self::Ureq(things_ureq::Client::new(config).unwrap());
        }
        let runtime = Runtime::new().unwrap();
        Self::Reqwest(things_reqwest::Client::new(config).unwrap(), Arc::new(runtime))
    }

    /// How many callers are many: tasks are cheaper than threads.
    pub(crate) fn crowd(name: &str) -> usize {
        if name == "ureq" { 64 } else { 1_000 }
    }

    /// The same client by another clock.
    pub(crate) fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        match self {
            Self::Ureq(client) => Self::Ureq(client.with_clock(clock)),
            Self::Reqwest(client, runtime) => Self::Reqwest(client.with_clock(clock), runtime),
        }
    }

    /// The same client, acting for a sub-customer.
    pub(crate) fn for_customer(&self, id: &str) -> Result<Self, Error> {
        match self {
            Self::Ureq(client) => client.for_customer(id).map(Self::Ureq),
            Self::Reqwest(client, runtime) => {
                Ok(Self::Reqwest(client.for_customer(id)?, Arc::clone(runtime)))
            }
        }
    }

    /// Makes a call, and blocks this thread until it is over.
    pub(crate) fn call<O: Operation>(&self, operation: &O) -> Result<O::Output, Error> {
        match self {
            Self::Ureq(client) => client.call(operation),
            Self::Reqwest(client, runtime) => runtime.block_on(client.call(operation)),
        }
    }

    /// Makes the same call so many times at once: by as many threads, or by as many tasks.
    pub(crate) fn together<O>(&self, callers: usize, operation: &O) -> Vec<Result<O::Output, Error>>
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

/// Settings of a client of this simulator.
pub(crate) fn settings(sim: &Sim) -> Builder<Config> {
    let known = sim.credentials();
    let credentials = Credentials::new(&known.tenant_id, &known.key_id, &*known.key_secret)
        .application_id(&known.application_id);
    Builder::new(credentials, Ok).base_url(sim.url()).grip_base_url(sim.url())
}

/// So many attempts that follow each other at once: nobody waits for a test.
pub(crate) fn quick(attempts: u32) -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    policy.max_attempts = attempts;
    policy.base_delay = Duration::from_millis(1);
    policy.max_delay = Duration::from_millis(8);
    policy
}

/// Does something for each number below `cases`, by so many threads, and gives what came of it, in order.
pub(crate) fn each<T: Send>(cases: u64, threads: usize, act: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let (next, done) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let case = next.fetch_add(1, Ordering::Relaxed);
                    if case >= cases {
                        return;
                    }
                    let result = act(case);
                    done.lock().unwrap().push((case, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_unstable_by_key(|(case, _)| *case);
    done.into_iter().map(|(_, result)| result).collect()
}
