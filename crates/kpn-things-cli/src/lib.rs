#![doc = include_str!("../README.md")]

mod api;
mod auth;
mod cell;
mod console;
mod content;
mod count;
mod curl;
mod customer;
mod demo;
mod devices;
mod dispatch;
mod downlink;
mod failure;
mod input;
mod interrupt;
mod messages;
mod progress;
mod prompt;
mod recipient;
mod settings;
mod sheet;
mod shell;
mod sim;
mod table;
mod trace;

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal};

use anstream::AutoStream;
use clap::{Parser, Subcommand};

pub use console::Console;
pub use failure::ExitStatus;
use failure::Failure;

/// Runs the tool on the streams of this process. The first argument is the name of the program.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitStatus {
    let (stdout, stderr) = (io::stdout(), io::stderr());
    let width = stdout.is_terminal().then(terminal_size::terminal_size).flatten();
    let mut stdout = stdout.lock();
    let (is_attended, allows_colors) = (stderr.is_terminal(), messages::allows_colors(&stderr));
    // On Windows this makes the terminal obey control sequences.
    let mut console = Console::new(&mut stdout, AutoStream::always_ansi(stderr));
    console = console.with_process().colors(allows_colors);
    if is_attended && env::var_os("TERM").is_none_or(|terminal| terminal != "dumb") {
        console = console.attended();
    }
    if let Some((terminal_size::Width(columns), _)) = width {
        console = console.terminal(columns.into());
    }
    run(args, &mut console)
}

/// Runs the tool: data goes to the console's output, messages to its other stream. `--verbose` writes to the stderr of
/// this process.
pub fn run(args: impl IntoIterator<Item = OsString>, console: &mut Console<'_>) -> ExitStatus {
    let args: Vec<OsString> = args.into_iter().collect();
    let done = match Arguments::try_parse_from(&args) {
        Ok(Arguments { command, messages }) => {
            console.set_options(messages);
            command.run(console).and_then(|()| Ok(console.flush()?))
        }
        Err(error) => {
            console.set_options(messages::Options::of_broken_arguments(&args));
            Err(Failure::Arguments(error))
        }
    };
    console.end_progress();
    match done {
        Ok(()) => ExitStatus::Done,
        Err(failure) => failure.report(console),
    }
}

/// Devices, downlinks and API keys of KPN Things.
#[derive(Parser)]
#[command(
    name = "things",
    version,
    before_help = EXAMPLES,
    after_help = NOTES,
    help_template = HELP,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    max_term_width = 110
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    messages: messages::Options,
}

const HELP: &str = "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

const EXAMPLES: &str = "\
Examples:
  things demo                                        See it work; needs no account
  things auth check                                  Find out which setting is wrong
  things devices list --search Parking               Devices whose name holds \"Parking\"
  things devices list --csv > devices.csv            All devices, as a file for a spreadsheet
  things downlink send 0059AC0000181EB6 --port 1 --hex 0102 --reference valve-42";

const NOTES: &str = "\
Settings (options override variables, which override the Postman file that they name; a Postman file that is named
by --postman-environment overrides variables):
  KPN_THINGS_TENANT_ID             GRIP tenant, a short slug such as rjsfm52t
  KPN_THINGS_KEY_ID                API key id
  KPN_THINGS_KEY_SECRET            API key secret; in a file: --key-secret-file
  KPN_THINGS_APPLICATION_ID        Application id, if it is not the documented one
  KPN_THINGS_POSTMAN_ENVIRONMENT   A Postman environment file that holds the above
  KPN_THINGS_CUSTOMER_ID           Sub-customer to act for
  KPN_THINGS_SECURITY_CONTEXT      Sent as KPN-Things-Security-Context; or --security-context-file
  KPN_THINGS_GRIP_BASE_URL, KPN_THINGS_TOKEN_URL, KPN_THINGS_BASE_URL   Other servers
  KPN_THINGS_ALLOW_HTTP            Hosts that plain http may go to, besides this machine
  HTTPS_PROXY, ALL_PROXY           HTTP proxy for https; user and password are percent-encoded
  NO_PROXY                         Hosts to reach directly: domains, addresses, networks, with a port or without
  SSL_CERT_FILE, SSL_CERT_DIR      Certificates to trust on Linux; or --ca-bundle

Exit status:
  0 done   1 failed   2 usage, or a setting is missing   3 authentication
  4 the outcome of a downlink is unknown: look before you send it again
  5 a listing is not proven complete, and --verified requires it";

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    /// Check settings and API key
    #[command(subcommand)]
    Auth(Auth),
    /// See your devices
    #[command(subcommand)]
    Devices(Devices),
    /// Send to a device
    #[command(subcommand)]
    Downlink(Downlink),
    /// Act for sub-customers
    #[command(subcommand)]
    Customer(Customer),
    Api(api::Api),
    Sim(sim::Simulator),
}

#[derive(Subcommand)]
enum Auth {
    Check(auth::Check),
}

#[derive(Subcommand)]
enum Devices {
    List(devices::List),
}

#[derive(Subcommand)]
enum Downlink {
    Send(downlink::Send),
}

#[derive(Subcommand)]
enum Customer {
    Switch(customer::Switch),
}

impl Command {
    fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        match self {
            Self::Demo(demo) => demo.run(console),
            Self::Auth(Auth::Check(check)) => check.run(console),
            Self::Devices(Devices::List(list)) => list.run(console),
            Self::Downlink(Downlink::Send(send)) => send.run(console),
            Self::Customer(Customer::Switch(switch)) => switch.run(console),
            Self::Api(api) => api.run(console),
            Self::Sim(simulator) => simulator.run(console),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_fit_together() {
        Arguments::command().debug_assert();
    }
}
