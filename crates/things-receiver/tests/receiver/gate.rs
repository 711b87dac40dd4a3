//! A real inbox whose transactions a test holds back, or lets fail.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use things_store::inbox::{Appended, Inbox, InboxCounts, InboxError, Message, NewMessage};

use crate::running::inbox;

/// What happens to the next transaction. Without one it just happens.
#[derive(Clone, Copy)]
pub(crate) enum Next {
    Fail,
    FailForNow,
    Panic,
}

/// Controls the inbox that was made with it.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    is_closed: bool,
    next: VecDeque<Next>,
    /// A body that the inbox refuses.
    refused: Option<Vec<u8>>,
    /// The number of messages of each transaction that has begun.
    begun: Vec<usize>,
}

impl Gate {
    /// The inbox of a folder behind this gate.
    pub(crate) fn inbox(&self, folder: &Path) -> Box<dyn Inbox> {
        Box::new(Gated { gate: self.clone(), inbox: inbox(folder) })
    }

    /// Transactions wait from now on.
    pub(crate) fn close(&self) {
        self.0.0.lock().unwrap().is_closed = true;
    }

    pub(crate) fn open(&self) {
        self.0.0.lock().unwrap().is_closed = false;
        self.0.1.notify_all();
    }

    pub(crate) fn next(&self, next: impl IntoIterator<Item = Next>) {
        self.0.0.lock().unwrap().next.extend(next);
    }

    pub(crate) fn refuse(&self, body: Option<&[u8]>) {
        self.0.0.lock().unwrap().refused = body.map(<[u8]>::to_vec);
    }

    /// Waits until so many transactions have begun, and returns their sizes.
    pub(crate) fn begun(&self, count: usize) -> Vec<usize> {
        let state = self.0.0.lock().unwrap();
        self.0.1.wait_while(state, |state| state.begun.len() < count).unwrap().begun.clone()
    }

    /// Waits until the first transaction has begun.
    pub(crate) async fn has_begun(&self) {
        let gate = self.clone();
        tokio::task::spawn_blocking(move || gate.begun(1)).await.unwrap();
    }
}

struct Gated {
    gate: Gate,
    inbox: Box<dyn Inbox>,
}

impl Inbox for Gated {
    fn append(&mut self, messages: &[NewMessage]) -> Result<Vec<Appended>, InboxError> {
        let (lock, changed) = &*self.gate.0;
        let mut state = lock.lock().unwrap();
        state.begun.push(messages.len());
        changed.notify_all();
        let mut state = changed.wait_while(state, |state| state.is_closed).unwrap();
        let refused = state.refused.clone();
        let next = state.next.pop_front();
        drop(state);
        match next {
            Some(Next::Fail) => return Err(InboxError::new("the disk is full")),
            Some(Next::FailForNow) => return Err(InboxError::temporary("the connection was lost")),
            Some(Next::Panic) => panic!("a bug in an inbox"),
            None => {}
        }
        if refused.is_some_and(|refused| messages.iter().any(|message| message.body == refused)) {
            return Err(InboxError::new("this message cannot be stored"));
        }
        self.inbox.append(messages)
    }

    fn read(&mut self, after: u64, most: usize) -> Result<Vec<Message>, InboxError> {
        self.inbox.read(after, most)
    }

    fn cursor(&mut self, consumer: &str) -> Result<u64, InboxError> {
        self.inbox.cursor(consumer)
    }

    fn advance(&mut self, consumer: &str, id: u64) -> Result<(), InboxError> {
        self.inbox.advance(consumer, id)
    }

    fn counts(&mut self) -> Result<InboxCounts, InboxError> {
        self.inbox.counts()
    }

    fn remove_before(&mut self, id: u64) -> Result<u64, InboxError> {
        self.inbox.remove_before(id)
    }
}
