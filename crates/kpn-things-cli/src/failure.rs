//! The failures of commands: their messages and exit statuses.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use things_core::{Error, ErrorKind, InputError, Outcome};

use crate::Console;
use crate::cell;
use crate::dispatch::{Begun, Dispatch};
use crate::interrupt;

/// What the tool tells the shell at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExitStatus {
    /// It is done.
    Done,
    /// It failed.
    Failed,
    /// The arguments or settings cannot be right, and nothing was sent.
    Usage,
    /// The access token was refused or rejected.
    Authentication,
    /// A downlink may have arrived, and may not.
    Unknown,
    /// A listing is not proven complete, and the proof was required.
    NotProven,
    /// Two listings differ, and the status was to show it.
    Different,
    /// The status of the command that `things sim -- COMMAND` ran.
    Command(u8),
}

impl ExitStatus {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Authentication => 3,
            Self::Unknown => 4,
            Self::NotProven => 5,
            Self::Different => 6,
            Self::Command(status) => status,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments do not parse; or they ask for help, which is no failure.
    Arguments(clap::Error),
    /// An argument cannot be right.
    Usage(String),
    /// Settings are missing or wrong. The text is complete, with its hints.
    Settings(String),
    /// A call failed, or could not be made.
    Call(Error),
    /// A call that must not be made twice failed.
    Dispatch(Error, Box<Begun>),
    /// A run of many downlinks ended early. The text is complete.
    Run(ExitStatus, String),
    /// The tool was interrupted, and has ended what was in progress. The text is complete.
    Interrupted(String),
    /// Something of this machine failed.
    Local(String),
    /// Data cannot be written.
    Output(io::Error),
    /// The output and the messages say everything.
    Status(ExitStatus),
    /// A check did not succeed; its findings are written already.
    Check(ExitStatus, String),
    /// A command that the tool ran ended with this status, and wrote its own messages.
    Command(u8),
    /// The same, with the likely cause.
    Diagnosed(ExitStatus, String),
}

impl Failure {
    /// Says what went wrong, and how the tool ends.
    pub(crate) fn report(self, console: &mut Console<'_>) -> ExitStatus {
        let (status, words) = match self {
            Self::Arguments(error) if !error.use_stderr() => {
                let help = error.render();
                return match write!(console.out(), "{help}").and_then(|()| console.flush()) {
                    Ok(()) => ExitStatus::Done,
                    Err(error) => Self::Output(error).report(console),
                };
            }
            // Whoever read the data has seen enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return ExitStatus::Done,
            Self::Command(status) => return ExitStatus::Command(status),
            Self::Status(status) => return status,
            Self::Output(error) => {
                console.complain(format_args!("error: the output cannot be written: {error}"));
                return ExitStatus::Failed;
            }
            Self::Arguments(error) => (ExitStatus::Usage, error.render().to_string().trim_end().to_owned()),
            Self::Usage(message) => (ExitStatus::Usage, format!("error: {message}")),
            Self::Settings(text) => (ExitStatus::Usage, text),
            Self::Call(error) => (exit_status(&error), console.located(in_lines(&error, None))),
            Self::Dispatch(error, begun) => {
                let lines = console.located(in_lines(&error, Some(&begun.dispatch)));
                let status = Self::print(console, exit_status(&error), &lines);
                begun.printed();
                return status;
            }
            Self::Run(status, text) => (status, text),
            Self::Interrupted(text) => {
                let status = Self::print(console, ExitStatus::Failed, &text);
                interrupt::die();
                return status;
            }
            Self::Local(message) => (ExitStatus::Failed, format!("error: {message}")),
            Self::Check(status, message) => (status, format!("error: {message}")),
            Self::Diagnosed(status, cause) => (status, format!("likely cause: {cause}")),
        };
        Self::print(console, status, &words)
    }

    /// Prints a failure after the output. The status stays, whether or not the output can be written.
    fn print(console: &mut Console<'_>, status: ExitStatus, message: &str) -> ExitStatus {
        if let Err(error) = console.flush()
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            console.complain(format_args!("error: the output cannot be written: {error}"));
        }
        console.complain(message);
        status
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// The exit status of a failed call.
pub(crate) fn exit_status(error: &Error) -> ExitStatus {
    match (error.outcome(), error.kind()) {
        (Some(Outcome::Unknown), _) => ExitStatus::Unknown,
        (_, ErrorKind::Config | ErrorKind::Input) => ExitStatus::Usage,
        (_, ErrorKind::Incomplete) => ExitStatus::NotProven,
        (_, ErrorKind::Auth) => ExitStatus::Authentication,
        _ => ExitStatus::Failed,
    }
}

/// The message of a failed call, one fact per line.
pub(crate) fn in_lines(error: &Error, dispatch: Option<&Dispatch>) -> String {
    let mut lines = vec![format!("error: {}", error.message())];
    lines.extend(error.incomplete().into_iter().flat_map(|incomplete| &incomplete.gaps).take(10).map(
        |gap| {
            let after = gap.after.as_deref().unwrap_or("the start");
            let before = gap.before.as_deref().unwrap_or("the end");
            format!("gap: devices may be missing between {after} and {before}")
        },
    ));
    lines.extend(request(error).map(|request| format!("request: {request}")));
    lines.extend(dispatch.map(Dispatch::line));
    lines.extend(error.reference().map(|reference| format!("service reference: {reference}")));
    // The hint of a call with an unknown outcome is below: it names the device.
    let hint = error.hint().filter(|_| dispatch.is_none() || error.outcome() != Some(Outcome::Unknown));
    lines.extend(hint.map(|hint| format!("hint: {hint}")));
    lines.extend(
        dispatch.zip(error.outcome()).into_iter().flat_map(|(dispatch, outcome)| dispatch.outcome(outcome)),
    );
    // The service's reason may contain what would steer a terminal.
    let lines: Vec<_> = lines.iter().map(|line| cell::plain(line)).collect();
    lines.join("\n")
}

/// The request that failed, with the number of attempts and the time they took.
pub(crate) fn request(error: &Error) -> Option<String> {
    let (method, url) = (error.method()?, error.url()?);
    let plural = if error.attempts() == 1 { "" } else { "s" };
    Some(format!("{method} {url} ({} attempt{plural}, {})", error.attempts(), took(error.elapsed())))
}

/// A duration for people: `0.5 ms`, `20 ms`, `1.5 s`.
fn took(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds < 0.01 => format!("{:.1} ms", seconds * 1e3),
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        seconds => format!("{seconds:.1} s"),
    }
}
