//! What a rule is tried on, and what it is tried with.

use std::time::{Duration, SystemTime};

use things_store::inbox::{self, Inbox, InboxOptions, NewMessage, Source};

/// When the first message of a test is received.
pub(crate) const BEGIN: u64 = 1_700_000_000;

/// Makes inboxes, all of the same messages.
pub(crate) trait Maker {
    /// Whether what it needs is installed.
    fn is_available() -> bool
    where
        Self: Sized,
    {
        true
    }

    /// The name of the inbox: a path or a URL.
    fn name(&self) -> String;

    /// The inbox of a receiver.
    fn receiver(&self, options: &InboxOptions) -> Box<dyn Inbox> {
        inbox::open_inbox(&self.name(), options).unwrap()
    }

    /// The same inbox for a consumer.
    fn consumer(&self) -> Box<dyn Inbox> {
        inbox::read_inbox(&self.name()).unwrap()
    }
}

/// Options with a window of so many seconds.
pub(crate) fn window(seconds: u64) -> InboxOptions {
    InboxOptions { duplicates_within: Duration::from_secs(seconds), ..InboxOptions::default() }
}

/// A message that is received so many seconds after the first one.
pub(crate) fn at(seconds: u64, body: &str) -> NewMessage {
    NewMessage {
        received: SystemTime::UNIX_EPOCH + Duration::from_secs(BEGIN + seconds),
        source: Source::Http,
        label: Some("active".to_owned()),
        headers: vec![("things-message-token".to_owned(), b"00ff".to_vec())],
        body: body.as_bytes().to_vec(),
    }
}

/// A message with this body.
pub(crate) fn message(body: &str) -> NewMessage {
    at(0, body)
}

/// Appends messages, and returns their ids: 0 for a duplicate.
pub(crate) fn append(inbox: &mut Box<dyn Inbox>, messages: &[NewMessage]) -> Vec<u64> {
    let appended = inbox.append(messages).unwrap();
    appended.into_iter().map(|appended| appended.id.unwrap_or(0)).collect()
}

/// The ids and bodies of all messages.
pub(crate) fn all(inbox: &mut Box<dyn Inbox>) -> Vec<(u64, String)> {
    let messages = inbox.read(0, usize::MAX).unwrap();
    messages.into_iter().map(|message| (message.id, String::from_utf8(message.body).unwrap())).collect()
}
