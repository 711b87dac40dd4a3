//! `things auth check`: which setting is wrong, and where it comes from.

use std::io;

use anstyle::AnsiColor;
use clap::Args;
use serde::Serialize;
use things_core::{Error, ErrorKind, Stage};

use crate::console::Console;
use crate::failure::{ExitStatus, Failure, exit_status, request};
use crate::layers::{Layers, Shown, UnknownVariable, unknown_variables};
use crate::settings;
use crate::table::Table;

/// Find out which setting is wrong
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things auth check
  things auth check --profile staging
  things auth check --postman-environment kpn.postman_environment.json
  things auth check --json",
    after_help = "\
Shows every setting and where it comes from, requests a new access token from GRIP, and reads one device. KPN does \
not document how GRIP responds to a wrong setting, so the tool reports the likely cause."
)]
pub(crate) struct Check {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: settings::Options,
}

/// The name of the first step.
const SETTINGS: &str = "settings";

/// What a check found.
#[derive(Default, Serialize)]
struct Report {
    settings: Vec<Shown>,
    /// Files and profiles that are not used, each with the reason.
    unused: Vec<String>,
    unknown_variables: Vec<UnknownVariable>,
    steps: Vec<Step>,
    likely_cause: Option<String>,
}

/// A step of the check. Steps after a failed one are not made.
#[derive(Serialize)]
struct Step {
    name: &'static str,
    ok: bool,
    message: String,
    /// The request, and a hint.
    details: Vec<String>,
}

impl Check {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let layers = self.settings.without_token_cache().load()?;
        let mut report = Report {
            settings: layers.describe(),
            unused: layers.unused(),
            unknown_variables: unknown_variables(),
            ..Report::default()
        };
        let failure = report.make_steps(&layers, console).err();
        match self.json {
            true => {
                serde_json::to_writer_pretty(console.out(), &report).map_err(io::Error::from)?;
                writeln!(console.out())?;
            }
            false => report.write(console)?,
        }
        failure.map_or(Ok(()), Err)
    }
}

/// Returns an error that tells the likely cause unless GRIP and KPN Things accept the settings.
pub(crate) fn accepted(layers: &Layers, console: &mut Console<'_>) -> Result<(), Failure> {
    Report::default().make_steps(layers, console)
}

impl Report {
    /// Makes the steps, up to the first that fails.
    fn make_steps(&mut self, layers: &Layers, console: &mut Console<'_>) -> Result<(), Failure> {
        let client = layers.client(console).inspect_err(|failure| {
            let why = match failure {
                Failure::Settings(text) => text.lines().next().unwrap_or_default(),
                _ => "",
            };
            self.failed(SETTINGS, why.strip_prefix("error: ").unwrap_or(why), Vec::new());
        })?;
        let client = console.watched(client);
        self.ok(SETTINGS, "all required settings are there".into());
        let customer = layers.values().settings.customer_id;
        let result = client.devices().page_size(1).window(1).pages().next();
        let error = result.and_then(Result::err);
        let reached = error.as_ref().map(Error::stage);
        if reached != Some(Stage::Token) {
            self.ok("access token", "GRIP knows the tenant, the key and the application".into());
        }
        if let Some(customer) = customer
            && !matches!(reached, Some(Stage::Token | Stage::ContextSwitch))
        {
            self.ok("context switch", format!("this API key may act for customer {customer}"));
        }
        let Some(error) = error else {
            self.ok("KPN Things", "this API key may list devices".into());
            return Ok(());
        };
        let places = layers.places();
        let step = match error.stage() {
            Stage::Token => "access token",
            Stage::ContextSwitch => "context switch",
            _ => "KPN Things",
        };
        let request = request(&error).map(|request| format!("request: {request}"));
        let details =
            request.into_iter().chain(error.hint().map(|hint| format!("hint: {}", places.named(hint))));
        self.failed(step, error.message(), details.collect());
        let cause = places.named(&likely_cause(&error));
        self.likely_cause = Some(cause.clone());
        let status = match exit_status(&error) {
            ExitStatus::Authentication => ExitStatus::Authentication,
            _ => ExitStatus::Failed,
        };
        Err(Failure::Diagnosed(status, cause))
    }

    fn ok(&mut self, name: &'static str, message: String) {
        self.steps.push(Step { name, ok: true, message, details: Vec::new() });
    }

    fn failed(&mut self, name: &'static str, message: &str, details: Vec<String>) {
        self.steps.push(Step { name, ok: false, message: message.to_owned(), details });
    }

    fn write(&self, console: &mut Console<'_>) -> io::Result<()> {
        let rows: Vec<_> = self
            .settings
            .iter()
            .map(|shown| [shown.name.to_owned(), shown.value.clone(), shown.source.clone()])
            .collect();
        Table::new(["SETTING", "VALUE", "FROM"], None).write(&rows, console.out())?;
        writeln!(console.out())?;
        let notes = self.notes();
        for note in &notes {
            writeln!(console.out(), "note    {note}")?;
        }
        if !notes.is_empty() {
            writeln!(console.out())?;
        }
        for step in &self.steps {
            let result = match step.ok {
                true => console.painted("ok    ", AnsiColor::Green),
                false => console.painted("failed", AnsiColor::Red),
            };
            // The error on the other stream has the message, with its hints.
            match !step.ok && step.name == SETTINGS {
                true => writeln!(console.out(), "{result}  {}", step.name)?,
                false => writeln!(console.out(), "{result}  {}: {}", step.name, step.message)?,
            }
            step.details.iter().try_for_each(|detail| writeln!(console.out(), "        {detail}"))?;
        }
        Ok(())
    }

    /// What can be told of secrets, and what is set and has no effect.
    fn notes(&self) -> Vec<String> {
        let secrets = self
            .settings
            .iter()
            .filter_map(|shown| shown.secret.as_ref().map(|traits| format!("{}: {traits}", shown.name)));
        let shadowed = self.settings.iter().flat_map(|shown| {
            shown.also_in.iter().map(|other| {
                let same = if other.same_value { " (same value)" } else { "" };
                format!("{}: also in {}, not used{same}", shown.name, other.source)
            })
        });
        let unknown = self.unknown_variables.iter().map(|variable| {
            let meant = variable.did_you_mean.as_ref().map(|meant| format!(": did you mean {meant}?"));
            format!("{} is not a setting, not used{}", variable.name, meant.unwrap_or_default())
        });
        secrets.chain(shadowed).chain(self.unused.iter().cloned()).chain(unknown).collect()
    }
}

/// The likely cause of a failed step.
fn likely_cause(error: &Error) -> String {
    let hint = error.hint().unwrap_or_default();
    // The evidence is in the error itself.
    if hint.contains("must not end in /api")
        || hint.contains("is a token URL")
        || hint.contains("expects http://")
    {
        return hint.to_owned();
    }
    if hint.starts_with("check the proxy") {
        return "the proxy is wrong, or it does not connect to the service (HTTPS_PROXY, NO_PROXY)"
            .to_owned();
    }
    suspect(error).to_owned()
}

fn suspect(error: &Error) -> &'static str {
    let told = if error.message().contains("invalid_client") { "invalid_client" } else { "" };
    if error.is_page() && error.stage() == Stage::Token {
        return "a proxy or firewall responds in place of GRIP, or GRIP's address is wrong (KPN_THINGS_GRIP_BASE_URL)";
    }
    let status = error.status().map_or(0, |status| status.as_u16());
    match (error.stage(), error.kind()) {
        (Stage::Token, ErrorKind::Auth) => match (status, told) {
            (300..=399, _) => "GRIP's address is wrong (KPN_THINGS_GRIP_BASE_URL)",
            (404, _) => {
                "the tenant id (KPN_THINGS_TENANT_ID) or GRIP's address (KPN_THINGS_GRIP_BASE_URL) is wrong; the tenant id is in MijnKPN Zakelijk, under your name at the top right, and in the Things portal under Customer Details"
            }
            (_, "invalid_client") | (401 | 403, _) => {
                "the key id or the key secret is wrong (KPN_THINGS_KEY_ID, KPN_THINGS_KEY_SECRET); API keys are created in GRIP"
            }
            _ => {
                "the application id is wrong (KPN_THINGS_APPLICATION_ID), or the key belongs to another tenant"
            }
        },
        (Stage::Token, ErrorKind::Server | ErrorKind::RateLimited) => {
            "GRIP is not available, and the settings are not the reason: try again later"
        }
        (
            Stage::Token,
            ErrorKind::Decode
            | ErrorKind::TooDeep
            | ErrorKind::UnexpectedStatus
            | ErrorKind::TooLarge
            | ErrorKind::HeadTooLarge,
        ) => "GRIP's address is wrong (KPN_THINGS_GRIP_BASE_URL), or a proxy responds in its place",
        (Stage::Token, _) => {
            "the network is down, or GRIP's address is wrong (KPN_THINGS_GRIP_BASE_URL): there was no response"
        }
        (_, ErrorKind::Auth) => {
            "the API key has no access to KPN Things: in GRIP, add the service \"KPN Things\" to the key under Services and roles. Or the application id is that of another service (KPN_THINGS_APPLICATION_ID)"
        }
        (Stage::ContextSwitch, ErrorKind::Forbidden | ErrorKind::NotFound | ErrorKind::BadRequest) => {
            "the customer id is wrong (KPN_THINGS_CUSTOMER_ID), or this key may not act for that customer; the Customer ID is in the Things portal under Customer Details"
        }
        (_, ErrorKind::Forbidden) => "the key has access to KPN Things, but may not list devices",
        (_, ErrorKind::Server | ErrorKind::RateLimited) => {
            "KPN Things is not available, and the settings are not the reason: try again later"
        }
        (
            _,
            ErrorKind::Connect
            | ErrorKind::Timeout
            | ErrorKind::Deadline
            | ErrorKind::Interrupted
            | ErrorKind::Transport,
        ) => {
            "the network is down, or the API's address is wrong (KPN_THINGS_BASE_URL): there was no response"
        }
        _ => "the API's address is wrong (KPN_THINGS_BASE_URL), or a proxy responds in its place",
    }
}
