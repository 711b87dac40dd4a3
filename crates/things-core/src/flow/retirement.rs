//! The announcement that an endpoint will be switched off, or should not be used any more.

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Method, Response};

use super::Exchange;
use crate::redaction::Redactor;
use crate::transport::TransportError;

/// An endpoint whose response announces its end: with the header `Sunset` (RFC 8594), `Deprecation` (RFC 9745), or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retirement {
    method: Method,
    url: String,
    deprecation: Option<String>,
    sunset: Option<String>,
}

/// The maximum length of a header that is shown, in bytes. A date is shorter.
const LONGEST: usize = 100;

impl Retirement {
    fn read(method: &Method, url: String, headers: &HeaderMap, redactor: &Redactor) -> Option<Self> {
        let read = |name: &str| {
            let mut text = String::from_utf8_lossy(headers.get(name)?.as_bytes()).trim().to_owned();
            redactor.text(&mut text);
            let is_shown = text.len() <= LONGEST && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            is_shown.then_some(text)
        };
        let deprecation = read("deprecation").filter(|text| !text.eq_ignore_ascii_case("false"));
        let (deprecation, sunset) = (deprecation.map(|text| date(&text).unwrap_or(text)), read("sunset"));
        let is_announced = deprecation.is_some() || sunset.is_some();
        is_announced.then(|| Self { method: method.clone(), url, deprecation, sunset })
    }

    /// The method of the request.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The URL of the request, without its query.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The value of `Deprecation`: a date, or `true`. The time in seconds that RFC 9745 defines is converted to a date.
    pub fn deprecation(&self) -> Option<&str> {
        self.deprecation.as_deref()
    }

    /// The value of `Sunset`: a date.
    pub fn sunset(&self) -> Option<&str> {
        self.sunset.as_deref()
    }
}

/// Converts `@` and seconds since 1970 to a date.
fn date(text: &str) -> Option<String> {
    // Later years do not fit into an HTTP date.
    const END_OF_9999: u64 = 253_402_300_799;
    let seconds = text.strip_prefix('@')?.parse().ok().filter(|seconds| *seconds <= END_OF_9999)?;
    Some(httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)))
}

impl fmt::Display for Retirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the service announces the end of {} {}:", self.method, self.url)?;
        let parts = [("Deprecation", &self.deprecation), ("Sunset", &self.sunset)];
        let mut separator = " ";
        for (name, value) in parts {
            if let Some(value) = value {
                write!(f, "{separator}{name}: {value}")?;
                separator = "; ";
            }
        }
        Ok(())
    }
}

impl Exchange {
    /// Returns the announcement that the endpoint of this response will be switched off or is deprecated, for the driver's
    /// log. It is returned once per session and path.
    pub fn retirement(&self, reply: &Result<Response<Bytes>, TransportError>) -> Option<Retirement> {
        let headers = reply.as_ref().ok()?.headers();
        // Nearly every response ends here.
        if !headers.contains_key("sunset") && !headers.contains_key("deprecation") {
            return None;
        }
        let redactor = self.flow.asked().redactor;
        let retirement = Retirement::read(self.method(), self.url(), headers, &redactor)?;
        self.flow.shared().announces(retirement.url()).then_some(retirement)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::client::Builder;
    use crate::config::{Config, Credentials};
    use crate::flow::Step;
    use crate::moment::Moment;
    use crate::raw::RawCall;
    use crate::session::Session;

    fn session() -> Session {
        let config: Config = Builder::new(Credentials::new("t", "k", "hunter2"), Ok).build().unwrap();
        Session::new(config, 0)
    }

    fn now() -> Moment {
        Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH)
    }

    /// The announcements in the responses to a call: to its token request, if there is one, and to the call.
    fn announced(session: &Session, path: &str, headers: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut step = session.start(&RawCall::get(path), now());
        let mut texts = Vec::new();
        while let Step::Send(_, exchange) = step {
            let mut response = Response::new(Bytes::from_static(br#"{"access_token":"canary"}"#));
            for (name, value) in headers {
                response.headers_mut().insert(*name, HeaderValue::from_static(value));
            }
            let reply = Ok(response);
            texts.extend(exchange.retirement(&reply).map(|retirement| retirement.to_string()));
            step = exchange.resume(reply, now());
        }
        texts
    }

    const SUNSET: (&str, &str) = ("sunset", "Wed, 31 Dec 2031 23:59:59 GMT");

    #[test]
    fn an_announcement_is_returned_once_per_path() {
        let session = session();
        let of = |url: &str| format!("the service announces the end of {url}: Sunset: {}", SUNSET.1);
        assert!(announced(&session, "/api/devices?search=a", &[]).is_empty());
        assert_eq!(
            announced(&session, "/api/devices?search=a", &[SUNSET]),
            [of("GET https://api.kpnthings.com/api/devices")]
        );
        assert!(announced(&session.clone(), "/api/devices?search=b", &[SUNSET]).is_empty());
        assert_eq!(announced(&session, "/devices", &[SUNSET]), [of("GET https://api.kpnthings.com/devices")]);
        let token = of("POST https://auth.grip-on-it.com/v2/t/oidc/idp/c1/token");
        assert_eq!(announced(&super::tests::session(), "/x", &[SUNSET]).first(), Some(&token));
    }

    #[test]
    fn each_header_is_shown_and_a_time_in_seconds_as_a_date() {
        let shown = |headers: &[(&'static str, &'static str)]| {
            let texts = announced(&session(), "/x", headers);
            texts.last().map(|text| text.split_once("/x: ").unwrap().1.to_owned())
        };
        let both = "Deprecation: Thu, 01 Jan 2026 00:00:00 GMT; Sunset: Wed, 31 Dec 2031 23:59:59 GMT";
        assert_eq!(shown(&[("deprecation", "@1767225600"), SUNSET]).as_deref(), Some(both));
        assert_eq!(shown(&[("deprecation", "true")]).as_deref(), Some("Deprecation: true"));
        assert_eq!(shown(&[("deprecation", "@253402300800")]).as_deref(), Some("Deprecation: @253402300800"));
        assert_eq!(shown(&[("deprecation", "false")]), None);
        assert_eq!(shown(&[("deprecation", " hunter2 ")]).as_deref(), Some("Deprecation: [redacted]"));
        assert_eq!(shown(&[("sunset", "a\tb")]), None);
    }

    #[test]
    fn the_number_of_paths_is_limited() {
        let session = session();
        let count = (0..1_100).filter(|nth| !announced(&session, &format!("/{nth}"), &[SUNSET]).is_empty());
        // The token request announces it, too.
        assert_eq!(count.count(), 999);
    }
}
