//! The native part of the Python package `kpn_things`.
//!
//! What Python users call is written in Python, in `kpn_things/`; here are the models, the calls and the simulator
//! behind it. `kpn_things/_native.pyi` is the list of everything that is here.

mod arguments;
mod async_client;
mod bridge;
mod callback;
mod client;
mod clock;
mod config;
mod connection;
mod device;
mod error;
mod fleet;
mod interrupt;
mod json;
mod listing;
mod log;
mod page;
mod process;
mod receipt;
mod report;
mod response;
mod simulator;

use std::ffi::OsString;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _native {
    use pyo3::prelude::*;
    use things_core::ErrorKind;

    #[pymodule_export]
    use super::async_client::{AsyncCaller, AsyncFeed};
    #[pymodule_export]
    use super::cli;
    #[pymodule_export]
    use super::client::{Caller, Feed};
    #[pymodule_export]
    use super::clock::TestClock;
    #[pymodule_export]
    use super::config::Config;
    #[pymodule_export]
    use super::device::Device;
    #[pymodule_export]
    use super::fleet::Fleet;
    #[pymodule_export]
    use super::page::Page;
    #[pymodule_export]
    use super::receipt::Receipt;
    #[pymodule_export]
    use super::report::{ListingReport, Proof};
    #[pymodule_export]
    use super::response::Response;
    #[pymodule_export]
    use super::simulator::Simulator;

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    /// The names of all kinds of errors that the core has.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let kinds: Vec<String> = ErrorKind::ALL.iter().map(|kind| format!("{kind:?}")).collect();
        module.add("ERROR_KINDS", kinds)
    }
}

/// Runs the command line tool on the streams of this process, and gives its exit status.
#[pyfunction]
fn cli(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| things_cli::main(arguments) as u8)
}
