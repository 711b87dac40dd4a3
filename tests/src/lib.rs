//! One corpus of scenarios, run by every driver, and worlds of chance, in which the core is watched.
//!
//! `scenarios/README.md` says how a scenario is written. Here it is read ([`Scenario`]), the scripted server answers
//! ([`Script`]), on a virtual clock ([`simulated`]) or over real sockets ([`socket`]), and what came is compared
//! with what was expected ([`verdict`]). A [`World`] has no expectations but invariants, and neither has a
//! [`Schedule`]: devices that change while they are listed.

#![allow(clippy::missing_errors_doc, reason = "these are helpers of tests")]

pub mod authority;
#[cfg(unix)]
pub mod broker;
mod bulk;
pub mod canary;
pub mod client;
mod dice;
mod driver;
pub mod echo;
mod listener;
mod outcome;
#[cfg(unix)]
pub mod postgres;
pub mod receiving;
mod scenario;
pub mod schedule;
mod script;
pub mod seeds;
pub mod server;
pub mod simulated;
pub mod socket;
pub mod timeline;
#[cfg(target_os = "linux")]
pub mod tracer;
pub mod verdict;
mod world;

use std::fmt;

pub use bulk::{BulkWorld, Invariant, Mutant, Violation};
pub use scenario::Scenario;
pub use schedule::Schedule;
pub use script::Script;
pub use world::World;

/// Why a scenario failed: its name, what differed, and all requests that the server saw.
pub struct Failure(String);

impl Failure {
    /// A failure that says this.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Shows the text as it is: this is what a failed test prints.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
