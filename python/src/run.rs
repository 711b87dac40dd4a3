//! The blocking run of many downlinks behind `kpn_things.Client`.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use things_ureq::{Client, FeedIter, Stopper};

use crate::bulk::{Batch, BulkRun, Known, sent_to_python, warn_of};
use crate::client::Events;
use crate::connection::Connection;
use crate::error::raise;
use crate::interrupt::interruptible;
use crate::lock::lock;
use crate::process::OfProcess;

/// How long an interrupt waits for a ledger to record what is known.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long the end of a run waits for it.
const MORE_PATIENCE: Duration = Duration::from_secs(10);

/// The downlinks of a run that have ended, one at a time.
#[pyclass(frozen, module = "kpn_things._native")]
pub(crate) struct Run {
    connection: Arc<Connection<Client>>,
    stopper: OfProcess<Stopper>,
    known: Known,
    events: Events,
    /// Where the reading is, or will be once its fetch has ended. `None` while another thread waits for it.
    place: Mutex<Option<OfProcess<Receiver<Reading>>>>,
}

struct Reading {
    /// `None` after the end, so that the ledger is free.
    items: Option<FeedIter<BulkRun>>,
    ready: Batch,
    known: Known,
    /// The largest number of items that are fetched at once. No more than this is sent before the caller looks.
    most: usize,
}

impl Reading {
    /// Fetches at least one item, unless there is none.
    fn fetch(&mut self) {
        let Some(items) = &mut self.items else { return };
        let mut next = items.next();
        let mut ended = next.is_none();
        while let Some(item) = next {
            ended |= item.is_err();
            self.ready.push_back(item);
            next = if ended || self.ready.len() >= self.most { None } else { items.ready() };
        }
        self.known.update(items.feed().progress());
        if ended {
            self.items = None;
        }
    }

    /// Fetches all items of a run that was aborted, which takes no longer than its ledger.
    fn settle(&mut self) {
        if let Some(mut items) = self.items.take() {
            self.ready.extend(items.by_ref());
            self.known.update(items.feed().progress());
        }
    }
}

impl Run {
    pub(crate) fn new(
        items: FeedIter<BulkRun>,
        most: usize,
        connection: &Arc<Connection<Client>>,
        events: Events,
    ) -> Self {
        let known = Known::default();
        let stopper = OfProcess::new(items.stopper());
        let reading = Reading { items: Some(items), ready: VecDeque::new(), known: known.clone(), most };
        let place = Mutex::new(Some(home(reading)));
        Self { connection: Arc::clone(connection), stopper, known, events, place }
    }

    fn take(&self) -> Option<Receiver<Reading>> {
        lock(&self.place).take().and_then(OfProcess::take)
    }

    fn put(&self, place: OfProcess<Receiver<Reading>>) {
        *lock(&self.place) = Some(place);
    }

    /// Takes the reading. It is at its place, unless a fetch was interrupted whose ledger takes long.
    fn reading(&self, py: Python<'_>) -> PyResult<Reading> {
        let place = self.take().ok_or_else(|| {
            PyRuntimeError::new_err("the run is read by another thread, or began before a fork")
        })?;
        if let Ok(reading) = place.try_recv() {
            return Ok(reading);
        }
        py.detach(move || place.recv_timeout(MORE_PATIENCE))
            .map_err(|_| PyRuntimeError::new_err("the run was interrupted, and its ledger takes too long"))
    }

    /// Ends the run at once, and gives its ledger some time to record what is known.
    fn settle(&self, py: Python<'_>, place: Receiver<Reading>, patience: Duration) {
        // A signal handler may have forked. Only the process that started the run may stop it.
        let Some(stopper) = self.stopper.get() else { return };
        stopper.abort();
        let place = py.detach(move || match place.recv_timeout(patience) {
            Ok(mut reading) => {
                reading.settle();
                home(reading)
            }
            Err(_) => OfProcess::new(place),
        });
        self.put(place);
    }
}

/// The place of a reading that has no fetch in progress.
fn home(reading: Reading) -> OfProcess<Receiver<Reading>> {
    let (sender, place): (Sender<_>, _) = channel();
    // The receiver is here.
    let _ = sender.send(reading);
    OfProcess::new(place)
}

#[pymethods]
impl Run {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        loop {
            let mut reading = self.reading(py)?;
            if let Some(item) = reading.ready.pop_front() {
                self.put(home(reading));
                return sent_to_python(py, item.map_err(|error| raise(py, &error))?).map(Some);
            }
            if reading.items.is_none() {
                self.put(home(reading));
                return Ok(None);
            }
            let (sender, place) = channel();
            let fetched = interruptible(py, None, move |_| {
                reading.fetch();
                // After an interrupt, it waits there.
                let _ = sender.send(reading);
            });
            if let Err(interrupt) = fetched {
                self.settle(py, place, PATIENCE);
                self.connection.renew();
                return Err(interrupt);
            }
            self.put(OfProcess::new(place));
            // If this is interrupted, no item is lost.
            self.events.report(py)?;
        }
    }

    /// Accepted, not sent, unknown, in flight and retried, and whether the run waits.
    #[getter]
    fn progress(&self) -> (u64, u64, u64, usize, u64, bool) {
        self.known.numbers()
    }

    /// Starts no more downlinks. Those in flight are finished, and are the last items.
    fn stop(&self) {
        if let Some(stopper) = self.stopper.get() {
            stopper.stop();
        }
    }

    /// Ends the run at once, and warns about the downlinks in flight. A thread that reads it gets no more items.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let Some(place) = self.take() else {
            if let Some(stopper) = self.stopper.get() {
                stopper.abort();
            }
            return Ok(());
        };
        self.settle(py, place, MORE_PATIENCE);
        let Some(place) = self.take() else { return Ok(()) };
        let Ok(mut reading) = place.try_recv() else { return Ok(()) };
        let rest = std::mem::take(&mut reading.ready);
        self.put(home(reading));
        warn_of(py, rest)
    }
}
