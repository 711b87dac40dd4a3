//! The client of a transport, in whichever process asks for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::{mem, process};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use things_core::{Clock, Config, Error};

use crate::error::raise;

/// A client that is made when it is first needed, and again after a fork: parent and child must not share connections,
/// and a lock that another thread held at the fork would never be freed.
pub(crate) struct Connection<C> {
    config: Config,
    clock: Option<Arc<dyn Clock>>,
    make: fn(Config, Option<Arc<dyn Clock>>) -> Result<C, Error>,
    state: Mutex<State<C>>,
}

enum State<C> {
    Closed,
    New,
    Open { process: u32, client: C },
}

impl<C: Clone> Connection<C> {
    pub(crate) fn new(
        config: Config,
        clock: Option<Arc<dyn Clock>>,
        make: fn(Config, Option<Arc<dyn Clock>>) -> Result<C, Error>,
    ) -> Self {
        Self { config, clock, make, state: Mutex::new(State::New) }
    }

    /// A clone of the client.
    pub(crate) fn client(&self, py: Python<'_>) -> PyResult<C> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Closed => {
                return Err(PyRuntimeError::new_err(
                    "the client is closed: make another, or call it inside `with`",
                ));
            }
            State::Open { process, client } if *process == process::id() => return Ok(client.clone()),
            State::Open { .. } | State::New => {}
        }
        let client =
            (self.make)(self.config.clone(), self.clock.clone()).map_err(|error| raise(py, &error))?;
        let open = State::Open { process: process::id(), client: client.clone() };
        // Dropping the parent's would say goodbye on its connections.
        mem::forget(mem::replace(&mut *state, open));
        Ok(client)
    }

    /// Closes idle connections; those of calls under way close with them.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let old = mem::replace(&mut *state, State::Closed);
        if matches!(old, State::Open { process, .. } if process != process::id()) {
            mem::forget(old);
        }
    }
}
