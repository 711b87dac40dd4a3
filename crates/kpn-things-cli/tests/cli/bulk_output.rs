//! What the commands for files of downlinks print, kept in `snapshots/`.

use things_sim::Sim;

use crate::bulk::Desk;
use crate::tool::{Ran, simulator};

/// Three downlinks of which one is refused and one is lost.
fn sent(desk: &Desk) -> (Sim, Ran) {
    let sim = simulator().fault("downlinks@2=status:400".parse().unwrap());
    let sim = sim.fault("downlinks@3=drop-after".parse().unwrap()).start().unwrap();
    let file = desk.valves(4);
    let ran = desk.things(&sim, &["downlink", "bulk", &file, "--window", "1"]);
    (sim, ran)
}

/// What a command printed, without what differs from run to run.
fn printed(desk: &Desk, sim: &Sim, ran: &Ran) -> String {
    let folder = desk.folder.to_str().unwrap();
    let id = desk.id();
    let [out, err] = [&ran.out, &ran.err].map(|text| {
        let text = text.replace(sim.url(), "http://simulator").replace(&id, "JOB").replace(folder, "FOLDER");
        let text: String = text.lines().map(|line| without_times(line) + "\n").collect();
        (1..=60).fold(text, |text, seconds| text.replace(&format!("wait {seconds} s"), "wait N s"))
    });
    format!("exit status: {}\n--- stdout\n{out}--- stderr\n{err}", ran.status)
}

/// The line with a word in place of each time and digest.
fn without_times(line: &str) -> String {
    let is_part = |char: char| char.is_ascii_alphanumeric() || "-:".contains(char);
    let mut text = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(is_part) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|char| !is_part(char)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        let is_time = word.len() == 20 && word.starts_with("20") && word.ends_with('Z');
        let is_digest = word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        text += before;
        text += if is_time {
            "2026-01-01T00:00:00Z"
        } else if is_digest {
            "DIGEST"
        } else {
            word
        };
        rest = after;
    }
    text + rest
}

#[test]
fn bulk() {
    let desk = Desk::new("output-bulk");
    let (sim, ran) = sent(&desk);
    insta::assert_snapshot!(printed(&desk, &sim, &ran));
}

/// A command of `things downlink jobs` after a run.
fn jobs(name: &str, args: &[&str]) -> String {
    let desk = Desk::new(&format!("output-{name}"));
    let (sim, _) = sent(&desk);
    let id = desk.id();
    let args: Vec<&str> = args.iter().map(|arg| if *arg == "JOB" { &*id } else { *arg }).collect();
    let ran = desk.jobs(&args);
    printed(&desk, &sim, &ran)
}

macro_rules! snapshots {
    ($($name:ident: $args:expr,)+) => {
        $(#[test]
        fn $name() {
            insta::assert_snapshot!(jobs(stringify!($name), &$args));
        })+
    };
}

snapshots! {
    list: ["list"],
    list_as_json: ["list", "--json"],
    show: ["show", "JOB"],
    show_the_unknown: ["show", "JOB", "--with", "unknown"],
    show_what_was_not_sent_as_json: ["show", "JOB", "--with", "not-sent", "--json"],
    show_what_is_left: ["show", "JOB", "--with", "pending"],
    export_as_csv: ["export", "JOB", "--csv"],
    export_as_ndjson: ["export", "JOB", "--ndjson"],
    resolve_what_was_accepted: ["resolve", "JOB", "2", "accepted"],
    resolve_as_not_sent_without_a_terminal: ["resolve", "JOB", "valve-4", "not-sent"],
    resolve_as_not_sent_too_early: ["resolve", "JOB", "valve-4", "not-sent", "--yes"],
    remove_what_has_unknown_outcomes: ["remove", "JOB"],
}
