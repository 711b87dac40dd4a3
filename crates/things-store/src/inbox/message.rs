//! Messages as they were received.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use sha2::{Digest, Sha256};

/// How a message arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// KPN posted it to an HTTPS endpoint.
    Http,
    /// It came from an MQTT broker.
    Mqtt,
}

impl Source {
    /// `http` or `mqtt`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Mqtt => "mqtt",
        }
    }
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "http" => Ok(Self::Http),
            "mqtt" => Ok(Self::Mqtt),
            _ => Err(format!("{text:?} is no source of messages")),
        }
    }
}

/// A message that is to be stored.
#[derive(Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// When it was received, which is kept in milliseconds.
    pub received: SystemTime,
    /// How it arrived.
    pub source: Source,
    /// The label of the secret that verified it, if there was one.
    pub label: Option<String>,
    /// The headers that are to be kept, in their order. Values are bytes, and names can repeat.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, byte by byte.
    pub body: Vec<u8>,
}

impl NewMessage {
    /// Returns the SHA-256 digest of the body, by which duplicates are found.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.body).into()
    }
}

/// A stored message.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Its place in the inbox, from 1.
    pub id: u64,
    /// When it was received, in milliseconds.
    pub received: SystemTime,
    /// How it arrived.
    pub source: Source,
    /// The label of the secret that verified it, if there was one.
    pub label: Option<String>,
    /// The headers, as they were stored.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, byte by byte.
    pub body: Vec<u8>,
}

/// What was done with one message of an [`append`](super::Inbox::append).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The id of the message. `None`: it is a duplicate of one that is stored.
    pub id: Option<u64>,
}

/// Shows neither the body nor the values of headers, because a message token is among them.
impl fmt::Debug for NewMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("NewMessage");
        shown.field("received", &self.received).field("source", &self.source).field("label", &self.label);
        shown.field("headers", &names(&self.headers)).field("bytes", &self.body.len()).finish()
    }
}

/// Shows neither the body nor the values of headers, because a message token is among them.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Message");
        shown.field("id", &self.id).field("received", &self.received).field("source", &self.source);
        shown.field("label", &self.label).field("headers", &names(&self.headers));
        shown.field("bytes", &self.body.len()).finish()
    }
}

fn names(headers: &[(String, Vec<u8>)]) -> Vec<&str> {
    headers.iter().map(|(name, _)| name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_shows_neither_its_body_nor_its_token() {
        let new = NewMessage {
            received: SystemTime::UNIX_EPOCH,
            source: Source::Http,
            label: Some("active".to_owned()),
            headers: vec![("things-message-token".to_owned(), b"0123abcd".to_vec())],
            body: b"[17.5]".to_vec(),
        };
        let NewMessage { received, source, label, headers, body } = new.clone();
        let stored = Message { id: 7, received, source, label, headers, body };
        for shown in [format!("{new:?}"), format!("{stored:?}")] {
            assert!(shown.contains("things-message-token") && shown.contains("bytes: 6"), "{shown}");
            assert!(
                !shown.contains("0123abcd") && !shown.contains("17.5") && !shown.contains("48, 49"),
                "{shown}"
            );
        }
    }

    /// The first vector of FIPS 180-2, appendix B.
    #[test]
    fn the_digest_is_sha_256_of_the_body() {
        let new = NewMessage {
            received: SystemTime::UNIX_EPOCH,
            source: Source::Mqtt,
            label: None,
            headers: Vec::new(),
            body: b"abc".to_vec(),
        };
        assert_eq!(new.digest()[..4], [0xba, 0x78, 0x16, 0xbf]);
    }

    #[test]
    fn a_source_is_read_from_its_name() {
        for source in [Source::Http, Source::Mqtt] {
            assert_eq!(source.as_str().parse(), Ok(source));
        }
        assert!("coap".parse::<Source>().is_err());
    }
}
