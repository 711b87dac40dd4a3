use std::io::{BufRead, BufReader};

use crate::tool::{Tool, finish, simulator};
#[cfg(target_os = "linux")]
use crate::wire::Wire;

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let sim = simulator().devices(20_000).start().unwrap();
    for args in [&[][..], &["--json"], &["--ndjson"], &["--csv"]] {
        let mut child = sim.command(&[&["devices", "list"], args].concat()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'));
        let ran = finish(child).exits(0);
        assert_eq!(ran.err, "");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_output_that_is_full_is_a_failure() {
    let sim = simulator().start().unwrap();
    for args in [&["devices", "list"][..], &["auth", "check"], &["demo"], &["--help"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let ran = finish(sim.command(args).stdout(full).spawn().unwrap()).exits(1);
        assert!(ran.err.starts_with("error: the output cannot be written: "), "{ran:?}");
    }
}

/// A user who sees a failure would make the call again.
#[test]
#[cfg(target_os = "linux")]
fn a_call_that_was_accepted_is_no_failure_though_its_response_cannot_be_written() {
    // The response is larger than the buffer of the tool.
    let wire = Wire::start(|_| (201, format!("{:?}", "x".repeat(100_000))));
    let downlink = ["downlink", "send", "0059AC0000181EB6", "--port", "1", "--hex", "01"];
    for args in [&downlink[..], &["api", "POST", "/lora/downlinks", "--data", "[]", "--include"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let ran = finish(wire.command(args).stdout(full).spawn().unwrap()).exits(0);
        ran.complains("warning: the service accepted it, but the response cannot be written: ");
    }
    assert_eq!(wire.requests(), 2);
}

/// The largest memory the tool had, in KiB, when it had printed all devices but what fits a few buffers.
#[cfg(target_os = "linux")]
fn peak_memory(devices: usize, args: &[&str]) -> u64 {
    let sim = simulator().devices(devices).start().unwrap();
    let mut child = sim.command(&[&["devices", "list"], args].concat()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The rest is larger than the pipe and the tool's buffer, so that the tool is still there to be looked at.
    let seen = lines.by_ref().take(devices - 1_000).count();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let rest = lines.count();
    finish(child).exits(0);
    // Two lines more are the brackets of an array, one the heading of CSV.
    assert!((devices..=devices + 2).contains(&(seen + rest)), "{seen} and {rest} lines");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_the_fleet() {
    for (few, args) in [
        (2_000, &["--ndjson"][..]),
        (2_000, &["--json"]),
        (2_000, &["--csv"]),
        (2_000, &["--plain"]),
        (20_000, &["--ndjson", "--page-size", "1000"]),
    ] {
        let (small, large) = (peak_memory(few, args), peak_memory(100_000, args));
        // A listing remembers 16 bytes of each device, in a set that is up to half empty.
        assert!(large < small + 6 * 1024, "{args:?}: {small} KiB for {few} devices, {large} KiB for 100,000");
    }
}

#[test]
fn a_large_fleet_is_listed_whole() {
    let sim = simulator().devices(100_000).start().unwrap();
    let ran = sim.things(&["devices", "list", "--ndjson"]).exits(0);
    assert_eq!(ran.out.lines().count(), 100_000);
    assert_eq!(ran.err, "100,000 devices, proven complete with 1,153 requests\n");
}
