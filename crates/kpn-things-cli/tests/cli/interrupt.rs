//! Ctrl-C and SIGTERM while a command is in progress.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use things_sim::{Route, Sim};
use things_tests::canary::{Canary, assert_clean};

use crate::tool::{Tool, simulator};

const DOWNLINK: &[&str] =
    &["downlink", "send", "0059AC0000181EB6", "--port", "1", "--hex", "0102", "--reference", "valve-42"];

/// Runs the tool until `ready`, sends it the signal, and returns what it left behind.
fn interrupted(sim: &Sim, args: &[&str], signal: &str, ready: impl Fn(&Sim) -> bool) -> Output {
    let child = sim.command(args).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while !ready(sim) {
        assert!(Instant::now() < end, "the tool did not get there");
        thread::yield_now();
    }
    kill(&child, signal);
    let output = child.wait_with_output().unwrap();
    let written = [&output.stdout[..], &output.stderr[..]].concat();
    assert_clean("the output", &written, &Canary::known());
    output
}

fn kill(child: &Child, signal: &str) {
    let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn a_downlink_in_flight_is_reported_as_unknown() {
    for signal in ["INT", "TERM"] {
        for (fault, received) in [("downlinks=stall-after", 1), ("downlinks=stall", 0)] {
            let sim = simulator().fault(fault.parse().unwrap()).start().unwrap();
            let output = interrupted(&sim, DOWNLINK, signal, |sim| {
                (sim.calls(Route::Downlinks), sim.downlinks_received()) == (1, received)
            });
            let err = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(4), "{signal} {fault}: {err}");
            let [_, error, downlink, outcome, hint] = err.lines().collect::<Vec<_>>()[..] else {
                panic!("{err}")
            };
            assert_eq!(error, "error: interrupted while the request was in flight");
            assert!(
                downlink.starts_with("downlink: device 0059AC0000181EB6, port 1, reference valve-42, 20")
                    && downlink.ends_with('Z'),
                "{downlink}"
            );
            assert_eq!(outcome, "outcome: Unknown: it may have arrived, and it was not retried");
            assert_eq!(
                hint,
                "hint: before you send it again, look for it in the KPN Things portal, or with: things api GET \
                 /downlinks --query q=urn:dev:DEVEUI:0059AC0000181EB6:"
            );
            assert_eq!((&*output.stdout, sim.downlinks_received()), (&b""[..], received));
        }
    }
}

#[test]
fn a_generated_reference_is_reported() {
    let sim = simulator().fault("downlinks=stall-after".parse().unwrap()).start().unwrap();
    let output = interrupted(&sim, &DOWNLINK[..7], "INT", |sim| sim.downlinks_received() == 1);
    let reference = sim.downlinks()[0].external_reference.clone().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains(&format!("reference {reference}, ")), "{err}");
}

#[test]
fn a_downlink_that_was_not_sent_yet_ends_with_the_signal() {
    for (signal, number) in [("INT", 2), ("TERM", 15)] {
        let sim = simulator().fault("token=stall".parse().unwrap()).start().unwrap();
        let output = interrupted(&sim, DOWNLINK, signal, |sim| sim.calls(Route::Token) == 1);
        // A shell reports this as 130 or 143.
        assert_eq!(output.status.signal(), Some(number));
        assert_eq!(output.stderr, b"\ninterrupted: the downlink was not sent\n");
        assert_eq!(sim.calls(Route::Downlinks), 0);
    }
}

#[test]
fn a_raw_call_in_flight_is_reported_as_unknown() {
    let sim = simulator().fault("other=stall".parse().unwrap()).start().unwrap();
    let args = ["api", "POST", "/lora/downlinks", "--data", "{}"];
    let output = interrupted(&sim, &args, "INT", |sim| sim.calls(Route::Other) == 1);
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{err}");
    assert!(err.contains("\ncall: POST /lora/downlinks, 20") && err.contains("\noutcome: Unknown"), "{err}");
}

#[test]
fn a_read_ends_with_the_signal() {
    let sim = simulator().fault("other=stall".parse().unwrap()).start().unwrap();
    let output = interrupted(&sim, &["api", "GET", "/devices"], "TERM", |sim| sim.calls(Route::Other) == 1);
    assert_eq!((output.status.signal(), &*output.stderr), (Some(15), &b""[..]));
}
