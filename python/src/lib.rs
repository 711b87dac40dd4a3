//! The native part of the Python package `kpn_things`.
//!
//! The classes that users call are written in Python, in `kpn_things/`. The models, the calls and the simulator behind them
//! are here. `kpn_things/_native.pyi` lists everything that Python can reach.
//!
//! # Rules
//!
//! They keep the process free of deadlocks, with threads, forks and exits at any moment.
//!
//! 1. **No lock of ours is held while Python code can run.** Python code can be anywhere: an audit hook, a handler of logs,
//!    a `__del__`. It can wait for a thread that waits for the lock. `py.detach` counts as Python code, because other
//!    threads run meanwhile.
//! 2. **Static locks, and locks in a `#[pyclass]`, are taken by attached threads only, for an instant.** A fork happens on
//!    an attached thread, so a forked child never finds them locked.
//! 3. **Only Python's threads and the messenger attach.** The messenger is a Rust thread that attaches once, for life
//!    (`bridge.rs`). Attaching takes locks of the interpreter, and a fork in that instant would leave them locked.
//! 4. **Python objects are dropped on attached threads only.** Elsewhere pyo3 puts them into a pool behind a lock. Work on
//!    other threads holds them in a `Parcel`, and the messenger drops them.
//! 5. **What belongs to threads of this process is an `OfProcess`.** A forked child neither uses nor drops it.
//! 6. **Code that may be written in Python is called through `callback.rs`,** because the interpreter can end such a thread
//!    in the middle of it.
//!
//! `python/tests/behaviour/test_deadlocks.py` fails if a rule is broken.

mod arguments;
mod async_client;
mod async_run;
mod bridge;
mod bulk;
mod call;
mod callback;
mod caller;
mod client;
mod clock;
mod config;
mod connection;
mod customers;
mod device;
mod diff;
mod error;
mod event;
mod fleet;
mod following;
mod guard;
mod headers;
mod inbox;
mod interrupt;
mod item;
mod json;
mod lazy;
mod ledger;
mod listing;
mod lock;
mod options;
mod page;
mod process;
mod query;
mod receipt;
mod report;
mod resource;
mod response;
mod retry;
mod rows;
mod run;
mod simulator;
mod uplink;
mod verifier;

use std::ffi::OsString;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _native {
    use pyo3::prelude::*;
    use things_core::ErrorKind;

    #[pymodule_export]
    use super::async_client::{AsyncCaller, AsyncFeed};
    #[pymodule_export]
    use super::async_run::AsyncRun;
    #[pymodule_export]
    use super::bulk::Bulk;
    #[pymodule_export]
    use super::call::Call;
    #[pymodule_export]
    use super::cli;
    #[pymodule_export]
    use super::client::{Caller, Feed};
    #[pymodule_export]
    use super::clock::TestClock;
    #[pymodule_export]
    use super::config::Config;
    #[pymodule_export]
    use super::customers::Customers;
    #[pymodule_export]
    use super::device::Device;
    #[pymodule_export]
    use super::diff::{check_same_subject, diff_devices, read_listing};
    #[pymodule_export]
    use super::fleet::Fleet;
    #[pymodule_export]
    use super::guard::only_simulators;
    #[pymodule_export]
    use super::inbox::Messages;
    #[pymodule_export]
    use super::interrupt::before_fork;
    #[pymodule_export]
    use super::item::{BulkItem, stored_item};
    #[pymodule_export]
    use super::ledger::Store;
    #[pymodule_export]
    use super::options::{Masked, mask};
    #[pymodule_export]
    use super::page::Page;
    #[pymodule_export]
    use super::query::Query;
    #[pymodule_export]
    use super::receipt::Receipt;
    #[pymodule_export]
    use super::report::{ListingReport, Proof};
    #[pymodule_export]
    use super::resource::{ResourceQuery, downlink_state};
    #[pymodule_export]
    use super::response::Response;
    #[pymodule_export]
    use super::retry::RetryPolicy;
    #[pymodule_export]
    use super::run::Run;
    #[pymodule_export]
    use super::simulator::Simulator;
    #[pymodule_export]
    use super::uplink::{Location, Lora, Measurement, Uplink};
    #[pymodule_export]
    use super::verifier::{Verified, Verifier, sign_uplink};

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    /// Returns the names of all error kinds of the core.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let kinds: Vec<String> = ErrorKind::ALL.iter().map(|kind| format!("{kind:?}")).collect();
        module.add("ERROR_KINDS", kinds)
    }
}

/// Runs the command line tool on the streams of this process, and returns its exit status.
#[pyfunction]
fn cli(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| things_cli::main(arguments).code())
}
