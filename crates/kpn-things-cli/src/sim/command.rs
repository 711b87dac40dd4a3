//! Runs a command in an environment that points at the simulator and at no other account.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{Command, ExitStatus};

use crate::downlink::ledger::LEDGER_VARIABLE;
use crate::failure::{self, Failure};
use crate::settings::LOG_VARIABLE;
use crate::token_cache::FOLDER_VARIABLE;

/// Runs the command until it ends, and returns its exit status.
///
/// It inherits the streams and the environment of this process, except the settings of an account. If this process runs
/// nothing but the tool, its signals go on to the command.
///
/// # Errors
///
/// The status is that of a shell: 127 if there is no such command, and 126 if it cannot be run.
pub(super) fn run(
    command: &[OsString],
    settings: &[(&'static str, String)],
    owns_process: bool,
) -> Result<u8, Failure> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Failure::Usage("no command after --".into()));
    };
    let mut command = Command::new(program);
    command.args(arguments);
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_setting(name)) {
        command.env_remove(name);
    }
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    command.envs(without_proxy(|name| std::env::var_os(name)));
    // The next simulator has other tokens, so those of this one end with it.
    // So does the ledger: what the simulator accepts must not be on record as sent to an account.
    let folder = tempfile::Builder::new().prefix("things-sim-").tempdir();
    let folder = folder.map_err(|error| {
        Failure::Local(format!(
            "no temporary folder could be created for the ledger of the simulator: {error}"
        ))
    })?;
    command.env(FOLDER_VARIABLE, folder.path().join("tokens"));
    command.env(LEDGER_VARIABLE, folder.path().join("ledger.db"));
    let ended = if owns_process { pass_signals(&mut command) } else { command.status() };
    ended.map(in_a_shell).map_err(|error| cannot_run(program, &error))
}

/// Whether the variable is a setting of an account. Windows ignores the case of a name.
fn is_setting(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let name = if cfg!(windows) { name.to_ascii_uppercase() } else { name.into_owned() };
    name.starts_with("KPN_THINGS_") && name != LOG_VARIABLE
}

const PROXIES: [&str; 6] =
    ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// This machine, as a list of hosts to reach without a proxy.
const THIS_MACHINE: &str = "127.0.0.1,localhost,::1";

/// The variables that keep a proxy out of the way to the simulator. Programs read them in either case.
fn without_proxy(variable: impl Fn(&str) -> Option<OsString>) -> BTreeMap<&'static str, OsString> {
    let value = |name: &str| variable(name).filter(|value| !value.is_empty());
    if PROXIES.into_iter().all(|name| value(name).is_none()) {
        return BTreeMap::new();
    }
    let names = ["no_proxy", "NO_PROXY"];
    let hosts = |name: &'static str| {
        let mut hosts = value(name).or_else(|| names.into_iter().find_map(value)).unwrap_or_default();
        if hosts != "*" {
            if !hosts.is_empty() {
                hosts.push(",");
            }
            hosts.push(THIS_MACHINE);
        }
        (name, hosts)
    };
    names.into_iter().map(hosts).collect()
}

fn cannot_run(program: &OsStr, error: &io::Error) -> Failure {
    let name = program.to_string_lossy();
    let (status, reason) = match error.kind() {
        io::ErrorKind::NotFound => (127, "command not found".to_owned()),
        _ => (126, error.to_string()),
    };
    let hint = if name.contains([' ', '|', ';', '&', '>']) {
        "\nhint: quote the program and its arguments one by one, or run a shell: things sim -- sh -c '...'"
    } else {
        ""
    };
    Failure::Check(failure::ExitStatus::Command(status), format!("could not run {name}: {reason}{hint}"))
}

/// Runs the command. SIGINT and SIGTERM go on to it, so that it decides how both end.
#[cfg(unix)]
fn pass_signals(command: &mut Command) -> io::Result<ExitStatus> {
    use rustix::process::{Pid, Signal, kill_process};
    use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    // Registered before the command starts, so that no signal is lost. One loop reads its end and the signals to pass
    // on, so that no signal goes to a process that has ended.
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGCHLD])?;
    let mut child = command.spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let send = |signal| {
        if let Some(pid) = pid {
            // It can only fail because the command has ended, which the next signal reports.
            let _ = kill_process(pid, signal);
        }
    };
    for signal in signals.forever() {
        match signal {
            SIGTERM => send(Signal::TERM),
            SIGINT if !terminal_interrupts_both() => send(Signal::INT),
            SIGCHLD => {
                if let Some(status) = child.try_wait()? {
                    return Ok(status);
                }
            }
            _ => {}
        }
    }
    child.wait()
}

/// Whether Ctrl-C in the terminal reaches the command as well, because it is in the foreground with this process.
#[cfg(unix)]
fn terminal_interrupts_both() -> bool {
    let Ok(terminal) = std::fs::File::open("/dev/tty") else {
        return false;
    };
    rustix::termios::tcgetpgrp(&terminal).is_ok_and(|group| group == rustix::process::getpgrp())
}

#[cfg(not(unix))]
fn pass_signals(command: &mut Command) -> io::Result<ExitStatus> {
    // Ctrl-C reaches the command as well. This process goes on until the command has ended.
    let _ = ctrlc::set_handler(|| {});
    command.status()
}

/// The status that a shell reports: 128 and the signal where a signal ended the command.
fn in_a_shell(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal = None;
    let status = status.code().or(signal.map(|signal: i32| 128 + signal));
    status.and_then(|status| u8::try_from(status).ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Vec<(&'static str, String)> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let text = |(name, hosts): (&'static str, OsString)| (name, hosts.to_string_lossy().into_owned());
        without_proxy(lookup).into_iter().map(text).collect()
    }

    #[test]
    fn a_proxy_is_kept_away_from_the_simulator() {
        let both = |hosts: &str| vec![("NO_PROXY", hosts.to_owned()), ("no_proxy", hosts.to_owned())];
        assert_eq!(proxies(&[]), []);
        assert_eq!(proxies(&[("HTTPS_PROXY", "")]), []);
        assert_eq!(proxies(&[("http_proxy", "http://proxy:3128")]), both(THIS_MACHINE));
        assert_eq!(
            proxies(&[("ALL_PROXY", "http://proxy:3128"), ("NO_PROXY", ".corp")]),
            both(".corp,127.0.0.1,localhost,::1")
        );
        assert_eq!(proxies(&[("HTTPS_PROXY", "http://proxy:3128"), ("no_proxy", "*")]), both("*"));
    }
}
