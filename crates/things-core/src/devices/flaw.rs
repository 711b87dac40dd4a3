//! The reason why a page or a device cannot be read, and the place.

use std::fmt;

use crate::error::{DecodeError, ErrorKind};
use crate::json;

/// The length in bytes of the longest uuid that an error shows to identify an unreadable device. A longer one is left
/// out as a whole, because it may be a secret, and a part of a secret cannot be redacted.
const LONGEST_UUID: usize = 64;

#[derive(Debug)]
pub(super) struct Flaw {
    at: usize,
    why: Why,
    device: Option<Faulty>,
}

/// The device that cannot be read.
#[derive(Debug, Default)]
struct Faulty {
    /// Its index in the page, from 0.
    place: Option<usize>,
    uuid: Option<String>,
}

#[derive(Debug)]
pub(super) enum Why {
    Json(json::Why),
    NoUuid,
    OddUuid,
    Huge,
    NoContent,
    Embedded,
    ContentTwice,
    ContentIsNoArray,
    TooManyDevices,
}

impl From<json::Flaw> for Flaw {
    fn from(flaw: json::Flaw) -> Self {
        Self::new(flaw.at, Why::Json(flaw.why))
    }
}

impl Flaw {
    pub(super) fn new(at: usize, why: Why) -> Self {
        Self { at, why, device: None }
    }

    /// The offset in the text, in bytes.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn why(&self) -> &Why {
        &self.why
    }

    /// Marks the flaw as one in a device.
    pub(super) fn of_device(self, uuid: Option<&str>) -> Self {
        let uuid = uuid.filter(|uuid| uuid.len() <= LONGEST_UUID).map(str::to_owned);
        Self { device: Some(Faulty { place: None, uuid }), ..self }
    }

    /// Sets the index in the page of the device with the flaw.
    pub(super) fn at_place(mut self, place: usize) -> Self {
        self.device.get_or_insert_default().place = Some(place);
        self
    }

    /// Returns the error of a body that is not `what` was expected. `text` is the text of the body.
    pub(super) fn into_error(self, what: &str, body: &[u8], text: &str) -> DecodeError {
        let kind = match self.why {
            Why::Json(json::Why::TooDeep) => ErrorKind::TooDeep,
            Why::TooManyDevices => ErrorKind::TooLarge,
            _ => ErrorKind::Decode,
        };
        let place = json::place(text, self.at);
        let error = DecodeError::new(format_args!("not {what}: {self} ({place})"));
        let error = error.of_kind(kind).at(Some(self.at + body.len() - text.len()));
        match self.device.filter(|device| device.place.is_some() || device.uuid.is_some()) {
            Some(device) => error.about(device.to_string()),
            None => error,
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Faulty { place: Some(place), uuid }) = &self.device {
            write!(f, "content[{place}]")?;
            if let Some(uuid) = uuid {
                write!(f, " (uuid {uuid:?})")?;
            }
            f.write_str(": ")?;
        }
        self.why.fmt(f)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(why) => why.fmt(f),
            Self::NoUuid => f.write_str("there is no field uuid"),
            Self::OddUuid => f.write_str("its uuid is not a text"),
            Self::Huge => f.write_str("it has more than 4 GiB"),
            Self::NoContent => f.write_str("there is no field content"),
            Self::Embedded => f.write_str(
                "there is no field content but `_embedded`: this is HATEOAS, which is not documented",
            ),
            Self::ContentTwice => f.write_str("there are two fields content"),
            Self::ContentIsNoArray => f.write_str("content is no array of devices"),
            Self::TooManyDevices => write!(f, "it has more than {} devices", super::page::MOST_DEVICES),
        }
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.uuid, self.place) {
            (Some(uuid), _) => write!(f, "the device with the uuid {uuid:?}"),
            (None, Some(place)) => write!(f, "device {} of the page", place + 1),
            (None, None) => f.write_str("the device"),
        }
    }
}
