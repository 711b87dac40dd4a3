#![doc = include_str!("../README.md")]

mod announcements;
mod api;
mod auth;
mod cell;
mod completions;
mod console;
mod content;
mod count;
mod curl;
mod current;
mod customer;
mod database;
mod demo;
mod devices;
mod dispatch;
mod downlink;
mod failure;
mod help;
mod input;
mod interrupt;
mod layers;
mod login;
mod man;
mod messages;
mod places;
mod portal;
mod postman;
mod private;
mod profiles;
mod progress;
mod prompt;
mod recipient;
mod rows;
mod senml;
mod setting;
mod settings;
mod shell;
mod sim;
mod table;
mod token_cache;
mod trace;
mod uplink;

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal};

use anstream::AutoStream;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use console::Console;
pub use failure::ExitStatus;
use failure::Failure;

/// Runs the tool on the streams of this process. The first argument is the name of the program.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitStatus {
    let (stdout, stderr) = (io::stdout(), io::stderr());
    let shows_data = stdout.is_terminal();
    let mut stdout = stdout.lock();
    let is_attended = stderr.is_terminal();
    let (data_color, message_color) = (messages::allows_colors(&stdout), messages::allows_colors(&stderr));
    // On Windows this makes the terminal obey control sequences.
    let mut console = Console::new(&mut stdout, AutoStream::always_ansi(stderr));
    console = console.with_process().colors(data_color, message_color);
    if is_attended && env::var_os("TERM").is_none_or(|terminal| terminal != "dumb") {
        console = console.attended();
    }
    if shows_data {
        let width = terminal_size::terminal_size();
        console = console.with_terminal(width.map(|(terminal_size::Width(columns), _)| columns.into()));
    }
    run(args, &mut console)
}

/// Runs the tool: data goes to the console's output, messages to its other stream. `--verbose` writes to the stderr of
/// this process.
pub fn run(args: impl IntoIterator<Item = OsString>, console: &mut Console<'_>) -> ExitStatus {
    let args: Vec<OsString> = args.into_iter().collect();
    let done = match arguments(&args) {
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
    console.report_announcements();
    match done {
        Ok(()) => ExitStatus::Done,
        Err(failure) => failure.report(console),
    }
}

/// Parses the arguments.
fn arguments(args: &[OsString]) -> Result<Arguments, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(args).map_err(|error| sim::explained(error, args))?;
    Arguments::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// The command line with its help.
fn command() -> clap::Command {
    help::documented(Arguments::command())
}

/// List devices, send downlinks and check API keys of KPN Things.
#[derive(Parser)]
#[command(
    name = "things",
    version,
    before_help = help::EXAMPLES,
    arg_required_else_help = true,
    max_term_width = 100
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    messages: messages::Options,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    /// Check and store settings and API keys
    #[command(subcommand)]
    Auth(Auth),
    /// See your devices
    #[command(subcommand)]
    Devices(Devices),
    /// Send to one device or to many
    #[command(subcommand)]
    Downlink(Downlink),
    /// Act for sub-customers
    #[command(subcommand)]
    Customer(Customer),
    /// Receive what KPN Things posts to you
    #[command(subcommand)]
    Uplink(uplink::Uplink),
    /// Check and resolve SenML files
    #[command(subcommand)]
    Senml(senml::Senml),
    Api(api::Api),
    /// Exchange requests and settings with Postman
    #[command(subcommand)]
    Postman(postman::Postman),
    Sim(sim::Simulator),
    Open(portal::Open),
    Completions(completions::Completions),
    Man(man::Manual),
    /// Print the version
    Version,
}

#[derive(Subcommand)]
enum Auth {
    Check(auth::Check),
    Login(login::Login),
    Logout(login::Logout),
    Profiles(login::List),
}

#[derive(Subcommand)]
enum Devices {
    List(Box<devices::list::List>),
    Get(devices::get::Get),
    Diff(devices::diff::Diff),
}

#[derive(Subcommand)]
enum Downlink {
    Send(downlink::send::Send),
    Bulk(downlink::bulk::Bulk),
    #[command(subcommand)]
    Jobs(downlink::jobs::Jobs),
    Work(downlink::work::Work),
    List(downlink::list::List),
    Watch(downlink::watch::Watch),
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
            Self::Auth(Auth::Login(login)) => login.run(console),
            Self::Auth(Auth::Logout(logout)) => logout.run(console),
            Self::Auth(Auth::Profiles(list)) => list.run(console),
            Self::Devices(Devices::List(list)) => list.run(console),
            Self::Devices(Devices::Get(get)) => get.run(console),
            Self::Devices(Devices::Diff(diff)) => diff.run(console),
            Self::Downlink(Downlink::Send(send)) => send.run(console),
            Self::Downlink(Downlink::Bulk(bulk)) => bulk.run(console),
            Self::Downlink(Downlink::Jobs(jobs)) => jobs.run(console),
            Self::Downlink(Downlink::Work(work)) => work.run(console),
            Self::Downlink(Downlink::List(list)) => list.run(console),
            Self::Downlink(Downlink::Watch(watch)) => watch.run(console),
            Self::Customer(Customer::Switch(switch)) => switch.run(console),
            Self::Uplink(uplink) => uplink.run(console),
            Self::Senml(senml) => senml.run(console),
            Self::Api(api) => api.run(console),
            Self::Postman(postman) => postman.run(console),
            Self::Sim(simulator) => simulator.run(console),
            Self::Open(open) => open.run(console),
            Self::Completions(completions) => completions.run(console),
            Self::Man(manual) => manual.run(console),
            Self::Version => Ok(writeln!(console.out(), "things {}", env!("CARGO_PKG_VERSION"))?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_fit_together() {
        command().debug_assert();
    }
}
