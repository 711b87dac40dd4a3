//! `things auth check`: which setting is wrong, in words.

use std::io;

use clap::Args;
use things_core::{Error, ErrorKind, Stage};

use crate::console::Console;
use crate::failure::{ExitStatus, Failure, exit_status, request};
use crate::settings;
use crate::table::Table;

/// Find out which setting is wrong
#[derive(Args)]
#[command(help_template = crate::HELP, before_help = "\
Examples:
  things auth check
  things auth check --postman-environment kpn.postman_environment.json", after_help = "\
Takes an access token from GRIP and reads one device. What GRIP answers to a wrong setting is not documented, so the \
tool says what is most likely wrong.")]
pub(crate) struct Check {
    #[command(flatten)]
    settings: settings::Options,
}

impl Check {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let layers = self.settings.load()?;
        Table::new(["SETTING", "VALUE", "FROM"], None).write(&layers.described(), console.out())?;
        writeln!(console.out())?;
        let client = match layers.client() {
            Ok(client) => console.watched(client),
            Err(error) => {
                writeln!(console.out(), "failed  settings")?;
                return Err(Failure::Call(error));
            }
        };
        ok(console, "settings", "all that is needed is there")?;
        let Some(Err(error)) = client.devices().page_size(1).window(1).pages().next() else {
            ok(console, "access token", "GRIP knows tenant, key and application")?;
            return ok(console, "KPN Things", "the key may list devices").map_err(Failure::from);
        };
        if error.stage() == Stage::Token {
            failed(console, "access token", &error)?;
        } else {
            ok(console, "access token", "GRIP knows tenant, key and application")?;
            failed(console, "KPN Things", &error)?;
        }
        let status = match exit_status(&error) {
            ExitStatus::Authentication => ExitStatus::Authentication,
            _ => ExitStatus::Failed,
        };
        Err(Failure::Check(status, format!("most likely {}", suspect(&error))))
    }
}

fn ok(console: &mut Console<'_>, what: &str, why: &str) -> io::Result<()> {
    writeln!(console.out(), "ok      {what}: {why}")
}

fn failed(console: &mut Console<'_>, what: &str, error: &Error) -> io::Result<()> {
    writeln!(console.out(), "failed  {what}: {}", error.message())?;
    let request = request(error).map(|request| format!("request: {request}"));
    let lines = request.into_iter().chain(error.hint().map(|hint| format!("hint: {hint}")));
    lines.into_iter().try_for_each(|line| writeln!(console.out(), "        {line}"))
}

/// What is most likely wrong.
fn suspect(error: &Error) -> &'static str {
    let told = if error.message().contains("invalid_client") { "invalid_client" } else { "" };
    if error.is_page() && error.stage() == Stage::Token {
        return "a proxy or firewall answers in place of GRIP, or GRIP's address is wrong (KPN_THINGS_GRIP_BASE_URL)";
    }
    let status = error.status().map_or(0, |status| status.as_u16());
    match (error.stage(), error.kind()) {
        (Stage::Token, ErrorKind::Auth) => match (status, told) {
            (300..=399, _) => "GRIP's address is wrong (KPN_THINGS_GRIP_BASE_URL)",
            (404, _) => {
                "the tenant id is wrong (KPN_THINGS_TENANT_ID), or GRIP's address (KPN_THINGS_GRIP_BASE_URL)"
            }
            (_, "invalid_client") | (401 | 403, _) => {
                "the key id or the key secret is wrong (KPN_THINGS_KEY_ID, KPN_THINGS_KEY_SECRET)"
            }
            _ => "the application id is wrong (KPN_THINGS_APPLICATION_ID), or the key is of another tenant",
        },
        (Stage::Token, ErrorKind::Server | ErrorKind::RateLimited) => {
            "GRIP is not well, and nothing is wrong with the settings: try again later"
        }
        (
            Stage::Token,
            ErrorKind::Decode
            | ErrorKind::TooDeep
            | ErrorKind::UnexpectedStatus
            | ErrorKind::TooLarge
            | ErrorKind::HeadTooLarge,
        ) => "GRIP's address is wrong (KPN_THINGS_GRIP_BASE_URL), or a proxy answers in its place",
        (Stage::Token, _) => {
            "the network, a proxy, or GRIP's address is wrong (KPN_THINGS_GRIP_BASE_URL): no answer came"
        }
        (_, ErrorKind::Auth) => {
            "the API key has no access to KPN Things: give it that service in GRIP. Or the application id is that of another service (KPN_THINGS_APPLICATION_ID)"
        }
        (Stage::ContextSwitch, ErrorKind::Forbidden | ErrorKind::NotFound | ErrorKind::BadRequest) => {
            "the customer id is wrong (KPN_THINGS_CUSTOMER_ID), or this key may not act for that customer"
        }
        (_, ErrorKind::Forbidden) => "the key has access to KPN Things, but not to devices",
        (_, ErrorKind::Server | ErrorKind::RateLimited) => {
            "KPN Things is not well, and nothing is wrong with the settings: try again later"
        }
        (
            _,
            ErrorKind::Connect
            | ErrorKind::Timeout
            | ErrorKind::Deadline
            | ErrorKind::Interrupted
            | ErrorKind::Transport,
        ) => "the network, a proxy, or the API's address is wrong (KPN_THINGS_BASE_URL): no answer came",
        _ => "the API's address is wrong (KPN_THINGS_BASE_URL), or a proxy answers in its place",
    }
}
