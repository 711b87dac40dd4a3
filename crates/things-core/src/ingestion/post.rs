//! `POST https://prod.dm.kpnthings.com/ingestion/ip/senml/v1` delivers a SenML pack of a device (KPN's documentation). The
//! response may hold a downlink, as raw bytes.

use std::fmt;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use things_senml::Pack;

use crate::answer::Answer;
use crate::error::DecodeError;
use crate::input::InputError;
use crate::operation::{Call, Operation};
use crate::retry::Replay;

/// A SenML pack that a device posts.
///
/// It is sent at most once, unless [`retries`](Self::retries) allows more: see [`Outcome`](crate::Outcome).
#[derive(Clone)]
pub struct Post {
    body: Bytes,
    records: usize,
    replay: Replay,
}

impl Post {
    /// The server that KPN documents.
    pub(crate) const BASE_URL: &str = "https://prod.dm.kpnthings.com";

    pub(crate) const PATH: &str = "/ingestion/ip/senml/v1";

    /// Creates a post of a pack. Its JSON text is sent unchanged, because the message token covers each byte of it.
    ///
    /// # Errors
    ///
    /// Returns an error if the base name of the first record is not `urn:dev:DVNUUID:<uuid>:`, with the UUID of the
    /// device.
    pub fn new(pack: &Pack) -> Result<Self, InputError> {
        let first = pack.records().next();
        if !first.as_ref().and_then(|record| record.base_name()).is_some_and(is_device) {
            let why = "does not name the device in its first record: set its bn to urn:dev:DVNUUID:<uuid>:";
            return Err(InputError::new("SenML pack", why));
        }
        let body = Bytes::copy_from_slice(pack.as_json().as_bytes());
        Ok(Self { body, records: pack.len(), replay: Replay::Never })
    }

    /// Sets whether the post may be retried although it may have arrived. KPN Things may then store its records twice, so
    /// allow this for records that have their own times.
    ///
    /// The error of such a post has no [`Outcome`](crate::Outcome).
    #[must_use]
    pub fn retries(mut self, yes: bool) -> Self {
        self.replay = if yes { Replay::Idempotent } else { Replay::Never };
        self
    }
}

/// Whether a base name is that of a device with a UUID.
fn is_device(name: &str) -> bool {
    let uuid = name.strip_prefix("urn:dev:DVNUUID:").and_then(|rest| rest.strip_suffix(':'));
    let digit = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    uuid.is_some_and(|uuid| uuid.len() == 36 && uuid.bytes().enumerate().all(digit))
}

/// Shows the number of records, but not their contents.
impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").field("records", &self.records).field("replay", &self.replay).finish()
    }
}

impl Operation for Post {
    type Output = Posted;

    fn encode(&self) -> Result<Call, InputError> {
        Ok(Call::new(Method::POST, Self::PATH)
            .header(ACCEPT, HeaderValue::from_static("*/*"))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(self.body.clone())
            .replay(self.replay))
    }

    fn at_most_once(&self) -> bool {
        self.replay == Replay::Never
    }

    fn decode(&self, answer: Answer) -> Result<Posted, DecodeError> {
        let downlink = Some(answer.body).filter(|body| !body.is_empty());
        Ok(Posted { status: answer.status, headers: answer.headers, downlink })
    }
}

/// A post that KPN Things accepted.
#[derive(Clone)]
#[non_exhaustive]
pub struct Posted {
    /// The status, which is 2xx.
    pub status: StatusCode,
    /// The headers. If the service sends back the secret or the message token, it is redacted.
    pub headers: HeaderMap,
    /// The body of the response, byte for byte: a downlink to the device. `None` if the body is empty.
    pub downlink: Option<Bytes>,
}

/// Shows the status and the size of the downlink, but not its contents.
impl fmt::Debug for Posted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.downlink.as_ref().map(Bytes::len);
        f.debug_struct("Posted").field("status", &self.status).field("downlink_bytes", &bytes).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use http::Response;

    use super::*;
    use crate::client::Builder;
    use crate::config::Config;
    use crate::error::{Error, ErrorKind, Outcome};
    use crate::flow::{Exchange, Step};
    use crate::ingestion::DeviceSecret;
    use crate::moment::Moment;
    use crate::operation::finish;
    use crate::session::Session;
    use crate::transport::TransportErrorKind;

    const JSON: &str =
        r#"[{"bn":"urn:dev:DVNUUID:a8b5f7a0-2a4d-4f5e-8a52-000000000001:","n":"t","v":1.50,"u":"Cel"}]"#;
    const SECRET: &str = "0123456789abcdefghijABCDEFGHIJ";

    fn post() -> Post {
        Post::new(&Pack::from_json(JSON).unwrap()).unwrap()
    }

    fn builder() -> Builder<Config> {
        Builder::for_device(DeviceSecret::new(SECRET).unwrap(), Ok)
    }

    fn now() -> Moment {
        Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH)
    }

    fn sent(post: &Post) -> (http::Request<Bytes>, Exchange) {
        let session = Session::new(builder().build().unwrap(), 0);
        let step = session.start(post, now());
        let Step::Send(request, exchange) = step else { panic!("nothing is sent: {step:?}") };
        (request, exchange)
    }

    fn response(status: u16, body: &str) -> Response<Bytes> {
        Response::builder().status(status).body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
    }

    fn failed(post: &Post, status: u16, body: &str) -> Error {
        let step = sent(post).1.resume(Ok(response(status, body)), now());
        finish(post, step.cancel(now())).unwrap_err()
    }

    #[test]
    fn the_first_request_is_the_signed_post_and_grip_gets_none() {
        let (request, _) = sent(&post());
        assert_eq!(*request.uri(), "https://prod.dm.kpnthings.com/ingestion/ip/senml/v1");
        assert_eq!((request.method(), &request.body()[..]), (&Method::POST, JSON.as_bytes()));
        let token = &request.headers()["things-message-token"];
        assert_eq!(token.to_str().unwrap(), things_uplink::sign(SECRET, JSON));
        assert!(token.is_sensitive() && !format!("{request:?}").contains(token.to_str().unwrap()));
        assert!(!request.headers().contains_key("authorization"));
    }

    #[test]
    fn a_response_may_hold_a_downlink_of_any_bytes() {
        for (body, downlink) in [(&b""[..], None), (&[0, 0xff][..], Some(&[0, 0xff][..]))] {
            let step = sent(&post()).1.resume(Ok(Response::new(Bytes::copy_from_slice(body))), now());
            let posted = finish(&post(), step.cancel(now())).unwrap();
            assert_eq!(posted.downlink.as_deref(), downlink);
        }
    }

    #[test]
    fn a_refused_message_token_is_final_and_blames_the_secret() {
        for status in [302, 401] {
            let error = failed(&post(), status, "");
            assert_eq!((error.kind(), error.outcome()), (ErrorKind::Auth, Some(Outcome::NotSent)));
            assert!(error.message().ends_with(": the message token was rejected"), "{error}");
            assert_eq!(
                error.hint(),
                Some("check the secret of the device, and the UUID in the base name of the pack")
            );
        }
    }

    #[test]
    fn a_post_that_may_have_arrived_is_unknown_unless_it_may_be_retried() {
        let once = failed(&post(), 502, "");
        assert_eq!((once.outcome(), once.attempts()), (Some(Outcome::Unknown), 1));
        let again = post().retries(true);
        let step = sent(&again).1.resume(Err(TransportErrorKind::Timeout.into()), now());
        assert!(matches!(step, Step::Sleep(_)), "{step:?}");
        let step = sent(&post()).1.resume(Err(TransportErrorKind::Connect.into()), now());
        assert!(matches!(step, Step::Sleep(_)), "nothing was sent: {step:?}");
    }

    #[test]
    fn secret_and_message_token_are_redacted_from_errors() {
        let token = things_uplink::sign(SECRET, JSON);
        let error = failed(&post(), 400, &format!("secret {SECRET}, token {token}"));
        let shown = format!("{error} {error:?} {:?}", error.body());
        assert!(shown.contains("[redacted]"), "{shown}");
        assert!(!shown.contains(SECRET) && !shown.contains(&token), "{shown}");
        let config = builder().build().unwrap();
        let shown = format!("{:?} {config:?} {:?} {}", builder(), post(), config.account());
        assert!(!shown.contains(SECRET) && !shown.contains("1.50"), "{shown}");
    }

    #[test]
    fn a_pack_without_the_uuid_of_its_device_is_refused() {
        for name in ["urn:dev:DEVEUI:0059AC0000181EB6:", "urn:dev:DVNUUID:", "urn:dev:DVNUUID:a8b5f7a0:"] {
            let pack = Pack::from_json(&format!(r#"[{{"bn":"{name}","n":"t","v":1}}]"#)).unwrap();
            let error = Post::new(&pack).unwrap_err().to_string();
            assert!(error.contains("urn:dev:DVNUUID:<uuid>:"), "{error}");
        }
    }

    #[test]
    fn a_device_has_no_api_key_and_no_plain_http_to_another_machine() {
        for (builder, why) in [
            (builder().customer("c-1"), "a device has its own secret"),
            (builder().token_url("https://grip.example/token"), "a device has its own secret"),
            (builder().base_url("http://gateway.local"), "is plain http to another machine"),
        ] {
            let error = builder.build().unwrap_err();
            assert!(error.kind() == ErrorKind::Config && error.message().contains(why), "{error}");
        }
        assert!(builder().base_url("http://127.0.0.1:1").build().is_ok());
        assert!(builder().base_url("http://gateway.local").allow_http("gateway.local").build().is_ok());
    }
}
