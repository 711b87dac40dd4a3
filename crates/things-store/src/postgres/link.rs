//! A connection that any thread may use: it lives on a thread of its own.
//!
//! The library for PostgreSQL is asynchronous. Its runtime must neither run nor be dropped inside another one, and a run
//! can be dropped anywhere, so nothing of it leaves the thread.

use std::fmt;
use std::process;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use things_core::LedgerError;
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::address::Address;
use super::failure::Failure;
use super::session::Session;

/// How long the server may take to accept a connection.
const CONNECTING: Duration = Duration::from_secs(10);

type Work = Box<dyn FnOnce(&mut Worker) + Send>;

/// A connection, which is opened again when it was lost.
pub(crate) struct Link {
    work: Sender<Work>,
    /// The process that started the thread. A forked one has none.
    process: u32,
}

impl Link {
    pub(crate) fn start(address: Address) -> Result<Self, LedgerError> {
        let failed = |error: std::io::Error| {
            LedgerError::new("could not start the thread of the connection to PostgreSQL").cause(error)
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (work, waiting) = channel();
        let worker = Worker { runtime, address, session: None };
        let run = move || run(worker, &waiting);
        thread::Builder::new().name("things-postgres".to_owned()).spawn(run).map_err(failed)?;
        Ok(Self { work, process: process::id() })
    }

    /// Runs this on the connection, and waits for it, up to `patience` apart from connecting.
    ///
    /// If it fails, the connection is closed, so that the server rolls back what was not committed.
    pub(crate) fn call<T, F>(&self, patience: Duration, work: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: AsyncFnOnce(&mut Session) -> Result<T, Failure> + Send + 'static,
    {
        if self.process != process::id() {
            return Err(LedgerError::new(
                "the connection to PostgreSQL belongs to the process that forked this one",
            )
            .hint("connect after the fork"));
        }
        let (reply, result) = channel();
        let work: Work = Box::new(move |worker| {
            let _ = reply.send(worker.run(patience, work));
        });
        let gone = || LedgerError::new("the thread of the connection to PostgreSQL has ended");
        self.work.send(work).map_err(|_| gone())?;
        result.recv().map_err(|_| gone())?
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

fn run(mut worker: Worker, waiting: &Receiver<Work>) {
    while let Ok(work) = waiting.recv() {
        work(&mut worker);
    }
    worker.close();
}

struct Worker {
    runtime: Runtime,
    address: Address,
    session: Option<Session>,
}

impl Worker {
    fn run<T, F>(&mut self, patience: Duration, work: F) -> Result<T, LedgerError>
    where
        F: AsyncFnOnce(&mut Session) -> Result<T, Failure>,
    {
        let Self { runtime, address, session } = self;
        let result = runtime.block_on(async {
            // Lets the connection notice that the server has closed it.
            yield_now().await;
            let session = match session {
                Some(open) if !open.is_closed() => open,
                _ => session.insert(
                    Session::open(address, CONNECTING).await.map_err(|failure| address.failed(failure))?,
                ),
            };
            match timeout(patience, work(session)).await {
                Ok(result) => result.map_err(LedgerError::from),
                Err(_) => Err(Failure::TimedOut.into()),
            }
        });
        if result.is_err() {
            self.close();
        }
        result
    }

    fn close(&mut self) {
        if let Some(session) = self.session.take() {
            self.runtime.block_on(session.close());
        }
    }
}
