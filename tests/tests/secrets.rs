//! No secret and no token comes out of a client: whatever is formatted, logged at the most verbose level, or panics.

use std::error::Error as _;
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
    Builder, ContextSwitch, Credentials, Downlink, Error, FPort, ListDevices, Moment, RawCall, Secret,
    Session, Settings, Step,
};
use things_tests::canary::{Canary, assert_clean, sightings};
use things_tests::{Scenario, socket};

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
    for cause in iter::successors(error.source(), |cause| (*cause).source()) {
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

fn downlink() -> Result<Downlink, Error> {
    Ok(Downlink::raw("0059AC0000181EB6".parse()?, FPort::new(1)?, PAYLOAD)?)
}

#[test]
fn what_a_client_is_made_of_shows_nothing() -> Result<(), Error> {
    const CLOSED: &str = "http://127.0.0.1:1";
    let config = Builder::new(settings(CLOSED), Ok).build()?;
    let reqwest = things_reqwest::Client::new(config.clone())?;
    let ureq = things_ureq::Client::new(config.clone())?;
    let error =
        ureq.request(&RawCall::get("/x")).err().ok_or_else(|| Error::config("nothing listens there"))?;
    let raw = RawCall::get("/x").header("x-key", SECRET).json(format!("{:?}", SECRET));
    for text in [
        shown(&Secret::new(SECRET)),
        shown(&Credentials::new("tenant", "key", SECRET)),
        shown(&settings(CLOSED)),
        shown(&config),
        shown(&Session::new(config, 1)),
        shown(&reqwest),
        shown(&reqwest.devices()),
        shown(&ureq),
        shown(&ureq.devices().pages()),
        shown(&downlink()?),
        shown(&raw),
        shown(&(ListDevices::new(), ContextSwitch::to("customer".parse()?))),
        told(&error),
    ] {
        assert_clean("this", &text, &canaries());
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

#[test]
fn steps_show_nothing() -> Result<(), Error> {
    let config = Builder::new(settings("http://127.0.0.1:1"), Ok).build()?;
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

/// Whoever unwraps an error gets a message of a panic out of it.
#[test]
fn a_panic_over_an_error_shows_nothing() {
    static MESSAGES: Mutex<String> = Mutex::new(String::new());
    let lock = || MESSAGES.lock().unwrap_or_else(PoisonError::into_inner);
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| lock().push_str(&format!("{panic}\n"))));
    let panicked = panic::catch_unwind(|| {
        let client = Builder::new(settings("http://127.0.0.1:1"), things_ureq::Client::new).build();
        client.and_then(|client| client.send_downlink(&downlink()?)).map(drop).unwrap()
    });
    panic::set_hook(before);
    let messages = lock().clone();
    assert!(panicked.is_err() && messages.contains("127.0.0.1:1"), "{messages}");
    assert_clean("the message", &messages, &canaries());
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

/// Every scenario with both transports, every library at its most verbose. `tracing` is made to write to the same log.
///
/// ureq says itself that it logs what goes over the wire, and `SECURITY.md` says what to do about it: that is one target
/// of one level, and nothing else may do so. That the canaries are found there shows that they would be found elsewhere.
#[test]
fn no_log_at_the_most_verbose_level_shows_a_secret_but_what_ureq_logs_of_the_wire() {
    assert!(log::set_logger(&NOTES).is_ok());
    log::set_max_level(LevelFilter::Trace);
    let scenarios = scenarios();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Whether they hold is for tests of their own.
                    let _ = (socket::run_reqwest(scenario), socket::run_ureq(scenario));
                }
            });
        }
    });
    log::set_max_level(LevelFilter::Off);
    let mut notes = NOTES.lock();
    notes.sort_by_cached_key(|(thread, ..)| format!("{thread:?}"));
    for library in ["reqwest::", "hyper_util::", "ureq::", "ureq_proto::"] {
        assert!(notes.iter().any(|(_, target, _)| target.starts_with(library)), "{library} logged nothing");
    }
    let of_the_wire = |target: &str| target == "ureq_proto::util";
    let text = |wire: bool| -> String {
        let lines = notes.iter().filter(|(_, target, _)| of_the_wire(target) == wire);
        lines.map(|(_, _, line)| line.as_str()).collect()
    };
    assert_clean("a log", text(false), &Canary::known());
    let wire = sightings(text(true).as_bytes(), &Canary::known());
    for canary in [
        "the key secret of the scenarios, in a hexadecimal dump",
        "the first token of a scenario, in a hexadecimal dump",
    ] {
        assert!(wire.iter().any(|sighting| sighting.to_string().ends_with(canary)), "{canary}");
    }
}

fn scenarios() -> Vec<Scenario> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let files = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let names = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let names = names.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()));
    names.filter_map(|name| Scenario::load(&name).ok()).collect()
}
