//! `POST {baseUrl}/api/actuator/downlinks?port={port}&externalReference={ref}` queues a downlink (KPN's beta API
//! documentation). The body is a SenML pack. The body of the response is unknown, so it is kept unchanged.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use things_senml::{BaseName, Pack, Record};

use super::{DevEui, DeviceUrn, ExternalReference, FPort, Payload, records};
use crate::answer::Answer;
use crate::body::Body;
use crate::error::DecodeError;
use crate::input::InputError;
use crate::operation::{Call, Operation};
use crate::retry::Replay;

/// A downlink to one device.
///
/// Sending it twice makes two downlinks. So the library retries it only if the service provably did not process the
/// first attempt; see [`Outcome`](crate::Outcome).
#[derive(Clone)]
pub struct Downlink {
    pack: Pack,
    port: Option<FPort>,
    reference: Reference,
}

/// What the caller said about the reference of a downlink.
#[derive(Debug, Clone, Default)]
enum Reference {
    /// Nothing, so one is generated when the downlink is sent.
    #[default]
    Unsaid,
    /// There must be none.
    Unwanted,
    Given(ExternalReference),
}

impl Downlink {
    pub(crate) const PATH: &str = "/api/actuator/downlinks";

    /// The media type of the response.
    pub(crate) const MEDIA_TYPE: &str = "application/vnd.kpnthings.actuator.v1.response+json";

    /// Creates a downlink of bytes for a LoRa device: 1 to 242 of them, on a port from 1 to 223.
    ///
    /// ```
    /// use things_core::{Downlink, FPort};
    ///
    /// let downlink = Downlink::raw("0059AC0000181EB6".parse()?, FPort::new(1)?, [0x01, 0x02])?;
    /// # Ok::<(), things_core::InputError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error if the payload does not have 1 to 242 bytes.
    pub fn raw(dev_eui: DevEui, port: FPort, payload: impl Into<Vec<u8>>) -> Result<Self, InputError> {
        let record = Record::new(records::PAYLOAD_HEX)?.with_value(Payload::new(payload)?.hex());
        let pack = Pack::new(&BaseName::from(dev_eui), [record])?;
        Ok(Self { pack, port: Some(port), reference: Reference::default() })
    }

    /// Creates a downlink of custom records, such as a named instruction that the device's flow at KPN encodes.
    ///
    /// [`DeviceUrn::pack`](crate::DeviceUrn::pack) reads JSON records for a device that is given separately.
    ///
    /// # Errors
    ///
    /// Returns an error if the records name no device or several, or if a record named `payloadHex` does not have 1 to
    /// 242 bytes in hex.
    pub fn senml(pack: Pack) -> Result<Self, InputError> {
        records::check(&pack)?;
        Ok(Self { pack, port: None, reference: Reference::default() })
    }

    /// Sets the LoRa port, if custom records need one.
    #[must_use]
    pub fn port(mut self, port: FPort) -> Self {
        self.port = Some(port);
        self
    }

    /// Sets your reference for this downlink. Without one, a client's `send_downlink` generates one.
    ///
    /// # Errors
    ///
    /// Returns an error if the reference is empty, starts or ends with a space, or has a control character.
    pub fn external_reference(self, reference: impl Into<String>) -> Result<Self, InputError> {
        Ok(self.with_reference(ExternalReference::new(reference)?))
    }

    pub(super) fn with_reference(self, reference: ExternalReference) -> Self {
        Self { reference: Reference::Given(reference), ..self }
    }

    /// Removes the reference. No reference is generated when the downlink is sent.
    #[must_use]
    pub fn without_reference(mut self) -> Self {
        self.reference = Reference::Unwanted;
        self
    }

    /// Returns this downlink with a [generated](ExternalReference::generate) reference, unless it has one or
    /// [must have none](Self::without_reference).
    ///
    /// A client's `send_downlink` calls this with its own clock and randomness. A plain `call` does not.
    pub fn referenced(&self, unix_millis: u64, random: u128) -> Cow<'_, Self> {
        match self.reference {
            Reference::Given(_) | Reference::Unwanted => Cow::Borrowed(self),
            Reference::Unsaid => {
                let reference = Reference::Given(ExternalReference::generate(unix_millis, random));
                Cow::Owned(Self { reference, ..self.clone() })
            }
        }
    }

    /// The device, if the first record names it in its base name.
    pub fn device(&self) -> Option<DeviceUrn> {
        self.pack.records().next()?.base_name()?.parse().ok()
    }

    /// The records.
    pub fn pack(&self) -> &Pack {
        &self.pack
    }

    /// The LoRa port that was set.
    pub fn lora_port(&self) -> Option<FPort> {
        self.port
    }

    /// The reference of this downlink, if it has one: yours or a generated one.
    pub fn reference(&self) -> Option<&ExternalReference> {
        match &self.reference {
            Reference::Given(reference) => Some(reference),
            Reference::Unsaid | Reference::Unwanted => None,
        }
    }
}

/// A downlink in its stored form: `{"records": [...], "port": 1, "externalReference": "valve-42"}`.
///
/// `"externalReference": null` means that the downlink must have none. Without the field, one is generated when the
/// downlink is sent.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stored<'a> {
    /// Kept as text, so that numbers keep all their digits.
    records: Cow<'a, RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<FPort>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "said")]
    external_reference: Option<Option<ExternalReference>>,
}

/// Reads a field that is there, which may be `null`.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<ExternalReference>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Serialize for Downlink {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let records = RawValue::from_string(self.pack.as_json().to_owned()).map_err(S::Error::custom)?;
        let external_reference = match &self.reference {
            Reference::Unsaid => None,
            Reference::Unwanted => Some(None),
            Reference::Given(reference) => Some(Some(reference.clone())),
        };
        Stored { records: Cow::Owned(records), port: self.port, external_reference }.serialize(serializer)
    }
}

/// Checks everything that [`Downlink::senml`] checks.
impl<'de> Deserialize<'de> for Downlink {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        let pack = Pack::from_json(stored.records.get()).map_err(D::Error::custom)?;
        let downlink = Self::senml(pack).map_err(D::Error::custom)?;
        let reference = match stored.external_reference {
            None => Reference::Unsaid,
            Some(None) => Reference::Unwanted,
            Some(Some(reference)) => Reference::Given(reference),
        };
        Ok(Self { port: stored.port, reference, ..downlink })
    }
}

/// Shows port, reference and the number of records, but not their contents.
impl fmt::Debug for Downlink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Downlink")
            .field("records", &self.pack.len())
            .field("port", &self.port)
            .field("reference", &self.reference)
            .finish()
    }
}

impl Operation for Downlink {
    type Output = Receipt;

    fn encode(&self) -> Result<Call, InputError> {
        let mut call = Call::new(Method::POST, Self::PATH)
            .header(ACCEPT, HeaderValue::from_static(Self::MEDIA_TYPE))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(Bytes::copy_from_slice(self.pack.as_json().as_bytes()))
            .replay(Replay::Never);
        if let Some(port) = self.port {
            call = call.query("port", port);
        }
        if let Some(reference) = self.reference() {
            call = call.query("externalReference", reference).external_reference(reference.as_str());
        }
        Ok(call)
    }

    fn at_most_once(&self) -> bool {
        true
    }

    fn decode(&self, answer: Answer) -> Result<Receipt, DecodeError> {
        Ok(Receipt {
            status: answer.status,
            body: Body::of(&answer.headers, answer.redacted_body()),
            headers: answer.headers,
            external_reference: self.reference().map(|reference| reference.as_str().to_owned()),
            attempts: answer.attempts,
        })
    }
}

/// A downlink that KPN accepted. It is queued, and a class A device gets it after its next uplink.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Receipt {
    /// The status, 2xx.
    pub status: StatusCode,
    /// The headers of the response. If the service sends back a secret or the access token, it is redacted.
    pub headers: HeaderMap,
    /// The body of the response. Its contents are not documented.
    pub body: Body,
    /// The reference of the downlink, yours or a generated one. `None` if it was sent without one.
    pub external_reference: Option<String>,
    /// The number of requests that were sent: more than 1 if the service provably did not process the first.
    pub attempts: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> Downlink {
        Downlink::raw("0059AC0000181EB6".parse().unwrap(), FPort::new(1).unwrap(), [1, 2]).unwrap()
    }

    #[test]
    fn the_request_is_the_documented_one() {
        let call = raw().external_reference("valve 42&b").unwrap().encode().unwrap();
        assert_eq!(call.method, Method::POST);
        assert_eq!(call.target, "/api/actuator/downlinks?port=1&externalReference=valve%2042%26b");
        assert_eq!(call.body, r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","n":"payloadHex","vs":"0102"}]"#);
        assert_eq!(call.headers[ACCEPT], "application/vnd.kpnthings.actuator.v1.response+json");
        assert_eq!(call.headers[CONTENT_TYPE], "application/json");
        assert_eq!(call.replay, Replay::Never);
    }

    #[test]
    fn records_of_ones_own_need_no_port() {
        let pack = Pack::new(
            &BaseName::imei("490154203237518").unwrap(),
            [Record::new("open").unwrap().with_value(true)],
        );
        let call = Downlink::senml(pack.unwrap()).unwrap().encode().unwrap();
        assert_eq!(call.target, "/api/actuator/downlinks");
        assert_eq!(call.body, r#"[{"bn":"urn:dev:IMEI:490154203237518:","n":"open","vb":true}]"#);
    }

    #[test]
    fn what_a_downlink_holds_can_be_read_back() {
        let downlink = raw().external_reference("valve-42").unwrap();
        let dev_eui = "0059AC0000181EB6".parse().unwrap();
        assert_eq!(downlink.device().unwrap().dev_eui(), Some(dev_eui));
        assert_eq!(downlink.lora_port(), FPort::new(1).ok());
        assert_eq!(downlink.reference().map(ExternalReference::as_str), Some("valve-42"));
        assert_eq!(downlink.pack().len(), 1);
    }

    #[test]
    fn a_downlink_survives_json_and_is_checked_again() {
        let downlink = raw().external_reference("valve-42").unwrap();
        let json = serde_json::to_string(&downlink).unwrap();
        assert_eq!(
            json,
            r#"{"records":[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","n":"payloadHex","vs":"0102"}],"port":1,"externalReference":"valve-42"}"#
        );
        let again: Downlink = serde_json::from_str(&json).unwrap();
        assert_eq!(again.encode().unwrap().target, downlink.encode().unwrap().target);
        assert_eq!(again.pack(), downlink.pack());
        for (right, wrong) in
            [("0102", "0x0102"), ("\"port\":1", "\"port\":224"), ("valve-42", "valve-42\\n")]
        {
            assert!(serde_json::from_str::<Downlink>(&json.replace(right, wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_reference_is_generated_if_none_is_given_and_one_is_wanted() {
        let reference = |downlink: &Downlink| downlink.reference().map(ToString::to_string);
        let generated = raw().referenced(0, 1).into_owned();
        assert_eq!(reference(&generated).as_deref(), Some("00000000-0000-7000-8000-000000000001"));
        assert_eq!(reference(&generated.referenced(2, 3)), reference(&generated));
        let target = generated.encode().unwrap().target;
        assert!(target.ends_with("&externalReference=00000000-0000-7000-8000-000000000001"), "{target}");
        let given = raw().external_reference("valve-42").unwrap();
        assert_eq!(reference(&given.referenced(0, 1)).as_deref(), Some("valve-42"));
        for unwanted in [given.without_reference(), raw().without_reference()] {
            assert_eq!(reference(&unwanted.referenced(0, 1)), None);
            assert_eq!(unwanted.encode().unwrap().target, "/api/actuator/downlinks?port=1");
        }
        assert_eq!(reference(&raw()), None);
    }

    #[test]
    fn json_keeps_whether_a_reference_is_given_unwanted_or_unsaid() {
        let given = raw().external_reference("valve-42").unwrap();
        for (downlink, written, referenced) in [
            (raw(), "", Some("00000000-0000-7000-8000-000000000001")),
            (raw().without_reference(), r#","externalReference":null"#, None),
            (given, r#","externalReference":"valve-42""#, Some("valve-42")),
        ] {
            let json = serde_json::to_string(&downlink).unwrap();
            assert!(json.ends_with(&format!(r#""port":1{written}}}"#)), "{json}");
            let again: Downlink = serde_json::from_str(&json).unwrap();
            assert_eq!(again.referenced(0, 1).reference().map(ExternalReference::as_str), referenced);
        }
    }

    #[test]
    fn debug_shows_port_and_reference_and_not_the_payload() {
        let debug = format!("{:?}", raw().external_reference("valve-42").unwrap());
        assert!(
            debug.contains("records: 1") && debug.contains("FPort(1)") && debug.contains("valve-42"),
            "{debug}"
        );
        assert!(!debug.contains("0102"), "{debug}");
    }
}
