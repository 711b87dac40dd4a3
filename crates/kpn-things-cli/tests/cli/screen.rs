//! What a person sees at a terminal.

use std::fs::{File, read_to_string};
use std::process::Command;

use things_sim::{Route, Sim};

use crate::terminal::Terminal;
use crate::tool::{Tool, path, simulator};

#[test]
fn a_listing_is_shown_with_its_summary() {
    let sim = simulator().devices(3).start().unwrap();
    let left = Terminal::start(sim.command(&["devices", "list"]), 120, 24).finish();
    assert_eq!(left.status, Some(0), "{left:?}");
    assert!(left.screen.starts_with("NAME"), "{left:?}");
    assert!(left.screen.ends_with("3 devices, proven complete with 1 request"), "{left:?}");
    assert!(left.written.ends_with("request\r\n"), "{left:?}");
}

/// A listing whose first page never comes.
fn waiting(sim: &Sim) -> Terminal {
    let mut terminal = Terminal::start(sim.command(&["devices", "list"]), 80, 24);
    terminal.wait_until(|| sim.calls(Route::Devices) > 0);
    terminal
}

#[test]
fn signals_end_a_listing() {
    let sim = simulator().fault("devices=stall".parse().unwrap()).start().unwrap();
    let mut terminal = waiting(&sim);
    terminal.type_in("\x03");
    terminal.wait_for("interrupted: no device was written");
    assert_eq!(terminal.finish().status, None, "a shell wants to see the signal");
    let sim = simulator().fault("devices=stall".parse().unwrap()).start().unwrap();
    let terminal = waiting(&sim);
    Command::new("kill").arg(terminal.id().to_string()).status().unwrap();
    assert_eq!(terminal.finish().status, None);
}

#[test]
fn ctrl_c_in_a_downlink_says_what_may_have_happened() {
    let sim = simulator().fault("downlinks=stall-after".parse().unwrap()).start().unwrap();
    let downlink = ["downlink", "send", "0059AC0000181EB6", "--port", "1", "--hex", "01"];
    let mut terminal = Terminal::start(sim.command(&downlink), 120, 24);
    terminal.wait_until(|| sim.downlinks_received() == 1);
    terminal.type_in("\x03");
    let left = terminal.finish();
    assert_eq!(left.status, Some(4), "{left:?}");
    let reference = sim.downlinks()[0].external_reference.clone().unwrap();
    for part in ["error: interrupted while the request was in flight\n", &reference, "\noutcome: Unknown: "] {
        assert!(left.screen.contains(part), "{part:?} is not in {left:?}");
    }
}

#[test]
fn a_signal_erases_the_progress_of_any_command() {
    let sim = simulator().fault("devices=stall".parse().unwrap()).start().unwrap();
    let mut terminal = Terminal::start(sim.command(&["devices", "get", "Valve"]), 120, 24);
    terminal.wait_for("/api/devices, 1 s");
    terminal.type_in("\x03");
    let left = terminal.finish();
    assert_eq!((left.status, &*left.screen), (None, ""), "{left:?}");
}

#[test]
fn an_interrupted_listing_says_how_much_of_it_there_is() {
    let sim = simulator().devices(60).page_size_cap(20);
    let sim = sim.fault("devices@3=stall".parse().unwrap()).start().unwrap();
    let out = File::create(path("interrupted.json")).unwrap();
    let args = ["devices", "list", "--plain", "--window", "1", "--json"];
    let mut terminal = Terminal::start_with(sim.command(&args), 120, 24, |command| command.stdout(out));
    terminal.wait_for("40 of 60 devices, 2 pages, ");
    terminal.type_in("\x03");
    let left = terminal.finish();
    assert!(left.screen.ends_with("\ninterrupted: the output is incomplete: 40 of 60 devices"), "{left:?}");
    assert!(!left.screen.contains("pages"), "the progress is erased: {left:?}");
    assert_eq!(read_to_string(path("interrupted.json")).unwrap().lines().count(), 41);
}

/// A listing of 60 devices, whose third page waits for so many seconds before it is retried.
fn slow(seconds: u32) -> Sim {
    let sim = simulator().devices(60).page_size_cap(20);
    let fault = format!("devices@3=status:503,Retry-After:{seconds}");
    sim.fault(fault.parse().unwrap()).start().unwrap()
}

const SLOW: [&str; 6] = ["devices", "list", "--plain", "--window", "1", "--ndjson"];

#[test]
fn progress_is_shown_with_waits_and_erased_at_the_end() {
    let sim = slow(3);
    let file = File::create(path("progress.ndjson")).unwrap();
    let mut terminal = Terminal::start_with(sim.command(&SLOW), 120, 24, |command| command.stdout(file));
    terminal.wait_for("40 of 60 devices, 2 pages, ");
    terminal.wait_for("s after 503 Service Unavailable");
    let left = terminal.finish();
    assert_eq!((left.status, &*left.screen), (Some(0), "60 devices on 3 pages"), "{left:?}");
    assert_eq!(read_to_string(path("progress.ndjson")).unwrap().lines().count(), 60);
}

#[test]
fn progress_and_data_share_a_terminal() {
    let sim = slow(3);
    let mut terminal = Terminal::start(sim.command(&SLOW), 400, 100);
    terminal.wait_for("40 of 60 devices");
    let left = terminal.finish();
    let lines: Vec<_> = left.screen.lines().collect();
    assert_eq!((left.status, lines.len()), (Some(0), 61), "{left:?}");
    assert!(lines[..60].iter().all(|line| line.starts_with("{\"uuid\"")), "{left:?}");
    assert_eq!(lines[60], "60 devices on 3 pages");
}

#[test]
fn progress_fits_its_line_in_a_narrow_terminal() {
    let sim = slow(3);
    let file = File::create(path("narrow.ndjson")).unwrap();
    let mut terminal = Terminal::start_with(sim.command(&SLOW), 20, 24, |command| command.stdout(file));
    terminal.wait_for("40 of 60 devices, …");
    assert_eq!(terminal.screen().lines().count(), 1);
    assert_eq!(terminal.finish().screen, "60 devices on 3 pages");
}

#[test]
fn a_call_that_waits_shows_its_request() {
    let sim = simulator().fault("downlinks@1=status:503,Retry-After:2".parse().unwrap()).start().unwrap();
    let args = ["downlink", "send", "0059AC0000181EB6", "--port", "1", "--hex", "01"];
    let mut terminal = Terminal::start(sim.command(&args), 120, 24);
    terminal.wait_for("/api/actuator/downlinks, 1 s, waiting ");
    let left = terminal.finish();
    assert_eq!(left.status, Some(0));
    assert!(left.screen.starts_with("accepted: "), "{left:?}");
}

#[test]
fn nothing_is_drawn_where_nobody_looks() {
    let drawn = |args: &[&str], variable: (&str, &str)| {
        let sim = slow(2);
        let mut command = sim.command(&[&SLOW[..], args].concat());
        command.env(variable.0, variable.1);
        Terminal::start(command, 400, 100).finish().written.contains("\x1b[K")
    };
    assert!(drawn(&[], ("TERM", "xterm")));
    assert!(!drawn(&["--quiet"], ("TERM", "xterm")));
    assert!(!drawn(&["--verbose"], ("TERM", "xterm")));
    assert!(!drawn(&[], ("TERM", "dumb")));
    assert!(!slow(2).things(&SLOW).exits(0).err.contains('\x1b'));
}

#[test]
fn results_are_colored_at_a_terminal_and_nowhere_else() {
    let sim = simulator().start().unwrap();
    let written = Terminal::start(sim.command(&["auth", "check"]), 120, 40).finish().written;
    assert!(written.contains("\x1b[32mok    \x1b[0m  settings"), "{written:?}");
    assert!(!sim.things(&["auth", "check"]).exits(0).out.contains('\x1b'));
    let args = ["customer", "switch", "stranger", "--color", "always"];
    sim.things(&args).exits(1).prints("\x1b[31mnot granted:\x1b[0m this API key");
}

#[test]
fn errors_are_colored_at_a_terminal() {
    let colored = |args: &[&str], variable: (&str, &str)| {
        let mut command = crate::tool::command(&[&["devices", "list"], args].concat());
        command.env(variable.0, variable.1);
        let left = Terminal::start(command, 80, 24).finish();
        assert!(left.screen.starts_with("error: "), "{left:?}");
        left.written.contains("\x1b[31merror:")
    };
    assert!(colored(&[], ("TERM", "xterm")));
    assert!(!colored(&[], ("TERM", "dumb")));
    assert!(!colored(&[], ("NO_COLOR", "1")));
    assert!(!colored(&["--color", "never"], ("TERM", "xterm")));
    assert!(colored(&["--color", "always"], ("NO_COLOR", "1")));
}

#[test]
fn a_simulator_that_waits_shows_no_progress() {
    let mut terminal = Terminal::start(crate::tool::command(&["sim", "--devices", "1"]), 120, 24);
    terminal.wait_for("things auth check");
    // As long as it takes until another command shows its progress.
    let sim = slow(2);
    let file = File::create(path("beside-a-simulator.ndjson")).unwrap();
    let mut other = Terminal::start_with(sim.command(&SLOW), 120, 24, |command| command.stdout(file));
    other.wait_for("40 of 60 devices, 2 pages, ");
    terminal.type_in("\x03");
    let left = terminal.finish();
    assert!(!left.written.contains("\x1b[K") && !left.written.contains(", 1 s"), "{left:?}");
}

#[test]
fn a_body_ends_its_line_in_a_terminal_of_any_width() {
    for columns in [0, 80] {
        let sim = simulator().devices(1).start().unwrap();
        let get = |path: &str| {
            Terminal::start(sim.command(&["api", path, "--color", "never"]), columns, columns / 2).finish()
        };
        let left = get("/api/devices");
        assert!(left.written.ends_with("}\r\n"), "{left:?}");
        let left = get("/api/no-such-path");
        assert!(left.written.contains("}\r\nerror: 404"), "{left:?}");
    }
}
