//! Many threads on one client, while what they share is taken away from them again and again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use things_core::{Error, ListDevices, RawCall};
use things_sim::{Route, Sim};

use crate::client::{Client, settings};
use crate::clock::ManualClock;
use crate::downlinks::downlink;
use crate::trial::{Trial, share};

const THREADS: usize = 64;
const CUSTOMERS: [&str; 3] = ["north", "south", "west"];

/// Makes one call of chance. A downlink that is accepted is counted.
fn call(client: &Client, random: &mut fastrand::Rng, accepted: &AtomicU64) -> Result<(), Error> {
    match random.u8(0..4) {
        0 => {
            client.call(&downlink(random.u64(..)))?;
            accepted.fetch_add(1, Ordering::SeqCst);
        }
        1 => drop(
            client.call(
                &RawCall::get("/api/devices")
                    .header("accept", "application/vnd.kpnthings.device.v1.response+json"),
            )?,
        ),
        _ => drop(client.call(&ListDevices::new().page_size(1))?),
    }
    Ok(())
}

#[test]
fn r23_threads_on_one_client_take_each_token_and_each_switch_once() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R23", name);
        let mut random = trial.random();
        let mut sim = Sim::builder().seed(random.u64(..)).keep_requests(0);
        for customer in CUSTOMERS {
            sim = sim.customer(customer, 5);
        }
        let sim = sim.start().unwrap();
        let clock = ManualClock::new();
        let client = Client::new(name, settings(&sim).build().unwrap()).with_clock(clock.clone());
        let (over, accepted, errors) = (AtomicBool::new(false), AtomicU64::new(0), Mutex::new(Vec::new()));
        let ended: Vec<_> = (0..THREADS).map(|_| AtomicU64::new(0)).collect();
        thread::scope(|scope| {
            for (number, ended) in ended.iter().enumerate() {
                // Every fourth thread acts for no customer.
                let client = match CUSTOMERS.get(number % 4) {
                    Some(customer) => client.for_customer(customer).unwrap(),
                    None => client.clone(),
                };
                let mut random = fastrand::Rng::with_seed(random.u64(..));
                let (over, accepted, errors) = (&over, &accepted, &errors);
                scope.spawn(move || {
                    while !over.load(Ordering::SeqCst) {
                        if let Err(error) = call(&client, &mut random, accepted) {
                            errors.lock().unwrap().push(error.to_string());
                        }
                        ended.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            for round in 0..share(10, 2_000) {
                let counts = || [Route::Token, Route::ContextSwitch].map(|route| sim.calls(route));
                let before = if round == 0 { [0, 0] } else { counts() };
                // At first there is neither token nor switch; later one of them is taken away, or both.
                let [revoked, forgotten] = if round == 0 {
                    [true; 2]
                } else {
                    [[true, false], [false, true], [true; 2]][random.usize(0..3)]
                };
                if round > 0 {
                    clock.advance(Duration::from_secs(1));
                    if revoked {
                        sim.revoke_tokens();
                    }
                    if forgotten {
                        sim.forget_context_switches();
                    }
                }
                // Each thread has begun a call after that, and ended it.
                let marks: Vec<_> = ended.iter().map(|ended| ended.load(Ordering::SeqCst) + 2).collect();
                let behind =
                    || ended.iter().zip(&marks).any(|(ended, mark)| ended.load(Ordering::SeqCst) < *mark);
                let patience = Instant::now() + Duration::from_secs(60);
                while behind() && Instant::now() < patience {
                    thread::yield_now();
                }
                let hangs = behind();
                let after = counts();
                let [tokens, switches] = [after[0] - before[0], after[1] - before[1]];
                let errors = std::mem::take(&mut *errors.lock().unwrap());
                // A switch that was asked for with a token revoked meanwhile is asked for again.
                let needed = if forgotten { CUSTOMERS.len() as u64 } else { 0 };
                let most = if revoked { 2 * needed } else { needed };
                let once = tokens == u64::from(revoked) && (needed..=most).contains(&switches);
                trial.holds(once && errors.is_empty() && !hangs, || {
                    format!("round {round}: {tokens} tokens, {switches} switches, hangs: {hangs}, {errors:?}")
                });
                if hangs {
                    // The deadlines of all calls pass.
                    clock.advance(Duration::from_secs(3600));
                    break;
                }
            }
            over.store(true, Ordering::SeqCst);
        });
        let (accepted, received) = (accepted.into_inner(), sim.downlinks_received());
        trial.holds(accepted == received, || format!("{received} downlinks, and {accepted} receipts"));
        trial.end();
    }
}
