//! What the clients of the matrix are made of, and how often they are called.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use things_core::{Builder, Config, Credentials, RetryPolicy};
use things_sim::Sim;
pub(crate) use things_tests::client::Client;

/// Settings of a client of this simulator.
pub(crate) fn settings(sim: &Sim) -> Builder<Config> {
    let known = sim.credentials();
    let credentials = Credentials::new(&known.tenant_id, &known.key_id, &*known.key_secret)
        .application_id(&known.application_id);
    Builder::new(credentials, Ok).base_url(sim.url()).grip_base_url(sim.url())
}

/// So many attempts, with almost no wait between them.
pub(crate) fn quick(attempts: u32) -> RetryPolicy {
    RetryPolicy {
        max_attempts: attempts,
        base_delay: Duration::from_millis(1),
        max_delay: Duration::from_millis(8),
        ..Default::default()
    }
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
