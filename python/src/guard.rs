//! Keeps tests away from real accounts: while it is on, clients of this process reach only simulators.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Uri;
use pyo3::prelude::*;
use things_core::Config;

use crate::arguments::refuse;
use crate::lock::lock;

/// The number of tests that need the guard. A forked child inherits the count.
static TESTS: AtomicUsize = AtomicUsize::new(0);

/// Host and port of each simulator that this process ever started, including stopped ones, so that their clients get a
/// connection error. Only attached threads lock it, and no Python code runs meanwhile.
static SIMULATORS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Turns the guard on or off. Calls are counted: it is off once it was turned off as often as on.
#[pyfunction]
pub(crate) fn only_simulators(on: bool) {
    if on {
        TESTS.fetch_add(1, Ordering::SeqCst);
    } else {
        let _ = TESTS.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |tests| tests.checked_sub(1));
    }
}

/// Lets clients reach a simulator while the guard is on.
pub(crate) fn allow(simulator: &str) {
    if let Some(host) = simulator.parse().ok().as_ref().and_then(host) {
        lock(&SIMULATORS).insert(host);
    }
}

/// Refuses a client that reaches anything but a simulator, while the guard is on.
pub(crate) fn check(config: &Config) -> PyResult<()> {
    if TESTS.load(Ordering::SeqCst) == 0 {
        return Ok(());
    }
    let base_url = config.base_url().parse().ok();
    let urls = [base_url.as_ref(), Some(config.token_url())];
    let hosts = urls.into_iter().map(|url| url.and_then(host).unwrap_or_default());
    let stranger = {
        let simulators = lock(&SIMULATORS);
        hosts.into_iter().find(|host| !simulators.contains(host))
    };
    match stranger {
        None => Ok(()),
        Some(host) => Err(refuse(format!(
            "this client is for {host}, but a test with the marker kpn_things reaches simulators only, so nothing was \
             sent: create the client during the test, by Client.from_env() or by a Simulator"
        ))),
    }
}

/// Host and port of a URL.
fn host(url: &Uri) -> Option<String> {
    Some(url.authority()?.as_str().to_ascii_lowercase())
}
