//! What a person sees at a terminal.

use std::process::Command;

use things_sim::{Route, Sim};

use crate::terminal::Terminal;
use crate::tool::{Tool, simulator};

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
    terminal.wait_for("^C");
    assert_ne!(terminal.finish().status, Some(0));
    let sim = simulator().fault("devices=stall".parse().unwrap()).start().unwrap();
    let terminal = waiting(&sim);
    Command::new("kill").arg(terminal.id().to_string()).status().unwrap();
    assert_ne!(terminal.finish().status, Some(0));
}
