//! The inboxes that receivers are measured with: a large one, and an append log.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use things_store::inbox::{
    Appended, Inbox, InboxCounts, InboxError, InboxOptions, Message, NewMessage, Source, SqliteInbox,
};

/// The size of a message of KPN Things.
pub(crate) const BODY: usize = 837;

/// Creates an inbox of 1,000,000 messages.
pub(crate) fn fill(path: &Path) {
    const BATCH: u64 = 10_000;
    let mut inbox = SqliteInbox::open(path, &InboxOptions::default()).unwrap();
    for batch in 0..100 {
        let messages: Vec<_> = (batch * BATCH..(batch + 1) * BATCH).map(message).collect();
        inbox.append(&messages).unwrap();
    }
}

/// A message of the usual size with the headers that KPN Things sends.
fn message(number: u64) -> NewMessage {
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    NewMessage {
        received: SystemTime::now(),
        source: Source::Http,
        label: Some("active".to_owned()),
        headers: vec![
            header("content-type", "application/json"),
            header("things-message-token", &format!("{number:064x}")),
        ],
        body: format!("{number:0BODY$}").into_bytes(),
    }
}

/// The least that a durable store costs: the bytes of a batch are written and synced. Nothing reads them.
pub(crate) struct Log(File);

impl Log {
    pub(crate) fn open(path: &Path) -> Self {
        Self(OpenOptions::new().create(true).append(true).open(path).unwrap())
    }
}

impl Inbox for Log {
    fn append(&mut self, messages: &[NewMessage]) -> Result<Vec<Appended>, InboxError> {
        let mut bytes = Vec::with_capacity(messages.len() * BODY);
        for message in messages {
            for (name, value) in &message.headers {
                bytes.extend_from_slice(name.as_bytes());
                bytes.extend_from_slice(value);
            }
            bytes.extend_from_slice(&(message.body.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&message.body);
        }
        self.0.write_all(&bytes).unwrap();
        self.0.sync_data().unwrap();
        Ok(vec![Appended { id: Some(1) }; messages.len()])
    }

    fn read(&mut self, _: u64, _: usize) -> Result<Vec<Message>, InboxError> {
        Ok(Vec::new())
    }

    fn cursor(&mut self, _: &str) -> Result<u64, InboxError> {
        Ok(0)
    }

    fn advance(&mut self, _: &str, _: u64) -> Result<(), InboxError> {
        Ok(())
    }

    fn counts(&mut self) -> Result<InboxCounts, InboxError> {
        Ok(InboxCounts::default())
    }

    fn remove_before(&mut self, _: u64) -> Result<u64, InboxError> {
        Ok(0)
    }
}
