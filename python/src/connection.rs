//! The client of a transport, one per process.

use std::sync::{Mutex, MutexGuard};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use things_core::{Config as CoreConfig, Error};

use crate::caller::Driver;
use crate::config::Config;
use crate::error::raise;
use crate::guard;
use crate::lock::lock;
use crate::process::OfProcess;

/// A client that is created on first use, and again after a fork: parent and child must not share connections.
pub(crate) struct Connection<C> {
    config: Py<Config>,
    /// Only attached threads lock it, and no Python code runs meanwhile.
    state: Mutex<State<C>>,
}

enum State<C> {
    Closed,
    New,
    Open(OfProcess<C>),
}

impl<C: Driver> Connection<C> {
    pub(crate) fn new(config: Py<Config>) -> Self {
        Self { config, state: Mutex::new(State::New) }
    }

    /// The configuration of the client.
    pub(crate) fn config(&self) -> &CoreConfig {
        self.config.get().core()
    }

    /// A clone of the client.
    pub(crate) fn client(&self, py: Python<'_>) -> PyResult<C> {
        guard::check(self.config.get().core())?;
        let client = self.open().map_err(|error| raise(py, &error))?;
        client.ok_or_else(|| {
            PyRuntimeError::new_err("the client is closed: make another, or call it inside `with`")
        })
    }

    /// Returns the client, or `None` if it was closed.
    fn open(&self) -> Result<Option<C>, Error> {
        let mut state = self.lock();
        match &*state {
            State::Closed => return Ok(None),
            State::Open(client) if let Some(client) = client.get() => return Ok(Some(client.clone())),
            State::Open(_) | State::New => {}
        }
        let client = C::open(self.config.get())?;
        *state = State::Open(OfProcess::new(client.clone()));
        Ok(Some(client))
    }

    /// Starts the next call with a new client, after a call was interrupted. The interrupted call goes on until it has
    /// a response. With the same client, the next call might wait for what it fetches, such as the token.
    pub(crate) fn renew(&self) {
        let mut state = self.lock();
        if let State::Open(_) = *state {
            *state = State::New;
        }
    }

    /// Closes idle connections. Those of calls in flight close with the calls.
    pub(crate) fn close(&self) {
        *self.lock() = State::Closed;
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        lock(&self.state)
    }
}
