//! A scenario as it is written; `scenarios/README.md` documents every field.

use std::collections::BTreeMap;
use std::io::Write;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;
use std::{fs, iter};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use serde_json::Value;
use things_core::{Builder, Credentials, RetryPolicy};

use crate::Failure;

/// A behaviour: what the server answers, what the client is asked, and what is expected to come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The name of the file.
    #[serde(skip)]
    pub(crate) name: String,
    /// The behaviour in a sentence.
    pub(crate) what: String,
    /// The settings of the client.
    #[serde(default)]
    pub(crate) client: ClientSettings,
    /// The error expected of making the client.
    pub(crate) client_error: Option<Value>,
    /// What the server answers.
    #[serde(default)]
    pub(crate) server: Server,
    /// What the client is asked, one after the other.
    #[serde(default)]
    calls: Vec<Call>,
    /// The requests that the server must see, and no others.
    pub(crate) requests: Vec<ExpectedRequests>,
}

/// The settings of the client.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientSettings {
    customer: Option<String>,
    security_context: Option<String>,
    timeout_ms: Option<u64>,
    attempt_timeout_ms: Option<u64>,
    attempts: Option<u32>,
    base_delay_ms: Option<u64>,
    max_delay_ms: Option<u64>,
    max_retry_after_ms: Option<u64>,
    max_body: Option<usize>,
    max_pages: Option<u64>,
    base_path: Option<String>,
    token_path: Option<String>,
}

/// A service that nothing listens for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Service {
    /// The API.
    Api,
    /// GRIP.
    Token,
}

/// What the server answers.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    #[serde(default)]
    refuse: Vec<Service>,
    #[serde(default)]
    pub(crate) rules: Vec<Rule>,
}

/// The answers to one kind of request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Method and path, and perhaps query parameters as they stand in the request.
    pub(crate) on: String,
    /// Headers that the request must have.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) replies: Vec<Reply>,
    /// The last reply is given again and again.
    #[serde(default)]
    pub(crate) repeat: bool,
    /// Replies may be left over.
    #[serde(default)]
    pub(crate) optional: bool,
}

/// One answer, or what comes in its place.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reply {
    pub(crate) status: Option<u16>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) json: Option<Value>,
    pub(crate) text: Option<String>,
    /// How the body is turned into bytes; UTF-8 if it is not there.
    pub(crate) encoding: Option<Encoding>,
    pub(crate) fault: Option<Fault>,
    /// Not answered before the server has seen this many requests.
    #[serde(default)]
    pub(crate) hold: usize,
    /// The client's clock goes forward by this much before the answer.
    #[serde(default)]
    pub(crate) advance_ms: u64,
}

/// How a body is turned into bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Encoding {
    /// UTF-8, and that compressed.
    Gzip,
    /// UTF-16, little-endian, with a byte order mark.
    Utf16,
    /// ISO 8859-1.
    Latin1,
}

/// What goes wrong on the connection after the request was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
    /// Nothing is ever sent.
    Stall,
    /// The connection is closed.
    Drop,
    /// The connection is closed in the middle of the body.
    Truncate,
    /// The connection is closed after the whole answer, which did not say so.
    Close,
}

/// What the client is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// Let the clock go forward.
    Advance,
    /// Make calls at the same time.
    Concurrently,
    /// List devices one by one.
    Devices,
    /// List devices page by page.
    Pages,
    /// List devices all at once.
    Collect,
    /// List devices all at once, with the proof that none is missing.
    Verified,
    /// List the devices of several sub-customers.
    Customers,
    /// List the items of a resource of the current API.
    Items,
    /// Send a downlink.
    SendDownlink,
    /// Send many downlinks, each at most once.
    SendDownlinks,
    /// Call any method and path.
    Request,
    /// Switch to a sub-customer.
    ContextSwitch,
}

/// One thing the client is asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    /// What to do.
    #[serde(rename = "do")]
    pub(crate) action: Action,
    #[serde(default)]
    pub(crate) calls: Vec<Call>,
    #[serde(default)]
    pub(crate) ms: u64,
    pub(crate) times: Option<usize>,
    #[serde(default)]
    pub(crate) after: usize,
    pub(crate) for_customer: Option<String>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) search: Option<String>,
    pub(crate) sort_by: Option<String>,
    pub(crate) sort_order: Option<SortOrder>,
    pub(crate) page_size: Option<u32>,
    pub(crate) first_page: Option<u64>,
    pub(crate) window: Option<usize>,
    pub(crate) listing_deadline_ms: Option<u64>,
    pub(crate) rate: Option<NonZeroU32>,
    pub(crate) not_after_ms: Option<u64>,
    #[serde(default)]
    pub(crate) strict: bool,
    pub(crate) dev_eui: Option<String>,
    pub(crate) port: Option<u64>,
    pub(crate) payload: Option<String>,
    pub(crate) senml: Option<Value>,
    pub(crate) device: Option<String>,
    pub(crate) external_reference: Option<String>,
    pub(crate) customer: Option<String>,
    #[serde(default)]
    pub(crate) customers: Vec<String>,
    pub(crate) method: Option<String>,
    pub(crate) path: Option<String>,
    #[serde(default)]
    pub(crate) query: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) json: Option<Value>,
    /// The call must have taken this long.
    #[serde(default)]
    pub(crate) at_least_ms: u64,
    pub(crate) ok: Option<Value>,
    pub(crate) error: Option<Value>,
}

/// The direction of a listing's order.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) enum SortOrder {
    #[serde(rename = "ASC")]
    Ascending,
    #[serde(rename = "DESC")]
    Descending,
}

/// Requests that are expected next.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum ExpectedRequests {
    /// One kind of request.
    InOrder(ExpectedRequest),
    /// Several, in any order.
    Unordered(Unordered),
}

/// Requests that may come in any order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unordered {
    pub(crate) unordered: Vec<ExpectedRequest>,
}

/// A request that is expected, and how often.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedRequest {
    pub(crate) request: String,
    /// `null` for one that must not be there.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Option<String>>,
    pub(crate) json: Option<Value>,
    pub(crate) times: Option<usize>,
}

/// A port of this machine at which nothing listens.
pub(crate) const CLOSED: &str = "http://127.0.0.1:1";

/// Each call as often as it says.
fn repeated(calls: &[Call]) -> impl Iterator<Item = &Call> {
    calls.iter().flat_map(|call| iter::repeat_n(call, call.times.unwrap_or(1)))
}

impl Scenario {
    /// What the client is asked, one after the other.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &Call> {
        repeated(&self.calls)
    }

    /// Reads the scenario of this name.
    pub fn load(name: &str) -> Result<Self, Failure> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name).with_extension("json");
        let text = fs::read_to_string(&path).map_err(|error| Failure::new(format!("{name}: {error}")))?;
        Self::parse(name, &text)
    }

    /// Reads a scenario.
    pub fn parse(name: &str, text: &str) -> Result<Self, Failure> {
        let mut scenario: Self =
            serde_json::from_str(text).map_err(|error| Failure::new(format!("{name}: {error}")))?;
        scenario.name = name.to_owned();
        Ok(scenario)
    }

    /// Sets up a client of any driver for a server at `origin`.
    pub(crate) fn configure<C>(&self, builder: Builder<C>, origin: &str) -> Builder<C> {
        let settings = &self.client;
        let at = |service| if self.server.refuse.contains(&service) { CLOSED } else { origin };
        let mut policy = RetryPolicy::default();
        policy.max_attempts = settings.attempts.unwrap_or(policy.max_attempts);
        policy.base_delay = Duration::from_millis(settings.base_delay_ms.unwrap_or(1));
        policy.max_delay = settings.max_delay_ms.map_or(policy.max_delay, Duration::from_millis);
        policy.max_retry_after =
            settings.max_retry_after_ms.map_or(policy.max_retry_after, Duration::from_millis);
        let base_path = settings.base_path.as_deref().unwrap_or_default();
        let mut builder = builder.base_url(format!("{}{base_path}", at(Service::Api))).retry(policy);
        builder = match &settings.token_path {
            Some(path) => builder.token_url(format!("{}{path}", at(Service::Token))),
            None => builder.grip_base_url(at(Service::Token)),
        };
        if let Some(id) = &settings.customer {
            builder = builder.customer(id);
        }
        if let Some(context) = &settings.security_context {
            builder = builder.security_context(context.as_str());
        }
        if let Some(ms) = settings.timeout_ms {
            builder = builder.timeout(Duration::from_millis(ms));
        }
        if let Some(ms) = settings.attempt_timeout_ms {
            builder = builder.attempt_timeout(Duration::from_millis(ms));
        }
        if let Some(bytes) = settings.max_body {
            builder = builder.max_body(bytes);
        }
        if let Some(pages) = settings.max_pages {
            builder = builder.max_pages(pages);
        }
        builder
    }
}

/// The API key of every scenario.
pub(crate) fn credentials() -> Credentials {
    Credentials::new("rjsfm52t", "the-key-id", SECRET)
}

/// Its secret, with what encodings stumble over.
pub(crate) const SECRET: &str = "s3cr/et+=&%\"é";

impl Reply {
    pub(crate) fn body(&self) -> Vec<u8> {
        let text = match (&self.json, &self.text) {
            (Some(json), _) => json.to_string(),
            (None, text) => text.clone().unwrap_or_default(),
        };
        match self.encoding {
            None => text.into_bytes(),
            Some(Encoding::Gzip) => {
                let mut packed = Vec::new();
                let mut packer = GzEncoder::new(&mut packed, Compression::default());
                // A `Vec` takes everything.
                packer.write_all(text.as_bytes()).and_then(|()| packer.finish().map(drop)).unwrap_or(());
                packed
            }
            Some(Encoding::Utf16) => {
                format!("\u{FEFF}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
            }
            Some(Encoding::Latin1) => text.chars().map(|char| u8::try_from(char).unwrap_or(b'?')).collect(),
        }
    }

    /// Replaces `{origin}` and `{elsewhere}` in headers and text.
    pub(crate) fn fill(&mut self, origin: &str, elsewhere: &str) {
        let texts = self.headers.values_mut().chain(self.text.iter_mut());
        texts.for_each(|text| *text = text.replace("{origin}", origin).replace("{elsewhere}", elsewhere));
        if self.json.is_some() && !self.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
            self.headers.insert("content-type".into(), "application/json".into());
        }
    }
}

impl Call {
    /// The calls made at the same time.
    pub(crate) fn concurrent(&self) -> impl Iterator<Item = &Call> {
        repeated(&self.calls)
    }
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use things_core::{Error, Fleet};

    use super::*;
    use crate::{outcome, simulated};

    const README: &str = include_str!("../scenarios/README.md");

    /// The fields of an object, or the values of a choice: serde names them all when it meets one it does not know.
    fn names<T: DeserializeOwned + std::fmt::Debug>(unknown: &str) -> Vec<String> {
        let error = serde_json::from_str::<T>(unknown).unwrap_err().to_string();
        let known = error.split_once("expected").unwrap().1;
        known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    fn fields<T: DeserializeOwned + std::fmt::Debug>() -> Vec<String> {
        names::<T>(r#"{"?": 0}"#)
    }

    fn values<T: DeserializeOwned + std::fmt::Debug>() -> Vec<String> {
        names::<T>(r#""?""#)
    }

    fn keys(object: &Value) -> Vec<String> {
        object.as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn the_example_of_the_readme_holds() -> Result<(), Failure> {
        let example = README.split("```json").nth(1).and_then(|text| text.split("```").next()).unwrap();
        simulated::run(&Scenario::parse("the example", example)?)
    }

    #[test]
    fn the_readme_documents_every_field() {
        let documented = [
            ("Scenario", fields::<Scenario>()),
            ("Client", fields::<ClientSettings>()),
            ("Server", fields::<Server>()),
            ("Server", values::<Service>()),
            ("Rule", fields::<Rule>()),
            ("Reply", fields::<Reply>()),
            ("Encoding", values::<Encoding>()),
            ("Fault", values::<Fault>()),
            ("Call", fields::<Call>()),
            ("Call", values::<SortOrder>()),
            ("Action", values::<Action>()),
            ("Request", fields::<ExpectedRequest>()),
            ("Unordered", fields::<Unordered>()),
            ("Result", keys(&outcome::fleet(Ok(Fleet::default())).unwrap())),
            ("Error", keys(&outcome::failure(&Error::config("")))),
        ];
        for (section, names) in documented {
            assert!(!names.is_empty(), "{section}");
            let text = README.split("\n## ").find(|text| text.lines().next() == Some(section)).unwrap();
            for name in names {
                let is_there =
                    [format!("`{name}`"), format!("`\"{name}\"`")].iter().any(|name| text.contains(name));
                assert!(is_there, "{name} is not in the section {section} of scenarios/README.md");
            }
        }
    }
}
