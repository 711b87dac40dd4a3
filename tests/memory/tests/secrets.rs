//! Of the secret, the security context and the token nothing is left in memory that is freed, but where an HTTP library
//! keeps what it sends and what it reads.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Response, StatusCode};
use things_core::{
    Builder, Config, Credentials, Error, ListDevices, Moment, RawCall, Session, Settings, Step,
};
use things_memory::{Freed, Watch, freed_while};
use things_sim::{Sim, SimCredentials};

const SECRET: &str = "canary-secret-0123456789";
const CONTEXT: &str = "canary-context-0123456789";
const TOKEN: &str = "canary-token-0123456789";

/// With this begin the tokens of the simulator.
const SIMULATED: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9";

#[global_allocator]
static WATCH: Watch = Watch(&[SECRET, CONTEXT, TOKEN, SIMULATED]);

/// All in one test: what another one frees at the same time would be seen as well.
#[test]
fn what_is_freed_holds_no_secret() {
    let planted = freed_while(|| drop(String::from(SECRET)));
    assert_eq!(planted.len(), 1, "what is freed is looked at");

    for (what, act) in [
        ("arguments", arguments as fn()),
        ("the environment", environment),
        ("a Postman file", postman),
        ("calls", calls),
    ] {
        let freed = freed_while(act);
        assert!(freed.is_empty(), "{what}: {}", told(&freed));
    }

    let sim = Sim::builder().credentials(SimCredentials {
        tenant_id: "tenant".into(),
        application_id: Credentials::DOCUMENTED_APPLICATION_ID.into(),
        key_id: "key".into(),
        key_secret: SECRET.into(),
    });
    let sim = sim.start().unwrap();
    for (library, act) in [("ureq", with_ureq as fn(Settings)), ("reqwest", with_reqwest)] {
        let freed = freed_while(|| act(settings(sim.url())));
        // The simulator is in this process; the service is not.
        let freed: Vec<_> = freed
            .into_iter()
            .filter(|block| !block.callers.iter().any(|name| names(name, "things_sim")))
            .collect();
        println!("with {library} in buffers of its own: {}", told(&freed));
        let ours: Vec<_> = freed
            .into_iter()
            .filter(|block| owner(block).is_none_or(|owner| owner.starts_with("things_")))
            .collect();
        assert!(ours.is_empty(), "{library}: {}", told(&ours));
    }
}

/// Texts are put together by `concat`, which knows how long they will be: one that grows leaves copies of the test's own.
fn settings(url: &str) -> Settings {
    let mut settings = Settings::from(Credentials::new("tenant", "key", String::from(SECRET)));
    settings.security_context = Some(String::from(CONTEXT).into());
    settings.base_url = Some(url.into());
    settings.grip_base_url = Some(url.into());
    settings
}

fn config(settings: Settings) -> Config {
    Builder::new(settings, Ok).build().unwrap()
}

fn arguments() {
    let settings = settings("http://127.0.0.1:1");
    let layered = settings.clone().or(settings.clone());
    drop((config(layered.clone()).clone(), Builder::new(layered, Ok::<Config, Error>)));
    // What is refused is dropped as well.
    let refused = Credentials::new("", "key", [SECRET, "\n"].concat());
    assert!(
        Builder::new(refused, Ok::<Config, Error>)
            .security_context([CONTEXT, "\n"].concat())
            .build()
            .is_err()
    );
}

fn environment() {
    let lookup = |name: &str| match name {
        "KPN_THINGS_KEY_SECRET" => Some(String::from(SECRET).into()),
        "KPN_THINGS_SECURITY_CONTEXT" => Some(String::from(CONTEXT).into()),
        "KPN_THINGS_TENANT_ID" | "KPN_THINGS_KEY_ID" => Some("id".into()),
        _ => None,
    };
    let builder = Builder::new(Settings::default(), Ok::<Config, Error>);
    drop(builder.environment(lookup, |_| Ok(Vec::new())).unwrap().build().unwrap());
}

fn postman() {
    let others = r#"{"values":[{"key":"tenantId","value":"t"},{"key":"keyId","value":"k"},"#;
    let file = [others, r#"{"key":"keySecret","value":""#, SECRET, r#""}]}"#].concat();
    let lookup = |name: &str| (name == "KPN_THINGS_POSTMAN_ENVIRONMENT").then(|| "file.json".into());
    let builder = Builder::new(Settings::default(), Ok::<Config, Error>);
    drop(builder.environment(lookup, |_| Ok(file.into_bytes())).unwrap().build().unwrap());
}

fn calls() {
    let session = Session::new(config(settings("http://127.0.0.1:1")), 1);
    let now = Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH);
    for (status, told) in [(200, ""), (302, ""), (401, ""), (403, SECRET), (418, SECRET), (500, TOKEN)] {
        let mut step = session.start(&RawCall::get("/x"), now);
        while let Step::Send(request, exchange) = step {
            let answer = if request.uri().path().ends_with("/token") {
                answer(200, [r#"{"access_token":""#, TOKEN, r#"","expires_in":3600}"#].concat())
            } else {
                answer(status, [r#"{"error":""#, told, r#""}"#].concat())
            };
            step = exchange.resume(Ok(answer), now);
        }
    }
}

fn answer(status: u16, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

fn with_ureq(settings: Settings) {
    let client = things_ureq::Client::new(config(settings)).unwrap();
    client.call(&ListDevices::new()).unwrap();
}

fn with_reqwest(settings: Settings) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = things_reqwest::Client::new(config(settings)).unwrap();
    runtime.block_on(client.call(&ListDevices::new())).unwrap();
    drop(client);
    // With it end the tasks of the connections.
    drop(runtime);
}

/// Which texts were left by whom, and how often.
fn told(freed: &[Freed]) -> String {
    let mut told = BTreeMap::new();
    for block in freed {
        let callers: Vec<_> = block.callers.iter().skip(4).take(12).cloned().collect();
        let owner = owner(block).map_or_else(|| callers.join("\n    "), str::to_owned);
        *told.entry(format!("{} of {owner}", named(block.text))).or_insert(0) += 1;
    }
    format!("{told:#?}")
}

/// What a text is: what the tests print is searched for the texts themselves.
fn named(text: &str) -> &'static str {
    match text {
        SECRET => "the secret",
        CONTEXT => "the security context",
        _ => "a token",
    }
}

/// The library that the freed block was of: the first that the names of the callers, or of what they drop, speak of.
fn owner(block: &Freed) -> Option<&'static str> {
    const LIBRARIES: [&str; 9] = [
        "ureq",
        "ureq_proto",
        "reqwest",
        "hyper",
        "hyper_util",
        "serde_json",
        "things_core",
        "things_ureq",
        "things_reqwest",
    ];
    block.callers.iter().find_map(|name| LIBRARIES.into_iter().find(|library| names(name, library)))
}

fn names(caller: &str, library: &str) -> bool {
    caller.split(|char: char| !char.is_alphanumeric() && char != '_').any(|word| word == library)
}
