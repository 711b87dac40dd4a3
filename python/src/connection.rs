//! The client of a transport, in whichever process asks for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use things_core::{Clock, Config, Error};

use crate::error::raise;
use crate::interrupt::{Wanted, interruptible};
use crate::process::OfProcess;

/// A client that is made when it is first needed, and again after a fork: parent and child must not share connections.
pub(crate) struct Connection<C> {
    config: Config,
    clock: Option<Arc<dyn Clock>>,
    make: Make<C>,
    state: Mutex<State<C>>,
}

type Make<C> = fn(Config, Option<Arc<dyn Clock>>) -> Result<C, Error>;

enum State<C> {
    Closed,
    New,
    Open(OfProcess<C>),
}

impl<C: Clone> Connection<C> {
    pub(crate) fn new(config: Config, clock: Option<Arc<dyn Clock>>, make: Make<C>) -> Self {
        Self { config, clock, make, state: Mutex::new(State::New) }
    }

    /// A clone of the client.
    pub(crate) fn client(&self, py: Python<'_>) -> PyResult<C> {
        let client = self.open().map_err(|error| raise(py, &error))?;
        client.ok_or_else(|| {
            PyRuntimeError::new_err("the client is closed: make another, or call it inside `with`")
        })
    }

    /// The client; `None` if it was closed. No Python code runs in here: it could wait for another thread, and that for
    /// the lock.
    fn open(&self) -> Result<Option<C>, Error> {
        let mut state = self.lock();
        match &*state {
            State::Closed => return Ok(None),
            State::Open(client) if let Some(client) = client.get() => return Ok(Some(client.clone())),
            State::Open(_) | State::New => {}
        }
        let client = (self.make)(self.config.clone(), self.clock.clone())?;
        *state = State::Open(OfProcess::new(client.clone()));
        Ok(Some(client))
    }

    /// Does a blocking job of the client. If it is interrupted, the next call begins with a new client: the job goes on
    /// until it has an answer, and what it fetches for others, such as the token, may be long in coming.
    pub(crate) fn block<T: Send + 'static>(
        &self,
        py: Python<'_>,
        job: impl FnOnce(&Wanted) -> T + Send + 'static,
    ) -> PyResult<T> {
        interruptible(py, job).inspect_err(|_| {
            let mut state = self.lock();
            if let State::Open(_) = *state {
                *state = State::New;
            }
        })
    }

    /// Closes idle connections; those of calls under way close with them.
    pub(crate) fn close(&self) {
        *self.lock() = State::Closed;
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
