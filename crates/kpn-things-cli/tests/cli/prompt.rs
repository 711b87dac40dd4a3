//! What the tool asks for at a terminal.

use things_sim::Sim;

use crate::terminal::Terminal;
use crate::tool::{Tool, simulator};

const SECRET: &str = "secret-that-is-typed";

/// A simulator whose key has a secret that can be typed.
fn typeable() -> Sim {
    let credentials = things_sim::SimCredentials {
        tenant_id: "rjsfm52t".into(),
        application_id: "4dc82561-f65f-523g-dek9-6c79ec314f02".into(),
        key_id: "key-1".into(),
        key_secret: SECRET.into(),
    };
    Sim::builder().devices(2).credentials(credentials).start().unwrap()
}

#[test]
fn a_secret_is_asked_for_and_not_shown() {
    let sim = typeable();
    let mut command = sim.command(&["devices", "list", "--key-secret-file", "-"]);
    command.env_remove("KPN_THINGS_KEY_SECRET");
    let mut terminal = Terminal::start(command, 100, 24);
    terminal.wait_for("Enter the key secret (it is not shown): ");
    // The tool prints the question before it turns the echo of the terminal off.
    terminal.wait_for_hidden_input();
    terminal.type_in(SECRET);
    terminal.type_in("\r");
    let left = terminal.finish();
    assert_eq!(left.status, Some(0), "{left:?}");
    assert!(left.screen.contains("2 devices"), "{left:?}");
    assert!(!left.written.contains(SECRET), "{left:?}");
}

#[test]
fn nothing_typed_is_no_secret() {
    let sim = typeable();
    let args = ["devices", "list", "--security-context-file", "-"];
    let mut terminal = Terminal::start(sim.command(&args), 100, 24);
    terminal.wait_for("Enter the security context (it is not shown): ");
    terminal.type_in("\r");
    let left = terminal.finish();
    assert_eq!(left.status, Some(2), "{left:?}");
    assert!(left.screen.contains("error: the security context is empty: nothing was typed"), "{left:?}");
    assert_eq!(sim.calls_total(), 0);
}

#[test]
fn ctrl_c_ends_a_question_and_the_terminal_shows_again_what_is_typed() {
    let sim = typeable();
    let args = ["devices", "list", "--key-secret-file", "-"];
    let mut terminal = Terminal::start(sim.command(&args), 100, 24);
    terminal.wait_for("(it is not shown): ");
    terminal.wait_for_hidden_input();
    terminal.type_in("\x03");
    terminal.wait_until_input_is_shown(true);
    assert_eq!(terminal.finish().status, None, "the signal ends the tool");
    assert_eq!(sim.calls_total(), 0);
}

#[test]
fn input_of_several_lines_says_how_to_end_it() {
    let sim = simulator().start().unwrap();
    let args = ["downlink", "send", "0059AC0000181EB6", "--senml", "-"];
    let mut terminal = Terminal::start(sim.command(&args), 100, 24);
    terminal.wait_for("Type or paste the SenML; end with Ctrl-D on a new line.");
    terminal.type_in("[{\"n\":\"setpoint\",\"v\":21.5}]\r\x04");
    let left = terminal.finish();
    assert_eq!(left.status, Some(0), "{left:?}");
    assert_eq!(sim.downlinks_received(), 1);
}
