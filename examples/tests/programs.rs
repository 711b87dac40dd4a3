//! The programs, run as their users run them, against the simulator.

// The helpers of a test may fail as its assertions do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::process::Command;

use things_sim::{DeviceSpec, Route, Sim, SimBuilder};

const BLOCKING: &str = env!("CARGO_BIN_EXE_blocking");
const ASYNC: &str = env!("CARGO_BIN_EXE_async");
const THIRD_TRANSPORT: &str = env!("CARGO_BIN_EXE_third_transport");

/// What a program printed, and on standard error.
struct Ran {
    success: bool,
    out: Vec<String>,
    err: String,
}

/// Runs a program in the simulator's environment.
fn run(program: &str, sim: &Sim) -> Ran {
    let output = Command::new(program).env_clear().envs(sim.environment()).output().unwrap();
    Ran {
        success: output.status.success(),
        out: String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn names() -> Vec<String> {
    (0..150).map(|number| format!("Parking {number:03}")).collect()
}

/// A hundred and fifty parking places, and a gate.
/// Devices are listed in the order of their uuid, which says nothing of their names.
fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort();
    names
}

fn simulator() -> SimBuilder {
    let names = names().into_iter().chain(["Gate".to_owned()]);
    names.map(DeviceSpec::named).fold(Sim::builder().devices(0), SimBuilder::device)
}

#[test]
fn both_clients_list_what_is_searched_for_and_send_a_downlink() {
    for program in [BLOCKING, ASYNC] {
        let sim = simulator().start().unwrap();
        let ran = run(program, &sim);
        assert!(ran.success && ran.err.is_empty(), "{program}: {}", ran.err);
        let (queued, listed) = ran.out.split_last().unwrap();
        assert_eq!((queued.as_str(), sorted(listed)), ("queued: 201 Created", names()));
        assert_eq!(sim.calls(Route::Devices), 2);
        let received = &sim.downlinks()[0];
        assert_eq!(
            (received.port.as_deref(), received.external_reference.as_deref()),
            (Some("1"), Some("valve-42"))
        );
    }
}

#[test]
fn both_clients_tell_a_downlink_that_may_have_arrived_from_one_that_has_not() {
    for program in [BLOCKING, ASYNC] {
        for (fault, told) in [
            ("downlinks=drop-after", "check the portal before you send it again: "),
            ("downlinks=status:400", "not queued: "),
        ] {
            let sim = simulator().fault(fault.parse().unwrap()).start().unwrap();
            let ran = run(program, &sim);
            assert!(ran.err.starts_with(told), "{program}, {fault}: {}", ran.err);
            assert_eq!((sorted(&ran.out), sim.calls(Route::Downlinks)), (names(), 1));
        }
    }
}

#[test]
fn both_clients_fail_where_the_devices_cannot_be_listed() {
    for program in [BLOCKING, ASYNC] {
        let sim = simulator().without_access().start().unwrap();
        let ran = run(program, &sim);
        assert!(!ran.success && ran.out.is_empty() && ran.err.contains("302"), "{program}: {}", ran.err);
    }
}

#[test]
fn the_third_transport_lists_every_device() {
    let sim = simulator().start().unwrap();
    let ran = run(THIRD_TRANSPORT, &sim);
    assert!(ran.success && ran.err.is_empty(), "{}", ran.err);
    assert_eq!(sorted(&ran.out), [vec!["Gate".to_owned()], names()].concat());
}
