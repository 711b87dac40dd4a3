//! The typed view of a message.

use std::fmt;
use std::time::{Duration, SystemTime};

use things_senml::{BaseName, Leniency, Measurement, Number, Pack, Record, Resolved, Resolver};

use crate::device::Device;
use crate::error::{Error, FieldError};
use crate::fields::{self, Fields};
use crate::location::{self, Location};
use crate::lora::{self, Lora};

/// A message of KPN Things that was read: its device, and what the device measured.
///
/// Packs of several devices are possible. [`device`](Self::device), [`lora`](Self::lora) and [`location`](Self::location)
/// are then about the first one, and [`measurements`](Self::measurements) has those of all.
///
/// ```
/// use std::time::SystemTime;
/// use things_uplink::Uplink;
///
/// let body = br#"[
///     {"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1.76573996026E9},
///     {"n":"payload","vs":"0102"},
///     {"n":"port","v":1.0}
/// ]"#;
/// let uplink = Uplink::parse(body, SystemTime::UNIX_EPOCH)?;
/// let lora = uplink.lora().expect("it has a payload");
/// assert_eq!((lora.payload()?, lora.port()?), (vec![1, 2], Some(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Uplink {
    resolved: Resolved,
    /// An empty name, if the pack names no device.
    device: Device,
}

impl Uplink {
    /// Reads a message. `now` is the time of a record without a time, so it should be when the message was received.
    ///
    /// What KPN Things sends although RFC 8428 forbids it is tolerated, and each use is in
    /// [`leniencies`](Self::leniencies). A number in a string is read as a number unless the pack has a base value (`bv`).
    /// A payload is read from either kind.
    ///
    /// # Errors
    ///
    /// Returns an error that names the first wrong record.
    pub fn parse(body: &[u8], now: SystemTime) -> Result<Self, Error> {
        Self::parse_with(body, &Resolver::at(seconds(now)).lenient(true))
    }

    /// Reads a message like [`parse`](Self::parse), with a resolver of your own, such as a strict one.
    ///
    /// # Errors
    ///
    /// Returns an error that names the first wrong record.
    pub fn parse_with(body: &[u8], resolver: &Resolver) -> Result<Self, Error> {
        if let Err(error) = std::str::from_utf8(body) {
            return Err(Error::NotUtf8 { at: error.valid_up_to() });
        }
        let resolved = resolver.resolve_json(body)?;
        let device = match resolved.measurements().first() {
            Some(first) => fields::split(first).0,
            None => Device::of(resolved.base_name().unwrap_or_default()),
        };
        Ok(Self { resolved, device })
    }

    /// The device that the message is about. `None` if the pack has no base name, and its first name is not a URN.
    pub fn device(&self) -> Option<&Device> {
        Some(&self.device).filter(|device| !matches!(device, Device::Other(name) if name.is_empty()))
    }

    /// The raw uplink of a LoRa device. `None` if the message has no payload.
    pub fn lora(&self) -> Option<Lora<'_>> {
        let fields = self.fields();
        fields.has(lora::PAYLOAD).then_some(Lora(fields))
    }

    /// The location of the device. `None` if the message has neither a latitude nor a longitude.
    pub fn location(&self) -> Option<Location<'_>> {
        let fields = self.fields();
        (fields.has("latitude") || fields.has("longitude")).then_some(Location(fields))
    }

    /// All measurements, in the order of their records, those of [`lora`](Self::lora) and [`location`](Self::location)
    /// included.
    pub fn measurements(&self) -> &[Measurement] {
        self.resolved.measurements()
    }

    /// The measurements that are not part of a raw uplink or a location, by their names.
    pub fn others(&self) -> impl Iterator<Item = &Measurement> {
        self.measurements().iter().filter(|measurement| {
            let (_, name) = fields::split(measurement);
            !lora::NAMES.contains(&name) && !location::NAMES.contains(&name)
        })
    }

    /// What was tolerated, such as a number in a string. The message may need no change, but its device or its flow might.
    pub fn leniencies(&self) -> &[Leniency] {
        self.resolved.leniencies()
    }

    /// The first base time of the pack. `None` if there is none, or if it is relative to now.
    pub fn base_time(&self) -> Option<SystemTime> {
        // 2²⁸ seconds: from there on a time is absolute (RFC 8428, section 4.5.3).
        let seconds = self.resolved.base_time()?.to_f64();
        let since_1970 = (seconds >= 268_435_456.0).then(|| Duration::try_from_secs_f64(seconds).ok())?;
        SystemTime::UNIX_EPOCH.checked_add(since_1970?)
    }

    /// The resolved pack.
    pub fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    /// Decodes the payload of a LoRa device with a codec: a function from port and payload to records.
    ///
    /// The records become measurements of the device at the time of the payload. The result is empty if the message has
    /// no payload or no port, or if the codec returns no record.
    ///
    /// ```
    /// use std::time::SystemTime;
    /// use things_senml::{Number, Record};
    /// use things_uplink::Uplink;
    ///
    /// let body = br#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","n":"payload","vs":"00d7"},{"n":"port","v":2.0}]"#;
    /// let uplink = Uplink::parse(body, SystemTime::UNIX_EPOCH)?;
    /// let measurements = uplink.decode(|port, payload| match (port, payload) {
    ///     (2, [high, low]) => {
    ///         let celsius = f64::from(i16::from_be_bytes([*high, *low])) / 10.0;
    ///         Ok(vec![Record::new("temperature")?.with_value(Number::try_from(celsius)?).with_unit("Cel")])
    ///     }
    ///     _ => Err(format!("an unknown message on port {port}").into()),
    /// })?;
    /// assert_eq!(measurements[0].name(), "urn:dev:DEVEUI:0059AC0000181EB6:temperature");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error if payload or port cannot be read, if the codec fails, or if its records are not SenML.
    pub fn decode(
        &self,
        codec: impl FnOnce(u8, &[u8]) -> Result<Vec<Record>, Box<dyn std::error::Error + Send + Sync>>,
    ) -> Result<Vec<Measurement>, DecodeError> {
        let Some(Decoded { json, now }) = self.decode_to_json(codec)? else { return Ok(Vec::new()) };
        Ok(Resolver::at(now).resolve_json(json.as_bytes())?.into_measurements())
    }

    /// Like [`decode`](Self::decode), as a message of its own: a SenML pack of the device, which can be stored, posted and read
    /// again.
    ///
    /// # Errors
    ///
    /// Those of `decode`.
    pub fn decode_to_json(
        &self,
        codec: impl FnOnce(u8, &[u8]) -> Result<Vec<Record>, Box<dyn std::error::Error + Send + Sync>>,
    ) -> Result<Option<Decoded>, DecodeError> {
        let Some(lora) = self.lora() else { return Ok(None) };
        let payload = lora.payload()?;
        let (Some(port), Some(raw)) = (lora.port()?, lora.0.find(lora::PAYLOAD)?) else { return Ok(None) };
        let records = codec(port, &payload).map_err(DecodeError::Codec)?;
        if records.is_empty() {
            return Ok(None);
        }
        let (_, name) = fields::split(raw);
        let device = raw.name().strip_suffix(name).filter(|device| !device.is_empty());
        let pack = Pack::new(&BaseName::new(device.ok_or(DecodeError::NoDevice)?)?, records)?;
        let time = raw.time();
        let json = if time.is_relative() {
            pack.as_json().to_owned()
        } else {
            // A record of base fields alone, in front of the others.
            pack.as_json().replacen('[', &format!("[{{\"bt\":{time}}},"), 1)
        };
        Ok(Some(Decoded { json, now: time.as_number().clone() }))
    }

    fn fields(&self) -> Fields<'_> {
        Fields { resolved: &self.resolved, device: &self.device }
    }
}

/// Shows the device and the number of measurements, not their values.
impl fmt::Debug for Uplink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uplink")
            .field("device", &self.device())
            .field("measurements", &self.measurements().len())
            .finish_non_exhaustive()
    }
}

/// A decoded payload as a message of its own.
#[derive(Clone)]
pub struct Decoded {
    /// The SenML pack.
    pub json: String,
    /// The time that its records are relative to, in seconds since 1970, if the time of the payload was relative.
    pub now: Number,
}

/// Shows neither the records nor their values.
impl fmt::Debug for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoded").field("now", &self.now).finish_non_exhaustive()
    }
}

/// Why a payload could not be decoded.
#[derive(Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// The payload or the port cannot be read.
    Field(FieldError),
    /// The codec failed.
    Codec(Box<dyn std::error::Error + Send + Sync>),
    /// The message has no base name, so the records of the codec would be about no device.
    NoDevice,
    /// The records of the codec are not SenML.
    Senml(things_senml::Error),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(error) => error.fmt(f),
            Self::Codec(error) => write!(f, "the codec could not decode the payload: {error}"),
            Self::NoDevice => {
                f.write_str("the message names no device (\"bn\") that the decoded payload would belong to")
            }
            Self::Senml(error) => write!(f, "the codec returned wrong records: {error}"),
        }
    }
}

impl std::error::Error for DecodeError {}

impl From<FieldError> for DecodeError {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

impl From<things_senml::Error> for DecodeError {
    fn from(error: things_senml::Error) -> Self {
        Self::Senml(error)
    }
}

/// Seconds since 1970 with nine digits after the point. A time before 1970 counts as 1970.
fn seconds(now: SystemTime) -> Number {
    let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let text = format!("{}.{:09}", since_1970.as_secs(), since_1970.subsec_nanos());
    text.parse().unwrap_or_else(|_| since_1970.as_secs().into())
}

#[cfg(test)]
mod tests;
