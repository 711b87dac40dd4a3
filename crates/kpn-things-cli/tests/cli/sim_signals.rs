//! Signals end `things sim` at once.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::terminal::Terminal;
use crate::tool::command;

const SIM: [&str; 3] = ["sim", "--json", "--log"];

/// Starts a simulator, and waits until it has printed its settings.
fn ready(mut command: Command) -> Child {
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "}"));
    child
}

fn send(signal: &str, process: &str) {
    assert!(Command::new("kill").args([signal, process]).status().unwrap().success());
}

fn end(mut process: Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = process.try_wait().unwrap() {
            return status;
        }
        if start.elapsed() > Duration::from_secs(20) {
            process.kill().unwrap();
            panic!("the signal did not end it");
        }
        thread::yield_now();
    }
}

fn ended_by(signal: &str) -> ExitStatus {
    let sim = ready(command(&SIM));
    send(signal, &sim.id().to_string());
    end(sim)
}

#[test]
fn a_signal_ends_it_as_a_program_without_a_handler() {
    assert_eq!(ended_by("-TERM").signal(), Some(15));
    assert_eq!(ended_by("-INT").signal(), Some(2));
}

#[test]
fn a_terminal_shows_each_request_until_ctrl_c() {
    let mut terminal = Terminal::start(command(&["sim"]), 120, 40);
    terminal.wait_for("run: things auth check");
    let screen = terminal.screen();
    let (_, rest) = screen.split_once("runs at http://").unwrap();
    let mut client = TcpStream::connect(rest.split_whitespace().next().unwrap()).unwrap();
    client.write_all(b"GET /login HTTP/1.1\r\n\r\n").unwrap();
    terminal.wait_for("\nGET /login 200");
    terminal.type_in("\x03");
    assert_eq!(terminal.finish().status, None);
}

/// The kernel ignores the default action of a signal to the first process of a container.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_ends_it_as_the_first_process_of_a_container() {
    let in_container = |program: &str| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--pid", "--fork", "--kill-child", program]);
        command
    };
    if !in_container("true").status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: this machine allows no process namespace");
        return;
    }
    for (signal, status) in [("-TERM", 143), ("-INT", 130)] {
        let mut container = in_container(env!("CARGO_BIN_EXE_things"));
        container
            .args(SIM)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let container = ready(container);
        let children = format!("/proc/{0}/task/{0}/children", container.id());
        send(signal, fs::read_to_string(children).unwrap().trim());
        assert_eq!(end(container).code(), Some(status));
    }
}
