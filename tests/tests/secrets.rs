//! No secret and no token comes out of a client: whatever is formatted, logged at the most verbose level, or panics.
//!
//! That is row R25 of the fault matrix. What the tool prints is searched in its own tests, and what all tests print by
//! `cargo xtask test`.

// The helpers of a test may fail as its assertions do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, reason = "it is also for trials by chance")]
#[path = "faults/trial.rs"]
mod trial;

use std::fmt::Debug;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, SystemTime};
use std::{fs, io, iter, panic};

use log::{LevelFilter, Log, Metadata, Record};
use things_core::{
    Answer, Builder, ContextSwitch, Credentials, Downlink, Error, FPort, ListDevices, Moment, RawCall,
    Receipt, RetryPolicy, RunOptions, Secret, Session, Settings, Step,
};
use things_store::{JobId, NewJob, SqliteStore, Store};
use things_tests::canary::{Canary, Sighting, assert_clean, sightings};
use things_tests::{Failure, Scenario, echo, socket};

use trial::Trial;

const SECRET: &str = "canary/secret+=&%\"é";
const CONTEXT: &str = "canary-context-4711";
const PAYLOAD: [u8; 12] = *b"canary-bytes";

fn canaries() -> Vec<Canary> {
    let own = [("the secret", SECRET), ("the context", CONTEXT), ("the payload", "canary-bytes")];
    own.into_iter().map(|(name, text)| Canary::new(name, text)).chain(Canary::known()).collect()
}

/// Every way to format a value.
fn shown(value: &impl Debug) -> String {
    format!("{value:?} {value:#?}")
}

/// An error, and what it comes from.
fn told(error: &Error) -> String {
    let mut text = format!("{error} {error:#} {} {} {}", error.message(), shown(error), shown(error.body()));
    text.push_str(&format!("{:?} {:?} {:?}", error.headers(), error.hint(), error.body().json()));
    for cause in iter::successors(error.cause().map(|cause| cause as &dyn std::error::Error), |cause| {
        (*cause).source()
    }) {
        text.push_str(&format!(" {cause} {}", shown(&cause)));
    }
    text
}

fn settings(origin: &str) -> Settings {
    let mut settings = Settings::from(Credentials::new("tenant", "key", SECRET));
    settings.security_context = Some(CONTEXT.into());
    settings.grip_base_url = Some(origin.into());
    settings.base_url = Some(origin.into());
    settings
}

/// Nothing listens there.
const CLOSED: &str = "http://127.0.0.1:1";

fn downlink() -> Result<Downlink, Error> {
    Ok(Downlink::raw("0059AC0000181EB6".parse()?, FPort::new(1)?, PAYLOAD)?)
}

/// A text that shows nothing secret.
fn clean(trial: &mut Trial, text: &str) {
    let seen: Vec<_> = sightings(text.as_bytes(), &canaries()).iter().map(Sighting::to_string).collect();
    trial.holds(seen.is_empty(), || seen.join(", "));
}

#[test]
fn r25_what_a_client_is_made_of_shows_nothing() -> Result<(), Error> {
    let config = Builder::new(settings(CLOSED), Ok).build()?;
    let reqwest = things_reqwest::Client::new(config.clone())?;
    let ureq = things_ureq::Client::new(config.clone())?;
    let raw = RawCall::get("/x").header("x-key", SECRET).json(format!("{SECRET:?}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let made = [
        (
            "reqwest",
            shown(&reqwest) + &shown(&reqwest.devices()),
            runtime.block_on(reqwest.request(&raw)).err(),
        ),
        ("ureq", shown(&ureq) + &shown(&ureq.devices().pages()), ureq.request(&raw).err()),
    ];
    for (client, made, error) in made {
        let mut trial = Trial::new("R25", client);
        for text in [
            made,
            told(&error.unwrap()),
            shown(&Secret::new(SECRET)),
            shown(&Credentials::new("tenant", "key", SECRET)),
            shown(&settings(CLOSED)),
            shown(&config),
            shown(&Session::new(config.clone(), 1)),
            shown(&downlink()?),
            shown(&raw),
            shown(&(ListDevices::new(), ContextSwitch::to("customer".parse()?))),
        ] {
            clean(&mut trial, &text);
        }
        trial.end();
    }
    Ok(())
}

#[test]
fn settings_that_are_refused_are_not_shown() {
    let long = format!("{SECRET}\n");
    let postman = format!(r#"{{"values":[{{"key":"keySecret","value":[{:?}]}}]}}"#, SECRET);
    let environment = |name: &str| Some(if name.ends_with("SECRET") { SECRET.into() } else { "\n".into() });
    let mut broken = settings("http://example.com");
    broken.key_secret = Some(long.as_str().into());
    broken.security_context = Some(format!("{CONTEXT}\u{e9}").into());
    let refused = [
        Builder::new(broken, Ok).build().err(),
        Settings::from_postman(&postman).err(),
        Settings::from_environment(environment).and_then(|read| read.resolve(Default::default())).err(),
    ];
    for error in refused {
        let text = error.as_ref().map(told).unwrap_or_default();
        assert!(!text.is_empty());
        assert_clean("this", &text, &canaries());
    }
}

/// A client of a library, as far as this file needs it.
type Calls = Box<dyn Fn(&RawCall) -> (Result<Answer, Error>, Result<Receipt, Error>)>;

/// The calls of both clients to this server.
fn calls(origin: &str) -> Result<[(&'static str, Calls); 2], Error> {
    let once = RetryPolicy { max_attempts: 1, ..Default::default() };
    let config = Builder::new(settings(origin), Ok).retry(once).build()?;
    let downlink = downlink()?;
    let (client, sent) = (things_reqwest::Client::new(config.clone())?, downlink.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reqwest: Calls = Box::new(move |raw| {
        runtime.block_on(async { (client.request(raw).await, client.send_downlink(&sent).await) })
    });
    let client = things_ureq::Client::new(config)?;
    let ureq: Calls = Box::new(move |raw| (client.request(raw), client.send_downlink(&downlink)));
    Ok([("reqwest", reqwest), ("ureq", ureq)])
}

/// The canaries that a service may not repeat. The payload is not one of them: it is data of the caller.
fn credentials() -> Vec<Canary> {
    [("the secret", SECRET), ("the context", CONTEXT), ("the token", echo::TOKEN)]
        .map(|(name, text)| Canary::new(name, text))
        .into()
}

#[test]
fn r25_a_refusal_that_repeats_what_was_sent_shows_nothing() -> Result<(), Box<dyn std::error::Error>> {
    for (status, refuses_token) in [(400, true), (302, false), (400, false), (403, false), (500, false)] {
        for (client, call) in calls(&echo::start(status, refuses_token)?)? {
            let mut trial = Trial::new("R25", client);
            let (request, downlink) = call(&RawCall::get("/x"));
            for error in [request.err(), downlink.err()].into_iter().flatten() {
                trial.holds(error.status().is_some(), || format!("there was no response: {error}"));
                let seen = sightings(told(&error).as_bytes(), &credentials());
                trial.holds(seen.is_empty(), || format!("{status}: {seen:?}"));
            }
            trial.end();
        }
    }
    Ok(())
}

#[test]
fn r25_a_success_that_repeats_what_was_sent_shows_nothing() -> Result<(), Box<dyn std::error::Error>> {
    for (client, call) in calls(&echo::start(201, false)?)? {
        let mut trial = Trial::new("R25", client);
        let (answer, receipt) = call(&RawCall::get("/x"));
        let (answer, receipt) = (answer?, receipt?);
        let found = sightings(&answer.body, &credentials());
        trial.holds(!found.is_empty(), || "the caller gets the body as it came".into());
        let printed = String::from_utf8_lossy(&answer.redacted_body()).into_owned();
        for text in [
            format!("{:?}", answer.headers),
            printed,
            shown(&answer),
            format!("{:?} {}", receipt.body.json(), shown(&receipt)),
        ] {
            let seen = sightings(text.as_bytes(), &credentials());
            trial.holds(seen.is_empty(), || format!("{seen:?}"));
        }
        trial.end();
    }
    Ok(())
}

#[test]
fn steps_show_nothing() -> Result<(), Error> {
    let config = Builder::new(settings(CLOSED), Ok).build()?;
    let session = Session::new(config, 1);
    let step = session.start(&downlink()?, Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH));
    let text = shown(&step);
    assert_clean("this", &text, &canaries());
    let Step::Send(request, exchange) = step else { return Err(Error::config("the token comes first")) };
    assert!(!sightings(request.body(), &canaries()).is_empty(), "the canary is in use");
    let text = shown(&exchange);
    assert_clean("this", &text, &canaries());
    Ok(())
}

/// Whoever unwraps an error gets the message of a panic out of it.
#[test]
fn r25_a_panic_over_an_error_shows_nothing() {
    static MESSAGES: Mutex<String> = Mutex::new(String::new());
    let lock = || MESSAGES.lock().unwrap_or_else(PoisonError::into_inner);
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| lock().push_str(&format!("{panic}\n"))));
    let panicked = panic::catch_unwind(|| {
        let client = Builder::new(settings(CLOSED), things_ureq::Client::new).build();
        client.and_then(|client| client.send_downlink(&downlink()?)).map(drop).unwrap()
    });
    panic::set_hook(before);
    let messages = lock().clone();
    assert!(panicked.is_err() && messages.contains("127.0.0.1:1"), "{messages}");
    let mut trial = Trial::new("R25", "ureq");
    clean(&mut trial, &messages);
    trial.end();
}

/// `cargo xtask test` searches all that the tests print.
#[test]
fn a_secret_in_the_output_of_the_tests_fails_them() -> io::Result<()> {
    let planted = |name: &str, output: &str| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, output)?;
        Command::new(env!("CARGO_BIN_EXE_canaries")).arg(path).output()
    };
    let clean = planted("clean", "test token_is_fetched_once ... ok\n")?;
    assert!(clean.status.success(), "{clean:?}");
    let leaking = planted("leaking", "test x ... ok\n[TRACE] authorization: Bearer token-1\n")?;
    let told = String::from_utf8_lossy(&leaking.stdout);
    assert!(
        !leaking.status.success() && told.contains("line 2: the first token of a scenario, as it is"),
        "{told}"
    );
    assert_clean("what is told of it", &leaking.stdout, &Canary::known());
    assert!(!Command::new(env!("CARGO_BIN_EXE_canaries")).arg("/nowhere").output()?.status.success());
    Ok(())
}

/// What the HTTP libraries logged, by the thread that did it.
struct Notes(Mutex<Vec<(ThreadId, String, String)>>);

impl Notes {
    fn lock(&self) -> MutexGuard<'_, Vec<(ThreadId, String, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for Notes {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = format!("[{} {}] {}\n", record.level(), record.target(), record.args());
        self.lock().push((thread::current().id(), record.target().to_owned(), line));
    }

    fn flush(&self) {}
}

static NOTES: Notes = Notes(Mutex::new(Vec::new()));

/// Every scenario, every library at its most verbose. `tracing` is made to write to the same log.
///
/// ureq says itself that it logs what goes over the wire, and `SECURITY.md` says what to do about it: that is one target
/// of one level, and nothing else may do so. That the canaries are found there shows that they would be found elsewhere.
#[test]
fn r25_no_log_at_the_most_verbose_level_shows_a_secret_but_what_ureq_logs_of_the_wire() {
    assert!(log::set_logger(&NOTES).is_ok());
    let scenarios = scenarios();
    let clients = [
        ("reqwest", socket::run_reqwest as Run, ["reqwest::", "hyper_util::"]),
        ("ureq", socket::run_ureq, ["ureq::", "ureq_proto::"]),
    ];
    for (client, run, libraries) in clients {
        let mut trial = Trial::new("R25", client);
        let notes = logged(&scenarios, |scenario| {
            // Whether it holds is for a test of its own.
            let _ = run(scenario);
        });
        for library in libraries {
            assert!(
                notes.iter().any(|(_, target, _)| target.starts_with(library)),
                "{library} logged nothing"
            );
        }
        let text = |wire: bool| -> String {
            let lines = notes.iter().filter(|(_, target, _)| (target == "ureq_proto::util") == wire);
            lines.map(|(_, _, line)| line.as_str()).collect()
        };
        let seen = sightings(text(false).as_bytes(), &Canary::known());
        trial.holds(seen.is_empty(), || {
            let seen: Vec<_> = seen.iter().map(ToString::to_string).collect();
            format!("the log of all scenarios: {}", seen.join(", "))
        });
        trial.end();
        if client == "ureq" {
            let wire = sightings(text(true).as_bytes(), &Canary::known());
            for canary in ["the key secret of the scenarios", "the first token of a scenario"] {
                let found = format!("{canary}, in a hexadecimal dump");
                assert!(wire.iter().any(|sighting| sighting.to_string().ends_with(&found)), "{canary}");
            }
        }
    }
}

/// Runs a scenario with a client.
type Run = fn(&Scenario) -> Result<(), Failure>;

/// What is logged while something is done with every scenario, in order of the threads.
fn logged(scenarios: &[Scenario], act: impl Fn(&Scenario) + Sync) -> Vec<(ThreadId, String, String)> {
    log::set_max_level(LevelFilter::Trace);
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    act(scenario);
                }
            });
        }
    });
    log::set_max_level(LevelFilter::Off);
    let mut notes = std::mem::take(&mut *NOTES.lock());
    notes.sort_by_cached_key(|(thread, ..)| format!("{thread:?}"));
    notes
}

fn scenarios() -> Vec<Scenario> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let files = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let names = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let names = names.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()));
    names.filter_map(|name| Scenario::load(&name).ok()).collect()
}

/// The files of a ledger after a run against a server that repeats what it was sent.
#[test]
fn a_ledger_keeps_no_credentials() -> Result<(), Box<dyn std::error::Error>> {
    for (status, refuses_token) in [(201, false), (400, true), (400, false), (302, false), (500, false)] {
        let folder = tempfile::tempdir()?;
        let config = Builder::new(settings(&echo::start(status, refuses_token)?), Ok).build()?;
        let job = NewJob {
            id: JobId::generate(1, 1),
            created: SystemTime::now(),
            source: "valves.csv".to_owned(),
            digest: String::new(),
            account: config.account(),
            options: String::new(),
        };
        let path = folder.path().join("ledger.db");
        let mut store = SqliteStore::open(&path)?;
        let downlink = downlink()?;
        store.create(&job, &mut (0..3).map(|_| Ok(downlink.clone().into())))?;
        let ledger = Box::new(SqliteStore::open(&path)?).open(&job.id, &job.account, false)?;
        let client = things_ureq::Client::new(config)?;
        let sent = client.send_downlinks(ledger, RunOptions::default()).filter_map(Result::ok).count();
        let items = store.items(&job.id, None, 0, 10)?;
        assert!(
            sent > 0 || items.iter().any(|item| !item.detail.is_empty()),
            "{status}: nothing was recorded"
        );
        for entry in fs::read_dir(folder.path())? {
            let path = entry?.path();
            assert_clean(&path.display().to_string(), fs::read(&path)?, &credentials());
        }
    }
    Ok(())
}
