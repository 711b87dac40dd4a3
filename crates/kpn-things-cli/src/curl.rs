//! `--dry-run`: the requests of a call as a script for `sh` and `curl`.

use std::env;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::{Request, Response};
use things_core::{Config, ErrorKind, Moment, Operation, Secret, Session, Step};

use crate::console::Console;
use crate::failure::Failure;
use crate::layers::Layers;
use crate::setting::{SETTINGS, Values};
use crate::settings;
use crate::shell::{quoted, word, word_with};

/// Prints each request of a call as a `curl` command, and sends none of them.
///
/// Secrets are written as the shell variables that hold them, and so are credentials that are not set.
pub(crate) fn dry_run(
    operation: &impl Operation,
    settings: settings::Options,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    dry_run_of(operation, &settings.without_secret().load()?, console)
}

/// The same for settings that were read.
pub(crate) fn dry_run_of(
    operation: &impl Operation,
    layers: &Layers,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let commands = commands(operation, layers.shown()?, layers.ca_bundle_path().as_deref())?;
    let script = script(&commands);
    writeln!(console.out(), "{script}")?;
    let unset = unset(&script, &layers.values());
    let before = match unset.is_empty() {
        true => String::new(),
        false => format!(": set {} before you run it", unset.join(" and ")),
    };
    Ok(console.say(format_args!(
        "dry run: nothing was sent. The script reads the secrets from environment variables{before}"
    ))?)
}

/// The variables that the script needs, and that do not have the value of their setting.
fn unset(script: &str, values: &Values) -> Vec<&'static str> {
    let is_set = |name: &str| {
        let variable = env::var(name).ok().filter(|value| !value.is_empty()).map(Secret::from);
        let setting = SETTINGS.iter().find(|setting| setting.variable == Some(name));
        let value = setting.and_then(|setting| (setting.get)(values));
        variable.is_some() && variable == value
    };
    VARIABLES
        .iter()
        .copied()
        .filter(|name| script.contains(&format!("${{{name}:?")) && !is_set(name))
        .collect()
}

/// The commands as one list, which ends at the first that fails. It begins with a check of each variable that it needs.
fn script(commands: &[String]) -> String {
    let needed = |name: &&&str| commands.iter().any(|command| command.contains(&format!("${name}")));
    let checks = VARIABLES.iter().filter(needed).map(|name| format!(": \"${{{name}:?is not set}}\""));
    checks.chain(commands.iter().cloned()).collect::<Vec<_>>().join(" &&\n")
}

fn commands(
    operation: &impl Operation,
    config: Config,
    ca_bundle: Option<&str>,
) -> Result<Vec<String>, Failure> {
    let session = Session::new(config, 0);
    let now = Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH);
    let mut step = session.start(operation, now);
    let mut commands = Vec::new();
    while let Step::Send(request, exchange) = step {
        check_body(request.body())?;
        if request.headers().contains_key(AUTHORIZATION) {
            commands.push(api_call(&request, ca_bundle));
        } else {
            commands.push(token_request(&request, ca_bundle));
            commands.push(": \"${TOKEN:?is missing: GRIP returned no access token}\"".to_owned());
        }
        let answer = Bytes::from_static(br#"{"access_token":"TOKEN"}"#);
        step = exchange.resume(Ok(Response::new(answer)), now);
    }
    match step {
        // The response that was made up is none of the operation.
        Step::Done(Err(error)) if error.kind() != ErrorKind::Decode => Err(error.into()),
        _ => Ok(commands),
    }
}

/// Refuses a body that would not be the same in a script: no argument of a command holds a NUL.
fn check_body(body: &[u8]) -> Result<(), Failure> {
    if std::str::from_utf8(body).is_err() || body.contains(&0) {
        return Err(Failure::Usage("the body is no text, and a script can hold only text".into()));
    }
    Ok(())
}

/// Variables that the requests may hold in place of a value.
const VARIABLES: &[&str] =
    &["KPN_THINGS_TENANT_ID", "KPN_THINGS_KEY_ID", "KPN_THINGS_KEY_SECRET", "KPN_THINGS_SECURITY_CONTEXT"];

/// Puts an access token into `$TOKEN`. The secret goes through a pipe, where no list of processes shows it.
fn token_request(request: &Request<Bytes>, ca_bundle: Option<&str>) -> String {
    let body = word_with(&String::from_utf8_lossy(request.body()), VARIABLES, |name| {
        format!(r#"$(printf %s "${name}" | sed 's/["\\]/\\&/g')"#)
    });
    let mut options = options(request, ca_bundle);
    options.push("--data-binary @-".into());
    options.push(url(request));
    format!(
        "TOKEN=$(printf %s {body} |\n  {} |\n  {})",
        options.join(" \\\n    "),
        r#"sed -n 's/.*"access_token" *: *"\([^"]*\)".*/\1/p'"#
    )
}

fn api_call(request: &Request<Bytes>, ca_bundle: Option<&str>) -> String {
    let mut options = options(request, ca_bundle);
    if !request.body().is_empty() {
        options.push(format!("--data-raw {}", quoted(&String::from_utf8_lossy(request.body()))));
    }
    // A redirect with an empty body would leave no trace: curl takes it for a success.
    options.push("--write-out '%{stderr}HTTP %{http_code}\\n'".to_owned());
    options.push(url(request));
    options.join(" \\\n  ")
}

/// `curl` with everything but body and URL.
fn options(request: &Request<Bytes>, ca_bundle: Option<&str>) -> Vec<String> {
    let mut options =
        vec![format!("curl --silent --show-error --fail-with-body --request {}", request.method())];
    options.extend(ca_bundle.map(|path| format!("--cacert {}", word(path))));
    for (name, value) in request.headers().iter().filter(|(name, _)| *name != USER_AGENT) {
        options.push(if name == AUTHORIZATION {
            format!("--header \"{name}: Bearer $TOKEN\"")
        } else {
            let value = String::from_utf8_lossy(value.as_bytes());
            // curl sends an empty header only after a semicolon.
            let header = if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
            let header = word_with(&header, VARIABLES, |name| format!("${name}"));
            format!("--header {header}")
        });
    }
    options
}

fn url(request: &Request<Bytes>) -> String {
    word_with(&request.uri().to_string(), VARIABLES, |name| format!("${name}"))
}
