//! Messages in a file, one JSON object per line, to be posted again.

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use things_senml::Data;
use things_store::inbox::Message;

use super::measurement_row::received;
use crate::failure::Failure;
use crate::{input, private};

/// Headers whose values are credentials. The token is none: it is about one body, and a store keeps it as well.
const CREDENTIALS: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

/// A recorded message. A body that is not UTF-8 is in `body_base64`, in base64url without padding.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recorded {
    /// When it was received.
    pub(super) received: String,
    label: Option<String>,
    /// Names and values, without credentials.
    pub(super) headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

impl Recorded {
    fn new(message: &Message) -> Self {
        let kept = message.headers.iter().filter(|(name, _)| !CREDENTIALS.contains(&name.as_str()));
        let text = String::from_utf8(message.body.clone()).ok();
        let base64 = text.is_none().then(|| Data::new(message.body.as_slice()).as_str().to_owned());
        Self {
            received: received(message.received),
            label: message.label.clone(),
            headers: kept
                .map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into_owned()))
                .collect(),
            body: text,
            body_base64: base64,
        }
    }

    /// The body, byte for byte.
    pub(super) fn body(&self) -> Result<Vec<u8>, String> {
        match (&self.body, &self.body_base64) {
            (Some(text), None) => Ok(text.clone().into_bytes()),
            (None, Some(base64)) => {
                let data = Data::from_base64(base64.as_str());
                data.map(|data| data.bytes().to_vec())
                    .map_err(|_| "`body_base64` is not base64url".to_owned())
            }
            _ => Err("there must be either `body` or `body_base64`".to_owned()),
        }
    }
}

/// A file that messages are added to. Only its owner can read it.
pub(super) struct Recording(File);

impl Recording {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let file = private::open_to_append(path);
        file.map(Self).map_err(|error| Failure::Usage(format!("could not write {}: {error}", path.display())))
    }

    /// Adds a message.
    pub(super) fn add(&mut self, message: &Message) -> io::Result<()> {
        let mut line = serde_json::to_vec(&Recorded::new(message))?;
        line.push(b'\n');
        self.0.write_all(&line)
    }
}

/// Reads a recording. Every line is checked.
pub(super) fn read(path: &str) -> Result<Vec<Recorded>, Failure> {
    let mut messages = Vec::new();
    for (index, line) in input::open("the recording", path)?.lines().enumerate() {
        let line = line.map_err(|error| input::unreadable("the recording", path, &error))?;
        if line.trim().is_empty() {
            continue;
        }
        let wrong = |why: String| {
            Failure::Usage(format!(
                "{path}: line {} is not a recorded message: {why}\nhint: record messages with things uplink listen --record FILE",
                index + 1
            ))
        };
        let recorded: Recorded = serde_json::from_str(&line).map_err(|error| wrong(error.to_string()))?;
        recorded.body().map_err(wrong)?;
        messages.push(recorded);
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use things_store::inbox::Source;

    use super::*;

    #[test]
    fn a_body_is_recorded_byte_for_byte_and_credentials_are_not() {
        for body in [&b"[1.0]\r\n"[..], b"\xFF\x00", "\u{FEFF}\u{1F600}\"".as_bytes(), b""] {
            let header = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
            let message = Message {
                id: 1,
                received: SystemTime::UNIX_EPOCH,
                source: Source::Http,
                label: None,
                headers: vec![header("things-message-token", b"01"), header("authorization", b"Bearer x")],
                body: body.to_vec(),
            };
            let line = serde_json::to_string(&Recorded::new(&message)).unwrap();
            let recorded: Recorded = serde_json::from_str(&line).unwrap();
            assert_eq!(recorded.body().unwrap(), body, "{line}");
            assert_eq!(recorded.headers, [("things-message-token".to_owned(), "01".to_owned())]);
        }
    }
}
