use std::io::{BufRead, BufReader};
use std::process::Child;

use things_sim::Sim;

use crate::tool::{Tool, finish, simulator};

fn list(sim: &Sim, format: &str) -> Child {
    sim.command(&["devices", "list", format]).spawn().unwrap()
}

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

/// The largest memory the tool had, in KiB, when it had printed all devices but what fits a few buffers.
#[cfg(target_os = "linux")]
fn peak_memory(devices: usize, format: &str) -> u64 {
    let sim = simulator().devices(devices).start().unwrap();
    let mut child = list(&sim, format);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The rest is larger than the pipe and the tool's buffer, so that it is still there to be looked at.
    let seen = lines.by_ref().take(devices - 1_000).count();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let rest = lines.count();
    let ran = finish(child).exits(0);
    assert!((devices..=devices + 2).contains(&(seen + rest)), "{seen} and {rest} lines");
    let expected =
        if devices == 100_000 { "100,000 devices on 5,000 pages\n" } else { "2,000 devices on 100 pages\n" };
    assert_eq!(ran.err, expected);
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_the_fleet() {
    for format in ["--ndjson", "--json", "--csv"] {
        let (small, large) = (peak_memory(2_000, format), peak_memory(100_000, format));
        assert!(large < small + 3 * 1024, "{format}: {small} KiB for 2,000 devices, {large} KiB for 100,000");
    }
}
