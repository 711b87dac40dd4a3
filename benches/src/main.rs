//! Measures the speed targets: ours and the same written by hand, alternating in one run, as medians of ratios.
//!
//! `cargo xtask bench` builds and runs it. An argument that names a target, such as `S9`, runs that one alone.

// A benchmark that cannot go on should stop and say where.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bulk;
mod by_hand;
mod call;
mod decode;
mod downlink;
mod inbox;
mod listing;
mod memory;
mod receiver;
mod report;
mod senml;
mod size;
mod token;
mod workers;

use std::path::Path;

use report::Report;

/// Targets, and what measures them.
type Part = (&'static [&'static str], fn(&mut Report));

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        // Parts that run in a process of their own.
        ["child", "listing"] => listing::child(),
        ["child", "downlink"] => downlink::child(),
        ["child", "memory"] => memory::child(),
        ["child", "bulk", kind, items, path] => {
            bulk::run_child(kind, items.parse().expect("a number of items"), Path::new(path));
        }
        ["child", "receive", kind] => receiver::child(kind, None),
        ["child", "receive", kind, inbox] => receiver::child(kind, Some(inbox)),
        ["child", "call", how, calls] => call::child(how, calls.parse().expect("a number of calls")),
        chosen => {
            let wanted =
                |name: &str| chosen.is_empty() || chosen.iter().any(|one| one.eq_ignore_ascii_case(name));
            let mut report = Report::start();
            let parts: [Part; 14] = [
                (&["S1", "S2"], listing::measure),
                (&["S3"], listing::measure_latency),
                (&["S9"], decode::measure),
                (&["S11"], memory::measure),
                (&["S13", "S14"], size::measure),
                (&["S15"], call::measure),
                (&["S15b"], downlink::measure),
                (&["S16", "S17", "S18"], bulk::measure),
                (&["S19"], workers::measure),
                (&["S21"], bulk::measure_memory),
                (&["S22"], receiver::measure_verification),
                (&["S23", "S24"], receiver::measure_storage),
                (&["S25", "S26"], senml::measure),
                (&["S28"], token::measure),
            ];
            for (names, measure) in parts {
                if names.iter().any(|name| wanted(name)) {
                    measure(&mut report);
                }
            }
            report.print();
        }
    }
}
