//! The one writer of an inbox: what waits is committed together, and confirmed afterwards.
//!
//! ```text
//! store() ──► queue (bounded in messages and bytes) ──► thread: take all that waits ──► append, one transaction ──► confirm
//! ```
//!
//! A transaction can fail because of one of its messages. So each of them is then tried alone, and a message that the inbox
//! refuses harms no other. Nothing is tried alone after a temporary error, such as a lost connection. Two failures in a row
//! mean that the inbox is not available, and the rest gets the error.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use things_store::inbox::{Appended, Inbox, InboxError, NewMessage};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::metrics::Metrics;
use crate::room::{Memory, Room};
use crate::{Limits, ReceiverError};

/// The most messages of one transaction.
const BATCH: usize = 1_024;
/// How long a message that could not be stored is kept, as the test of whether messages can be stored again.
const KEPT: Duration = Duration::from_secs(60);

/// The writer of an inbox. Its clones share one thread, which owns the inbox.
#[derive(Debug, Clone)]
pub struct Writer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    jobs: mpsc::Sender<Job>,
    memory: Memory,
    metrics: Arc<Metrics>,
    commit_timeout: Duration,
    /// Ends when the thread does.
    end: Mutex<Option<oneshot::Receiver<()>>>,
}

/// The outcome of a message that is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It was stored under this id.
    New(u64),
    /// The same bytes are already in the inbox.
    Duplicate,
}

/// Why a message is not known to be stored. Its sender has to send it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    reason: String,
}

impl Writer {
    /// Starts the thread that writes to an inbox.
    ///
    /// # Errors
    ///
    /// Returns why the system could not start a thread.
    pub fn start(inbox: Box<dyn Inbox>, limits: &Limits) -> Result<Self, ReceiverError> {
        let metrics = Arc::new(Metrics::new());
        let (jobs, queue) = mpsc::channel(limits.queue.max(1));
        let (ends, end) = oneshot::channel();
        let patience = limits.commit_timeout;
        let mut thread =
            Thread { inbox, queue, metrics: Arc::clone(&metrics), patience, failure: None, _ends: ends };
        let started = thread::Builder::new().name("things-receiver".to_owned()).spawn(move || thread.run());
        started
            .map_err(|error| ReceiverError::new(format!("could not start the writer's thread: {error}")))?;
        let memory = Memory::new(limits.memory);
        let end = Mutex::new(Some(end));
        Ok(Self(Arc::new(Shared { jobs, memory, metrics, commit_timeout: patience, end })))
    }

    /// Stores a message. Returns after the transaction that contains it is durable.
    ///
    /// A future that is dropped leaves it open whether the message is stored. It is stored once in any case, because a message
    /// with the same bytes is a duplicate.
    ///
    /// # Errors
    ///
    /// Returns why the message may not be in the inbox: too many messages wait, the inbox failed, or it took longer than
    /// [`Limits::commit_timeout`].
    pub async fn store(&self, message: NewMessage) -> Result<Stored, Unavailable> {
        let mut room = Room::default();
        if !self.0.memory.grow(&mut room, size(&message)) {
            return Err(self.full_memory());
        }
        self.store_in(room, message).await
    }

    /// Tests whether the inbox can store messages. A message that could not be stored is tried again for it.
    ///
    /// # Errors
    ///
    /// Returns why the inbox cannot store messages.
    pub async fn check(&self) -> Result<(), Unavailable> {
        let (reply, checked) = oneshot::channel();
        self.push(Job::Check(reply))?;
        self.wait(checked).await
    }

    /// Stores what waits, closes the inbox and ends the thread. Messages that come later are not stored, and their senders get
    /// an error.
    pub async fn stop(&self) {
        // A thread that has ended is stopped.
        let _ = self.0.jobs.send(Job::Stop).await;
        let end = self.0.end.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(end) = end {
            // It is dropped and never sent.
            let _ = end.await;
        }
    }

    /// Stores a message whose memory is already counted.
    pub(crate) async fn store_in(&self, room: Room, message: NewMessage) -> Result<Stored, Unavailable> {
        let (reply, stored) = oneshot::channel();
        self.push(Job::Store(message, Waiting { reply, room }))?;
        self.0.metrics.queue.inc();
        self.wait(stored).await
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.0.memory
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    pub(crate) fn full_memory(&self) -> Unavailable {
        Unavailable::new(format!("messages that wait take all of {} bytes", self.0.memory.all()))
    }

    fn push(&self, job: Job) -> Result<(), Unavailable> {
        self.0.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                Unavailable::new(format!("{} messages wait for the store", self.0.jobs.max_capacity()))
            }
            mpsc::error::TrySendError::Closed(_) => Unavailable::ended(),
        })
    }

    async fn wait<T>(&self, reply: oneshot::Receiver<Result<T, Unavailable>>) -> Result<T, Unavailable> {
        match timeout(self.0.commit_timeout, reply).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Unavailable::ended()),
            Err(_) => Err(Unavailable::new(format!(
                "the store has not responded within {} s",
                self.0.commit_timeout.as_secs_f64()
            ))),
        }
    }
}

impl Unavailable {
    fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }

    fn ended() -> Self {
        Self::new("the writer has ended")
    }
}

impl Display for Unavailable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl Error for Unavailable {}

impl From<&InboxError> for Unavailable {
    fn from(error: &InboxError) -> Self {
        Self::new(error.to_string())
    }
}

/// The bytes that a message takes in memory.
pub(crate) fn size(message: &NewMessage) -> usize {
    let headers = message.headers.iter().map(|(name, value)| name.len() + value.len());
    message.body.len() + headers.sum::<usize>()
}

#[derive(Debug)]
enum Job {
    Store(NewMessage, Waiting),
    Check(oneshot::Sender<Result<(), Unavailable>>),
    Stop,
}

/// A caller that waits for a message to be stored.
#[derive(Debug)]
struct Waiting {
    reply: oneshot::Sender<Result<Stored, Unavailable>>,
    room: Room,
}

impl Waiting {
    /// Returns the result to the caller, which may have given up.
    fn end(self, result: Result<Stored, Unavailable>) {
        // The caller can use the memory again as soon as it has the result.
        drop(self.room);
        let _ = self.reply.send(result);
    }
}

struct Thread {
    inbox: Box<dyn Inbox>,
    queue: mpsc::Receiver<Job>,
    metrics: Arc<Metrics>,
    patience: Duration,
    failure: Option<Failure>,
    /// Dropped last, after the inbox is closed.
    _ends: oneshot::Sender<()>,
}

/// The last transaction failed.
struct Failure {
    message: NewMessage,
    since: Instant,
}

impl Thread {
    fn run(&mut self) {
        let mut jobs = Vec::new();
        while self.queue.blocking_recv_many(&mut jobs, BATCH) > 0 {
            let (mut messages, mut waiting, mut checks) = (Vec::new(), Vec::new(), Vec::new());
            for job in jobs.drain(..) {
                match job {
                    Job::Store(message, sender) => {
                        messages.push(message);
                        waiting.push(sender);
                    }
                    Job::Check(reply) => checks.push(reply),
                    // What is in the queue is still received.
                    Job::Stop => self.queue.close(),
                }
            }
            self.metrics.queue.dec_by(i64::try_from(messages.len()).unwrap_or(i64::MAX));
            if !messages.is_empty() {
                self.store(messages, waiting);
            }
            if !checks.is_empty() {
                let result = self.check();
                checks.into_iter().for_each(|reply| drop(reply.send(result.clone())));
            }
        }
    }

    /// Stores messages in one transaction, or one by one if that fails.
    fn store(&mut self, messages: Vec<NewMessage>, waiting: Vec<Waiting>) {
        let start = Instant::now();
        match self.append(&messages) {
            Ok(stored) => {
                waiting.into_iter().zip(stored).for_each(|(waiting, stored)| waiting.end(Ok(stored)));
            }
            Err(error) if messages.len() > 1 && !error.is_temporary() => {
                self.store_each(error, messages, waiting, start);
            }
            Err(error) => {
                self.failure = messages.into_iter().next().map(|message| Failure { message, since: start });
                let error = Unavailable::from(&error);
                waiting.into_iter().for_each(|waiting| waiting.end(Err(error.clone())));
            }
        }
    }

    fn store_each(
        &mut self,
        mut error: InboxError,
        messages: Vec<NewMessage>,
        waiting: Vec<Waiting>,
        start: Instant,
    ) {
        let mut failures = 0;
        for (message, waiting) in messages.into_iter().zip(waiting) {
            if failures < 2 && start.elapsed() < self.patience {
                match self.append(std::slice::from_ref(&message)) {
                    Ok(stored) => {
                        failures = 0;
                        let stored = stored.into_iter().next();
                        waiting.end(stored.ok_or_else(Unavailable::ended));
                        continue;
                    }
                    Err(again) => {
                        failures += 1;
                        self.failure = Some(Failure { message, since: start });
                        error = again;
                    }
                }
            }
            waiting.end(Err(Unavailable::from(&error)));
        }
    }

    /// One transaction.
    fn append(&mut self, messages: &[NewMessage]) -> Result<Vec<Stored>, InboxError> {
        let start = Instant::now();
        let result = self.inbox.append(messages);
        self.metrics.commit.observe(start.elapsed().as_secs_f64());
        match result {
            Ok(appended) => {
                self.failure = None;
                let stored: Vec<_> = appended.into_iter().map(Stored::from).collect();
                for stored in &stored {
                    match stored {
                        Stored::New(_) => self.metrics.stored.inc(),
                        Stored::Duplicate => self.metrics.duplicates.inc(),
                    };
                }
                Ok(stored)
            }
            Err(error) => {
                self.metrics.failed_commits.inc();
                log::warn!("{} messages could not be stored: {error}", messages.len());
                Err(error)
            }
        }
    }

    fn check(&mut self) -> Result<(), Unavailable> {
        if let Some(failure) = self.failure.take_if(|failure| failure.since.elapsed() < KEPT) {
            let result = self.append(std::slice::from_ref(&failure.message));
            return result.map(drop).map_err(|error| {
                self.failure = Some(failure);
                Unavailable::from(&error)
            });
        }
        self.failure = None;
        self.inbox.counts().map(drop).map_err(|error| Unavailable::from(&error))
    }
}

impl From<Appended> for Stored {
    fn from(appended: Appended) -> Self {
        appended.id.map_or(Self::Duplicate, Self::New)
    }
}
