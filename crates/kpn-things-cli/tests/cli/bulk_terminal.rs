//! Files of downlinks at a terminal: questions, progress and Ctrl-C.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use things_sim::{Route, Sim};

use crate::bulk::Desk;
use crate::terminal::{Left, Terminal};
use crate::tool::simulator;

fn sim(fault: &str) -> Sim {
    simulator().fault(fault.parse().unwrap()).start().unwrap()
}

/// Starts to send a file.
fn start(desk: &Desk, sim: &Sim, file: &str, args: &[&str]) -> Terminal {
    Terminal::start(desk.command(sim, &[&["downlink", "bulk", file], args].concat()), 250, 60)
}

/// Answers a question, and waits for the end.
fn answer(mut terminal: Terminal, question: &str, answer: &str) -> Left {
    terminal.wait_for(question);
    terminal.type_in(&format!("{answer}\r"));
    terminal.finish()
}

#[test]
fn ctrl_c_waits_for_the_downlinks_in_flight() {
    let desk = Desk::new("ctrl-c");
    let sim = sim("downlinks=latency:400ms");
    let mut terminal = start(&desk, &sim, &desk.valves(60), &["--window", "3"]);
    terminal.wait_until(|| sim.calls(Route::Downlinks) >= 3);
    terminal.type_in("\x03");
    terminal.wait_for("interrupted: waiting for the downlinks in flight; Ctrl-C again stops at once");
    let left = terminal.finish();
    assert_eq!(left.status, None, "a shell wants to see the signal: {left:?}");
    let job = desk.job();
    let [accepted, pending] = ["accepted", "pending"].map(|name| job[name].as_u64().unwrap());
    assert_eq!((accepted, accepted + pending), (sim.downlinks_received(), 60), "{job}");
    let id = job["job"].as_str().unwrap();
    let summary = format!(
        "60 downlinks: {accepted} accepted, {pending} left\nhint: to send the rest: things downlink jobs resume {id} --ledger {}",
        desk.ledger()
    );
    assert!(left.screen.ends_with(&summary), "{left:?}");
}

#[test]
fn a_second_ctrl_c_stops_at_once_and_what_was_in_flight_is_unknown() {
    let desk = Desk::new("ctrl-c-twice");
    let sim = sim("downlinks=stall-after");
    let mut terminal = start(&desk, &sim, &desk.valves(10), &["--window", "3"]);
    terminal.wait_until(|| sim.downlinks_received() == 3);
    terminal.type_in("\x03");
    terminal.wait_for("Ctrl-C again stops at once");
    let start = Instant::now();
    terminal.type_in("\x03");
    let left = terminal.finish();
    assert!(start.elapsed() < Duration::from_secs(10), "it waits for calls that never end");
    assert_eq!(left.status, Some(4), "{left:?}");
    assert!(left.screen.contains("\n10 downlinks: 0 accepted, 3 unknown, 7 left\n"), "{left:?}");
    assert!(left.screen.contains("--with unknown"), "{left:?}");
    assert_eq!(desk.job()["unknown"], 3);
}

#[test]
fn sigterm_ends_a_run_as_it_ends_other_programs() {
    let desk = Desk::new("sigterm");
    let sim = sim("downlinks=latency:200ms");
    // All of them would take 15 seconds: the signal arrives before, on a busy machine too.
    let args = ["downlink", "bulk", &desk.valves(75), "--window", "1"];
    let child = desk.command(&sim, &args).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while sim.calls(Route::Downlinks) == 0 {
        assert!(Instant::now() < end, "nothing was sent");
        thread::yield_now();
    }
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(15), "{output:?}");
    assert_eq!((output.stdout.len(), &desk.job()["unknown"]), (0, &0.into()));
}

#[test]
fn many_devices_are_asked_for() {
    let (desk, sim) = (Desk::new("ask"), simulator().start().unwrap());
    let file = desk.valves(101);
    let question = format!("Send 101 downlinks to 101 devices of {} tenant rjsfm52t? [y/N]: ", sim.url());
    let left = answer(start(&desk, &sim, &file, &["--csv"]), &question, "");
    assert_eq!((left.status, sim.calls_total()), (Some(1), 0), "{left:?}");
    assert!(left.screen.ends_with("\nnothing was sent"), "{left:?}");
    let left = answer(start(&desk, &sim, &file, &["--csv"]), &question, "y");
    assert_eq!((left.status, sim.downlinks_received()), (Some(0), 101), "{left:?}");
}

#[test]
fn the_same_file_is_resumed_sent_again_or_left() {
    let desk = Desk::new("ask-same");
    let sim = sim("token@1=status:401");
    let file = desk.valves(2);
    let args = ["downlink", "bulk", &file, "--no-token-cache"];
    desk.things(&sim, &args).exits(3);
    let bulk = || Terminal::start(desk.command(&sim, &args), 250, 60);
    let question = "Resume it, send everything again as a new job, or abort? [r/n/A]: ";
    let left = answer(bulk(), question, "x");
    assert_eq!((left.status, sim.downlinks_received()), (Some(1), 0), "{left:?}");
    assert!(
        left.screen
            .contains(" has the same content: 2 downlinks: 0 accepted, 2 left, and it is not finished\n")
    );
    let left = answer(bulk(), question, "r");
    assert_eq!((left.status, sim.downlinks_received()), (Some(0), 2), "{left:?}");
    assert_eq!(desk.job()["accepted"], 2, "there is one job");
}

#[test]
fn a_new_job_can_send_the_same_file() {
    let desk = Desk::new("ask-new");
    let sim = sim("token@1=status:401");
    let args = ["downlink", "bulk", &desk.valves(2), "--no-token-cache"];
    desk.things(&sim, &args).exits(3);
    let left = answer(Terminal::start(desk.command(&sim, &args), 250, 60), "[r/n/A]: ", "n");
    assert_eq!((left.status, sim.downlinks_received()), (Some(0), 2), "{left:?}");
    let jobs = desk.jobs(&["list", "--json"]).exits(0).json();
    assert_eq!((&jobs[0]["accepted"], &jobs[1]["accepted"]), (&2.into(), &0.into()));
}

#[test]
fn a_file_that_was_sent_is_asked_for() {
    let desk = Desk::new("ask-sent");
    let sim = sim("downlinks@1=drop-after");
    let args = ["downlink", "bulk", &desk.valves(2)];
    desk.things(&sim, &args).exits(4);
    let bulk = || Terminal::start(desk.command(&sim, &args), 250, 60);
    let question = "Send everything again as a new job? [y/N]: ";
    let left = answer(bulk(), question, "");
    assert_eq!((left.status, sim.downlinks_received()), (Some(1), 2), "{left:?}");
    assert!(left.screen.contains(" has the same content: 2 downlinks: 1 accepted, 1 unknown\n"), "{left:?}");
    assert!(left.screen.contains(&format!("things downlink jobs resolve {} LINE", desk.id())), "{left:?}");
    let left = answer(bulk(), question, "y");
    assert_eq!((left.status, sim.downlinks_received()), (Some(0), 4), "{left:?}");
}

#[test]
fn sending_an_unknown_one_again_is_asked_for() {
    let desk = Desk::new("ask-resolve");
    let sim = sim("downlinks=drop-after");
    desk.things(&sim, &["downlink", "bulk", &desk.valves(1)]).exits(4);
    desk.end_leases();
    let id = desk.id();
    let resolve = || {
        let args = ["downlink", "jobs", "resolve", &id, "2", "not-sent"];
        Terminal::start(desk.command(&sim, &args), 250, 60)
    };
    let question = "Are you sure that it did not arrive? [y/N]: ";
    let left = answer(resolve(), question, "n");
    assert_eq!((left.status, &desk.job()["unknown"]), (Some(1), &1.into()), "{left:?}");
    let left = answer(resolve(), question, "y");
    assert_eq!((left.status, &desk.job()["resumable"]), (Some(0), &1.into()), "{left:?}");
    assert!(left.screen.contains("the device gets it twice. No software can prevent that."), "{left:?}");
}

#[test]
fn progress_has_the_counts_the_rate_and_the_time_left() {
    let desk = Desk::new("progress");
    let sim = sim("downlinks=latency:100ms");
    let mut terminal = start(&desk, &sim, &desk.valves(80), &["--window", "2", "--ndjson"]);
    terminal.wait_for(" accepted, 0 not sent, 0 unknown, ");
    terminal.wait_for(" s left");
    assert!(terminal.screen().contains(" of 80: "), "{}", terminal.screen());
    let left = terminal.finish();
    assert_eq!(left.status, Some(0));
    assert!(
        left.screen.ends_with("80 downlinks: 80 accepted") && !left.screen.contains(" s left"),
        "{left:?}"
    );
}

#[test]
fn no_progress_is_shown_where_it_is_turned_off() {
    let desk = Desk::new("progress-off");
    let sim = sim("downlinks=latency:200ms");
    let left = start(&desk, &sim, &desk.valves(16), &["--window", "2", "--progress", "off"]).finish();
    assert_eq!(left.status, Some(0));
    assert!(!left.written.contains(" of 16: "), "{left:?}");
}
