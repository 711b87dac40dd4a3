//! `things downlink bulk` and `things downlink jobs`: files of downlinks, each sent at most once.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::Value;
use things_sim::{Sim, SimBuilder};

use crate::tool::{Ran, Tool, bare, finish, folder, run, run_with_input, simulator};

/// A folder for a ledger and its file of downlinks.
pub(crate) struct Desk {
    pub(crate) folder: PathBuf,
}

impl Desk {
    /// An empty folder. The name is the test's own.
    pub(crate) fn new(name: &str) -> Self {
        Self { folder: folder(&format!("bulk-{name}")) }
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).into_os_string().into_string().unwrap()
    }

    pub(crate) fn ledger(&self) -> String {
        self.path("ledger.db")
    }

    /// A file with so many downlinks, each to another device, with the references valve-2 (on line 2) and on.
    pub(crate) fn valves(&self, count: u32) -> String {
        let rows = (2..count + 2).map(|line| format!("0059AC00{line:08X},1,0102,valve-{line}\n"));
        self.file("valves.csv", &format!("dev_eui,port,hex,reference\n{}", rows.collect::<String>()))
    }

    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        fs::write(self.folder.join(name), content).unwrap();
        self.path(name)
    }

    /// The command with this ledger.
    pub(crate) fn command(&self, sim: &Sim, args: &[&str]) -> Command {
        sim.command(&[args, &["--ledger", &self.ledger()]].concat())
    }

    pub(crate) fn things(&self, sim: &Sim, args: &[&str]) -> Ran {
        run(self.command(sim, args))
    }

    /// Sends a file.
    fn bulk(&self, sim: &Sim, file: &str, args: &[&str]) -> Ran {
        self.things(sim, &[&["downlink", "bulk", file], args].concat())
    }

    pub(crate) fn jobs(&self, args: &[&str]) -> Ran {
        bare(&[&["downlink", "jobs"], args, &["--ledger", &self.ledger()]].concat())
    }

    /// Sends the rest of a job.
    fn resume(&self, sim: &Sim, job: &str, args: &[&str]) -> Ran {
        self.things(sim, &[&["downlink", "jobs", "resume", job], args].concat())
    }

    /// The only job of the ledger.
    pub(crate) fn job(&self) -> Value {
        let jobs = self.jobs(&["list", "--json"]).exits(0).json();
        assert_eq!(jobs.as_array().unwrap().len(), 1, "{jobs}");
        jobs[0].clone()
    }

    /// Lets the time pass in which a request can still be in flight.
    pub(crate) fn end_leases(&self) {
        let ledger = rusqlite::Connection::open(self.ledger()).unwrap();
        ledger.execute("UPDATE item SET lease_until = 0", []).unwrap();
    }

    pub(crate) fn id(&self) -> String {
        self.job()["job"].as_str().unwrap().to_owned()
    }
}

/// A simulator with these faults, which are separated by semicolons.
fn sim(faults: &str) -> Sim {
    let add = |sim: SimBuilder, fault: &str| sim.fault(fault.parse().unwrap());
    faults.split(';').fold(simulator(), add).start().unwrap()
}

fn rows(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How often each outcome is in a report.
fn outcomes(ran: &Ran) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for row in rows(ran) {
        *counts.entry(row["outcome"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

/// Asserts that no reference was received twice.
#[track_caller]
fn assert_no_duplicates(sim: &Sim) {
    let mut counts: HashMap<String, u32> = HashMap::new();
    for downlink in sim.downlinks() {
        *counts.entry(downlink.external_reference.unwrap()).or_default() += 1;
    }
    let twice: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn every_downlink_of_a_file_is_sent_and_reported() {
    let (desk, sim) = (Desk::new("sent"), simulator().start().unwrap());
    let ran = desk.bulk(&sim, &desk.valves(20), &["--ndjson"]).exits(0);
    assert_eq!(sim.downlinks_received(), 20);
    assert_no_duplicates(&sim);
    let first = &rows(&ran)[0];
    let ended = first["ended"].as_str().unwrap();
    assert!(ended.len() == "2026-07-01T09:30:00Z".len() && ended.ends_with('Z'), "{first}");
    let expected = serde_json::json!({
        "line": 2, "device": "0059AC0000000002", "customer": null, "reference": "valve-2", "port": 1,
        "outcome": "accepted", "tries": 1, "status": 201,
        "detail": r#"{"externalReference":"valve-2","state":"Pending"}"#, "ended": ended,
    });
    assert_eq!(first, &expected);
    assert_eq!(outcomes(&ran), HashMap::from([("accepted".into(), 20)]));
    assert!(ran.err.starts_with(&format!("job: {}\n", desk.id())), "{ran:?}");
    let job = desk.job();
    assert_eq!((&job["total"], &job["accepted"], &job["pending"]), (&20.into(), &20.into(), &0.into()));
}

#[test]
fn what_is_not_accepted_for_a_while_arrives_in_the_end() {
    let desk = Desk::new("429");
    let sim = sim("downlinks@30%=status:429,Retry-After:0");
    let ran = desk.bulk(&sim, &desk.valves(300), &["--yes", "--ndjson"]).exits(0);
    assert_eq!(outcomes(&ran), HashMap::from([("accepted".into(), 300)]));
    assert_eq!(sim.downlinks_received(), 300);
    assert_no_duplicates(&sim);
}

#[test]
fn an_unknown_outcome_is_not_sent_again_before_it_is_resolved() {
    let desk = Desk::new("unknown");
    let sim = sim("downlinks@3-4=drop-after");
    let ran = desk.bulk(&sim, &desk.valves(10), &["--window", "1", "--ndjson"]).exits(4);
    assert_eq!(outcomes(&ran), HashMap::from([("accepted".into(), 8), ("unknown".into(), 2)]));
    ran.complains("10 downlinks: 8 accepted, 2 unknown\nhint: unknown ones may have arrived");
    let id = desk.id();
    desk.resume(&sim, &id, &[]).exits(4);
    assert_eq!(sim.downlinks_received(), 10);
    let shown = desk.jobs(&["show", &id, "--with", "unknown", "--json"]).exits(0).json();
    let lines: Vec<_> = shown["items"].as_array().unwrap().iter().map(|item| item["line"].clone()).collect();
    assert_eq!(lines, [4, 5]);
    // By its line, and by its reference.
    desk.jobs(&["resolve", &id, "4", "accepted"])
        .exits(0)
        .complains("resolved: line 4, device 0059AC0000000004, reference valve-4: accepted");
    desk.jobs(&["resolve", &id, "valve-5", "not-sent", "--yes"])
        .exits(1)
        .complains("in flight")
        .complains("hint: wait ");
    desk.end_leases();
    let ran = desk.jobs(&["resolve", &id, "valve-5", "not-sent"]).exits(2);
    ran.complains("the device gets it twice")
        .complains("hint: if you are sure that it did not arrive, add --yes");
    desk.jobs(&["resolve", &id, "valve-5", "not-sent", "--yes"])
        .exits(0)
        .complains(&format!("things downlink jobs resume {id} --ledger {}", desk.ledger()));
    desk.resume(&sim, &id, &[]).exits(0).complains("10 downlinks: 10 accepted");
    let again = sim.downlinks().pop().unwrap().external_reference;
    assert_eq!((again.as_deref(), sim.downlinks_received()), (Some("valve-5"), 11));
}

#[test]
fn what_the_service_has_is_shown_next_to_each_unknown_downlink() {
    let desk = Desk::new("reconcile");
    let sim = sim("downlinks@2=drop-after;downlinks@3=drop-before");
    desk.bulk(&sim, &desk.valves(3), &["--window", "1"]).exits(4);
    let (id, before) = (desk.id(), sim.downlinks_received());
    let show = ["downlink", "jobs", "show", &id, "--reconcile"];
    let ran = desk.things(&sim, &show).exits(0);
    let table: Vec<_> = ran.out.lines().skip_while(|line| !line.starts_with("LINE")).collect();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let [lost, never] = [words(table[1]), words(table[2])];
    assert_eq!((table.len(), &*lost[0], &*lost[2], &*lost[5]), (3, "3", "valve-3", "yes"), "{ran:?}");
    assert_eq!((&*never[0], never.last().map(String::as_str)), ("4", Some("nothing")), "{ran:?}");
    ran.complains("2 unknown downlinks: the service has downlinks for the devices of 1\n")
        .complains(&format!("hint: decide for each: things downlink jobs resolve {id} LINE accepted"));
    let shown = desk.things(&sim, &[&show[..], &["--json"]].concat()).exits(0).json();
    let found = |place: usize| shown["items"][place]["found"].clone();
    assert_eq!((&found(0)[0]["same_reference"], found(1)), (&true.into(), serde_json::json!([])));
    assert!(found(0)[0]["downlink"].is_object(), "{shown}");
    assert_eq!((sim.downlinks_received(), &desk.job()["unknown"]), (before, &2.into()), "nothing is changed");
    bare(&[&show[..], &["--with", "unknown"]].concat()).exits(2);
}

#[test]
fn several_downlinks_are_resolved_by_lines_ranges_and_references() {
    let desk = Desk::new("resolve-several");
    let sim = sim("downlinks@2-7=drop-after");
    desk.bulk(&sim, &desk.valves(8), &["--window", "1"]).exits(4);
    let id = desk.id();
    desk.jobs(&["resolve", &id, "2-3", "valve-5", "accepted"]).exits(0).complains(
        "resolved: line 3, device 0059AC0000000003, reference valve-3: accepted\nresolved: line 5, ",
    );
    assert_eq!(desk.job()["unknown"], 4);
    desk.end_leases();
    let ran = desk.jobs(&["resolve", &id, "4", "6-100", "not-sent"]).exits(2);
    ran.complains("error: 4 unknown downlinks may have arrived")
        .complains("hint: if you are sure that none of them arrived, add --yes");
    let ran = desk.jobs(&["resolve", &id, "4", "9-100", "accepted"]).exits(2);
    ran.complains("no unknown downlink on the lines 9-100");
    assert_eq!(desk.job()["unknown"], 4, "nothing is changed");
    desk.jobs(&["resolve", &id, "4", "6-100", "not-sent", "--yes"])
        .exits(0)
        .complains("hint: send them again");
    desk.resume(&sim, &id, &[]).exits(0).complains("8 downlinks: 8 accepted");
}

#[test]
fn a_run_that_waits_for_a_device_says_until_when() {
    let (desk, sim) = (Desk::new("waits"), simulator().start().unwrap());
    let rows = "dev_eui,port,hex\n0059AC0000000001,1,01\n0059AC0000000001,1,02\n0059AC0000000001,1,03\n";
    let file = desk.file("x.csv", rows);
    let mut child =
        desk.command(&sim, &["downlink", "bulk", &file, "--per-device", "1/day"]).spawn().unwrap();
    let mut messages = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let waits = "2 downlinks wait for --per-device 1/day; the next may be sent at 20";
    let told = messages.by_ref().find(|line| line.starts_with(waits)).expect("it says so");
    Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap();
    let rest: Vec<_> = messages.collect();
    child.wait().unwrap();
    let place = rest.iter().position(|line| line == "3 downlinks: 1 accepted, 2 left").unwrap();
    assert_eq!(rest[place + 1], told, "the summary has the reason");

    let mut again = desk.command(&sim, &["downlink", "jobs", "resume", &desk.id(), "--progress", "json"]);
    let mut child = again.spawn().unwrap();
    let mut messages = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let numbers = messages.find(|line| line.contains(r#""next_at":"20"#)).expect("the numbers have it");
    assert!(numbers.contains(r#""seconds_left":null"#), "{numbers}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(sim.downlinks_received(), 1);
}

#[test]
fn a_dry_run_says_that_devices_get_several_downlinks() {
    let (desk, sim) = (Desk::new("several"), simulator().start().unwrap());
    let file = desk.file("x.csv", "dev_eui,port,hex\n0059AC0000000001,1,01\n0059AC0000000001,1,01\n");
    desk.bulk(&sim, &file, &["--dry-run"])
        .exits(0)
        .complains("warning: lines 2 and 3 are the same downlink\n")
        .complains(
            "2 downlinks to 1 device would be sent, more than one of them to 1 device; nothing was sent",
        );
}

#[test]
fn what_the_service_does_not_show_is_not_taken_for_nothing() {
    let desk = Desk::new("not-known");
    let sim = sim("downlinks@2-3=drop-before;other@1=status:403");
    let row = "0059AC0000000001,1";
    let rows = format!("{row},01,other\n{row},02,refused\n{row},03,id\n");
    let file = desk.file("x.csv", &format!("dev_eui,port,hex,reference\n{rows}"));
    desk.bulk(&sim, &file, &["--window", "1"]).exits(4);
    let show = ["downlink", "jobs", "show", &desk.id(), "--reconcile"];
    let shown = desk.things(&sim, &[&show[..], &["--json"]].concat()).exits(0).json();
    let [refused, id] = [&shown["items"][0], &shown["items"][1]];
    assert_eq!((&refused["reference"], &refused["found"]), (&"refused".into(), &serde_json::json!([])));
    assert!(refused["error"].as_str().unwrap().contains("403"), "{shown}");
    assert_eq!(
        (&id["reference"], &id["found"][0]["same_reference"]),
        (&"id".into(), &false.into()),
        "{shown}"
    );
    sim.add_fault("other=status:403".parse().unwrap());
    let ran = desk.things(&sim, &show).exits(0);
    ran.prints("not known").complains("warning: the downlinks for the devices of 2 are not known");
}

#[test]
fn only_an_unknown_downlink_of_the_job_is_resolved() {
    let desk = Desk::new("resolve");
    let sim = sim("downlinks@2=drop-after");
    let file = desk.file("x.csv", "dev_eui,port,hex,reference\n0059AC0000000001,1,01,4\n0059AC0000000002,1,01,b\n0059AC0000000003,1,01,c\n");
    desk.bulk(&sim, &file, &["--window", "1"]).exits(4);
    let id = desk.id();
    for (item, message) in [
        ("2", "line 2, device 0059AC0000000001, reference 4 is not unknown: it is accepted"),
        ("9", "no downlink on line 9, and no unknown one with the reference \"9\""),
        ("valve", "reference \"valve\""),
    ] {
        let ran = desk.jobs(&["resolve", &id, item, "accepted"]).exits(2);
        ran.complains(message).complains(&format!("jobs show {id} --with unknown --ledger"));
    }
    desk.jobs(&["resolve", &id, "3", "lost"]).exits(2);
}

#[test]
fn the_number_of_a_line_that_is_another_reference_resolves_none() {
    let desk = Desk::new("numbers");
    let sim = sim("downlinks@1=drop-after");
    let row = |device: u32, reference: u32| format!("0059AC000000000{device},1,01,{reference}\n");
    let rows = [row(1, 3), row(2, 2), row(3, 4)].concat();
    let file = desk.file("x.csv", &format!("dev_eui,port,hex,reference\n{rows}"));
    desk.bulk(&sim, &file, &["--window", "1"]).exits(4);
    let ran = desk.jobs(&["resolve", &desk.id(), "2", "accepted"]).exits(2);
    ran.complains("\"2\" is the number of a line, and the reference of line 3, device 0059AC0000000002")
        .complains("name the downlink by its reference");
    desk.jobs(&["resolve", &desk.id(), "3", "accepted"]).exits(0).complains("resolved: line 2, ");
}

#[test]
fn a_job_is_not_resumed_with_another_end() {
    let (desk, sim) = (Desk::new("end"), simulator().start().unwrap());
    let file = desk.valves(2);
    let [end, other] = ["2999-01-01T00:00:00Z", "2999-02-01T00:00:00Z"];
    desk.bulk(&sim, &file, &["--not-after", end, "--create-only"]).exits(0);
    desk.jobs(&["show", &desk.id()]).exits(0).prints(end);
    let ran = desk.bulk(&sim, &file, &["--not-after", other]).exits(2);
    ran.complains("2 left, but not this --not-after\nhint: resume it without the option");
    assert_eq!(sim.calls_total(), 0);
}

/// Another program can create a job in which several downlinks have one reference.
#[test]
fn a_reference_of_several_downlinks_resolves_none() {
    let desk = Desk::new("ambiguous");
    let sim = sim("downlinks=drop-after");
    desk.bulk(&sim, &desk.valves(3), &[]).exits(4);
    let ledger = rusqlite::Connection::open(desk.ledger()).unwrap();
    let same =
        "UPDATE item SET downlink = replace(replace(downlink, 'valve-3', 'valve-2'), 'valve-4', 'valve-2')";
    assert_eq!(ledger.execute(same, []).unwrap(), 3);
    drop(ledger);
    let ran = desk.jobs(&["resolve", &desk.id(), "valve-2", "accepted"]).exits(2);
    ran.complains("\"valve-2\" names several of them, such as line 2, device 0059AC0000000002, ")
        .complains(", and line 3, device ");
    assert_eq!(desk.job()["unknown"], 3);
}

#[test]
fn what_is_refused_is_sent_again_only_if_the_user_says_so() {
    let desk = Desk::new("refused");
    let sim = sim("downlinks@1-3=status:400");
    let ran = desk.bulk(&sim, &desk.valves(5), &["--window", "1", "--csv"]).exits(1);
    let lines: Vec<_> = ran.out.lines().collect();
    assert_eq!(lines[0], "line,device,customer,reference,port,outcome,tries,status,detail,ended");
    assert!(lines[1].starts_with("2,0059AC0000000002,,valve-2,1,not_sent,1,400,"), "{ran:?}");
    assert_eq!(lines.len(), 6);
    let id = desk.id();
    ran.complains("5 downlinks: 2 accepted, 3 not sent")
        .complains(&format!("jobs resume {id} --again --ledger {}\n", desk.ledger()));
    desk.resume(&sim, &id, &[]).exits(1);
    assert_eq!(sim.downlinks_received(), 2);
    desk.resume(&sim, &id, &["--again"]).exits(0);
    assert_eq!(sim.downlinks_received(), 5);
    assert_no_duplicates(&sim);
}

#[test]
fn a_refused_key_ends_the_run_with_the_command_that_goes_on() {
    let desk = Desk::new("key");
    let sim = sim("token@1=status:401");
    let ran = desk.bulk(&sim, &desk.valves(5), &["--ndjson", "--no-token-cache"]).exits(3);
    assert_eq!(ran.out, "");
    let id = desk.id();
    let resume = format!("things downlink jobs resume {id} --ledger {} --no-token-cache", desk.ledger());
    let ran = ran.complains("\n5 downlinks: 0 accepted, 5 left\n");
    assert!(ran.err.ends_with(&format!("hint: to send the rest: {resume}\n")), "{ran:?}");
    let words: Vec<&str> = resume.split(' ').skip(1).collect();
    sim.things(&words).exits(0);
    assert_eq!(sim.downlinks_received(), 5);
}

#[test]
fn the_same_file_is_not_sent_twice_by_mistake() {
    let desk = Desk::new("same");
    let refusing = sim("token=status:401");
    let file = desk.valves(5);
    desk.bulk(&refusing, &file, &[]).exits(3);
    let id = desk.id();
    let ran = desk.bulk(&refusing, &file, &["--yes", "--window", "2"]).exits(2);
    let ran = ran.complains(&format!("error: the job {id} of 20")).complains("and it is not finished\n");
    let ledger = desk.ledger();
    let ran =
        ran.complains(&format!("to send the rest: things downlink jobs resume {id} --ledger {ledger}\n"));
    ran.complains(&format!("again: things downlink bulk {file} --new-job --window 2 --ledger {ledger}\n"));
    assert_eq!(desk.job()["total"], 5, "there is no second job");
    desk.bulk(&refusing, &file, &["--new-job"]).exits(3);
    assert_eq!(desk.jobs(&["list", "--json"]).json().as_array().unwrap().len(), 2);
    assert_eq!(refusing.downlinks_received(), 0);
}

#[test]
fn a_file_that_was_sent_is_sent_again_only_as_a_new_job() {
    let (desk, sim) = (Desk::new("finished"), simulator().start().unwrap());
    let file = desk.valves(3);
    let ran = desk.bulk(&sim, &file, &[]).exits(0);
    assert!(!ran.err.contains("warning"), "{ran:?}");
    let (id, ledger) = (desk.id(), desk.ledger());
    let new = format!("things downlink bulk {file} --new-job --window 2 --create-only --ledger {ledger}");
    let ran = desk.bulk(&sim, &file, &["--yes", "--window", "2", "--create-only"]).exits(2);
    assert!(ran.err.starts_with(&format!("error: the job {id} of 20")), "{ran:?}");
    let end =
        format!(" has the same content: 3 downlinks: 3 accepted\nhint: to send everything again: {new}\n");
    assert!(ran.err.ends_with(&end), "{ran:?}");
    assert_eq!((desk.job()["total"].clone(), sim.downlinks_received()), (3.into(), 3));
    // A file with the same content has another name.
    let copy = desk.file("copy.csv", &fs::read_to_string(&file).unwrap());
    desk.bulk(&sim, &copy, &[]).exits(2);
    let ran = desk.bulk(&sim, &file, &["--new-job"]).exits(0);
    ran.complains(&format!("warning: the job {id} of 20"));
    assert_eq!(sim.downlinks_received(), 6);
}

#[test]
fn a_file_with_unknown_or_refused_downlinks_is_not_sent_again_by_a_restart() {
    let desk = Desk::new("restart");
    let sim = sim("downlinks@1=drop-after;downlinks@2=status:400");
    let file = desk.valves(4);
    desk.bulk(&sim, &file, &["--window", "1"]).exits(4);
    let (id, ledger, received) = (desk.id(), desk.ledger(), sim.downlinks_received());
    let ran = desk.bulk(&sim, &file, &["--window", "1"]).exits(2);
    let ran = ran
        .complains(" has the same content: 4 downlinks: 2 accepted, 1 not sent, 1 unknown\n")
        .complains(&format!("jobs show {id} --with unknown --ledger {ledger}\n"))
        .complains(&format!("jobs resolve {id} LINE accepted --ledger {ledger} (or not-sent)\n"));
    ran.complains(&format!("jobs resume {id} --again --ledger {ledger}\n"));
    assert_eq!((desk.job()["unknown"].clone(), sim.downlinks_received()), (1.into(), received));
}

#[test]
fn the_unfinished_job_of_a_file_is_named_before_its_finished_ones() {
    let desk = Desk::new("which");
    let sim = sim("token@1=status:401");
    let file = desk.valves(2);
    desk.bulk(&sim, &file, &["--no-token-cache"]).exits(3);
    let unfinished = desk.id();
    desk.bulk(&sim, &file, &["--new-job"]).exits(0);
    desk.bulk(&sim, &file, &[]).exits(2).complains(&format!("error: the job {unfinished} of 20"));
    desk.resume(&sim, &unfinished, &[]).exits(0);
    desk.bulk(&sim, &file, &[]).exits(2).complains(" has the same content: 2 downlinks: 2 accepted\n");
}

#[test]
fn a_file_of_another_account_is_another_job() {
    let (desk, other) = (Desk::new("accounts"), simulator().start().unwrap());
    let (sim, file) = (simulator().start().unwrap(), desk.valves(2));
    desk.bulk(&sim, &file, &[]).exits(0);
    let ran = desk.bulk(&other, &file, &[]).exits(0);
    assert!(!ran.err.contains("same content"), "{ran:?}");
}

#[test]
fn many_devices_need_a_confirmation() {
    let (desk, sim) = (Desk::new("many"), simulator().start().unwrap());
    let file = desk.valves(101);
    let ran = desk.bulk(&sim, &file, &[]).exits(2);
    ran.complains("101 downlinks to 101 devices need a confirmation").complains("hint: add --yes");
    assert_eq!((sim.calls_total(), desk.jobs(&["list", "--json"]).json()), (0, serde_json::json!([])));
    desk.bulk(&sim, &file, &["--yes", "--quiet"]).exits(0);
    assert_eq!(sim.downlinks_received(), 101);
}

#[test]
fn a_dry_run_checks_the_file_and_leaves_nothing() {
    let desk = Desk::new("dry");
    let file = desk.valves(101);
    let args = ["downlink", "bulk", &file, "--dry-run", "--ledger", &desk.ledger()];
    let ran = bare(&args).exits(0);
    assert_eq!(
        (&*ran.out, &*ran.err),
        ("", "101 downlinks to 101 devices would be sent; nothing was sent\n")
    );
    assert_eq!(fs::read_dir(&desk.folder).unwrap().count(), 1, "only the file itself");
}

#[test]
fn a_dry_run_does_not_need_the_database() {
    let file = Desk::new("dry-database").valves(1);
    let url = "postgres://things@127.0.0.1:1/fleet";
    let ran = bare(&["downlink", "bulk", &file, "--dry-run", "--ledger", url]).exits(0);
    assert_eq!(ran.err, "1 downlink to 1 device would be sent; nothing was sent\n");
}

#[test]
fn the_ledger_comes_from_the_option_the_variable_or_the_default() {
    let (desk, sim) = (Desk::new("places"), simulator().start().unwrap());
    let file = desk.valves(1);
    let default = |args: &[&str]| {
        let mut command = sim.command(args);
        command.env("XDG_STATE_HOME", &desk.folder);
        command
    };
    let bulk = ["downlink", "bulk", &file];
    let list = ["downlink", "jobs", "list"];
    let ledger = desk.folder.join("kpn-things/ledger.db");
    let ran = run(default(&list)).exits(0);
    assert_eq!(ran.err, format!("0 jobs in {}\n", ledger.display()));
    assert!(!ledger.exists());
    run(default(&bulk)).exits(0);
    #[cfg(unix)]
    for (path, mode) in [(ledger.parent().unwrap(), 0o700), (&*ledger, 0o600)] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode);
    }
    let ran = run(default(&list)).exits(0);
    assert!(ran.err.starts_with("1 job in "), "{ran:?}");
    let mut by_variable = default(&bulk);
    by_variable.env("KPN_THINGS_LEDGER", desk.ledger());
    run(by_variable).exits(0);
    assert_eq!(desk.job()["total"], 1);
    let mut check = default(&["auth", "check"]);
    check.env("KPN_THINGS_LEDGER", desk.ledger());
    let ran = run(check);
    assert!(!ran.err.contains("KPN_THINGS_LEDGER") && !ran.out.contains("KPN_THINGS_LEDGER"), "{ran:?}");
}

#[test]
fn a_password_on_the_command_line_is_refused() {
    for url in ["postgres://me:secret@db/fleet", "postgresql://db/fleet?user=me&password=secret"] {
        let ran = bare(&["downlink", "jobs", "list", "--ledger", url]).exits(2);
        assert!(!ran.err.contains("secret@") && !ran.err.contains("=secret"), "{ran:?}");
        ran.complains("password").complains("KPN_THINGS_LEDGER");
    }
}

#[test]
fn a_url_of_anything_but_postgresql_is_refused_and_not_shown() {
    for url in ["\"postgres://me:s3cret@db.example/x\"", "postgresql+psycopg://me:s3cret@db.example/x"] {
        let mut command = crate::tool::command(&["downlink", "jobs", "list"]);
        command.env("KPN_THINGS_LEDGER", url);
        let ran = run(command).exits(2);
        let ran = ran.complains("is a URL, but not that of a PostgreSQL database");
        assert!(!ran.err.contains("s3cret"), "{}", ran.err);
        let ran = bare(&["downlink", "jobs", "list", "--ledger", url]).exits(2);
        assert!(!ran.complains("is a URL").err.contains("s3cret"));
    }
}

#[test]
fn a_job_is_found_by_the_beginning_of_its_id() {
    let (desk, sim) = (Desk::new("prefix"), simulator().start().unwrap());
    let file = desk.valves(2);
    desk.bulk(&sim, &file, &[]).exits(0);
    let id = desk.id();
    for name in [&id[..10], &id.to_uppercase(), &id] {
        desk.jobs(&["show", name]).exits(0).prints(&format!("job      {id}\n"));
    }
    desk.jobs(&["show", "ffff"])
        .exits(2)
        .complains("there is no job \"ffff\" in ")
        .complains("hint: see: things downlink jobs list --ledger");
    desk.bulk(&sim, &file, &["--new-job"]).exits(0);
    desk.jobs(&["show", "0"]).exits(2).complains("several jobs begin with \"0\"");
    bare(&["downlink", "jobs", "show", "0", "--ledger", "/nowhere/ledger.db"])
        .exits(2)
        .complains("there is no ledger /nowhere/ledger.db");
}

#[test]
fn a_job_is_exported_and_removed() {
    let desk = Desk::new("export");
    let sim = sim("downlinks@1=status:400");
    desk.bulk(&sim, &desk.valves(3), &["--window", "1", "--quiet"]).exits(1);
    let id = desk.id();
    let ran = desk.jobs(&["export", &id, "--ndjson"]).exits(0);
    assert_eq!(outcomes(&ran), HashMap::from([("accepted".into(), 2), ("not_sent".into(), 1)]));
    assert_eq!(ran.err, "3 downlinks\n");
    assert_eq!(desk.jobs(&["export", &id, "--csv"]).exits(0).out.lines().count(), 4);
    desk.jobs(&["export", &id]).exits(2);
    desk.jobs(&["remove", &id]).exits(0).complains("removed: ");
    desk.jobs(&["show", &id]).exits(2);
}

#[test]
fn a_job_that_is_not_finished_is_removed_only_after_a_question() {
    let desk = Desk::new("remove");
    let sim = sim("downlinks=drop-after");
    desk.bulk(&sim, &desk.valves(1), &[]).exits(4);
    let id = desk.id();
    desk.jobs(&["remove", &id]).exits(2).complains("add --yes");
    desk.jobs(&["remove", &id, "--yes"]).exits(0);
    assert_eq!(desk.jobs(&["list"]).exits(0).out, "");
}

#[test]
fn the_file_can_be_stdin() {
    let (desk, sim) = (Desk::new("stdin"), simulator().start().unwrap());
    let command = desk.command(&sim, &["downlink", "bulk", "-", "--ndjson"]);
    let ran = run_with_input(command, "dev_eui,port,hex,reference\n0059AC0000000001,1,01,a\n").exits(0);
    assert_eq!(rows(&ran).len(), 1);
}

#[test]
fn progress_for_programs_is_a_json_object_per_line() {
    let (desk, sim) = (Desk::new("json"), simulator().start().unwrap());
    let ran = desk.bulk(&sim, &desk.valves(30), &["--progress", "json", "--quiet", "--csv"]).exits(0);
    let lines: Vec<Value> = ran.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let id = desk.id();
    assert!(lines.len() >= 2 && lines.iter().all(|line| line["job"] == *id), "{ran:?}");
    let [first, last] = [&lines[0], lines.last().unwrap()];
    assert_eq!(
        (&first["total"], &first["pending"], &first["seconds_left"]),
        (&30.into(), &30.into(), &Value::Null)
    );
    assert_eq!(
        (&last["accepted"], &last["pending"], &last["seconds_left"]),
        (&30.into(), &0.into(), &0.into())
    );
    for name in ["not_sent", "unknown", "retried", "per_second"] {
        assert!(last[name].is_number(), "{name}: {last}");
    }
}

#[test]
fn a_rate_is_kept_and_the_next_run_has_it_too() {
    let desk = Desk::new("rate");
    let sim = sim("token@1=status:401");
    let args = ["--rate", "50/s", "--per-device", "4/day", "--window", "3", "--no-token-cache"];
    desk.bulk(&sim, &desk.valves(11), &args).exits(3);
    let id = desk.id();
    desk.jobs(&["show", &id]).exits(0).prints("options  --window 3 --rate 50/s --per-device 4/day\n");
    let start = Instant::now();
    desk.resume(&sim, &id, &["--no-token-cache"]).exits(0);
    assert!(start.elapsed() >= Duration::from_millis(200), "11 downlinks at 50 per second");
    for (option, value) in [
        ("--rate", "0/s"),
        ("--rate", "fast"),
        ("--rate", "1/min"),
        ("--per-device", "0"),
        ("--window", "0"),
        ("--window", "257"),
        ("--spare", "257"),
        ("--progress", "loud"),
    ] {
        bare(&["downlink", "bulk", "x.csv", option, value]).exits(2).complains(option);
    }
}

#[test]
fn a_device_gets_no_more_downlinks_in_a_day_than_its_limit() {
    let (desk, sim) = (Desk::new("per-device"), simulator().start().unwrap());
    let row = "0059AC0000000001,1,01,";
    let file = desk.file("one.csv", &format!("dev_eui,port,hex,reference\n{row}a\n{row}b\n"));
    let args = ["downlink", "bulk", &file, "--per-device", "1/day"];
    let mut child = desk.command(&sim, &args).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while sim.downlinks_received() == 0 || desk.job()["accepted"] == 0 {
        assert!(Instant::now() < end, "nothing was sent");
        thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(sim.downlinks_received(), 1);
    assert_eq!(desk.job()["pending"], 1);
}

#[test]
fn a_job_of_another_account_is_not_sent() {
    let desk = Desk::new("account");
    let sim = sim("token@1=status:401");
    desk.bulk(&sim, &desk.valves(2), &["--no-token-cache"]).exits(3);
    let id = desk.id();
    let other = simulator().start().unwrap();
    let ran = desk.resume(&other, &id, &[]).exits(1);
    ran.complains("account").complains("hint: nothing was sent");
    assert_eq!(other.calls_total(), 0);
}

#[test]
fn a_worker_needs_a_ledger_that_machines_can_share() {
    let desk = Desk::new("work");
    let ran = bare(&["downlink", "work", "01", "--ledger", &desk.ledger()]).exits(2);
    ran.complains("is a file, which one machine uses at a time")
        .complains("things downlink jobs resume 01 --ledger");
}

#[test]
fn a_job_can_be_created_for_others() {
    let (desk, sim) = (Desk::new("create"), simulator().start().unwrap());
    let ran = desk.bulk(&sim, &desk.valves(2), &["--create-only"]).exits(0);
    assert_eq!((ran.out.trim_end(), sim.calls_total()), (&*desk.id(), 0));
    desk.resume(&sim, &desk.id(), &[]).exits(0);
}

#[test]
fn a_file_that_cannot_be_sent_now_leaves_no_job() {
    let (desk, sim) = (Desk::new("held"), sim("downlinks=stall-after"));
    let file = desk.valves(2);
    let mut child = desk.command(&sim, &["downlink", "bulk", &file]).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while sim.downlinks_received() < 2 {
        assert!(Instant::now() < end, "nothing was sent");
        thread::sleep(Duration::from_millis(10));
    }
    let ran = desk.bulk(&sim, &file, &["--new-job", "--rate", "5/s"]).exits(1);
    let again = format!("bulk {file} --new-job --rate 5/s");
    ran.complains("holds the ledger").complains("hint: nothing was sent").complains(&again);
    desk.job();
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_time_that_has_passed_is_refused_and_shown() {
    let (desk, sim) = (Desk::new("late"), simulator().start().unwrap());
    let past = "2020-01-01T00:00:00Z";
    for option in ["--dry-run", "--create-only", "--yes"] {
        let ran = desk.bulk(&sim, &desk.valves(2), &["--not-after", past, option]).exits(2);
        ran.complains("--not-after 2020-01-01T00:00:00Z has passed: nothing would be sent");
    }
    let row = "0059AC0000000001,1,01";
    let file = desk.file("late.csv", &format!("dev_eui,port,hex,not_after\n{row},{past}\n{row},\n"));
    let future = "2999-01-01T00:00:00Z";
    let ran = desk.bulk(&sim, &file, &["--not-after", future]).exits(1);
    let ran = ran
        .complains("hint: the not_after of 1 downlink has passed: send what is still wanted in a new file");
    assert!(!ran.err.contains("--again"), "{}", ran.err);
    let shown = desk.jobs(&["show", &desk.id()]).exits(0);
    assert!(shown.out.contains("options  --not-after 2999-01-01T00:00:00Z"), "{}", shown.out);
}

#[test]
fn the_report_names_the_customer_of_the_option() {
    let (desk, sim) = (Desk::new("customer"), simulator().start().unwrap());
    let one = "79658ca8-f1ba-4c25-b824-93813e9fba76";
    let other = "1b4e28ba-2fa1-41d2-883f-0016d3cca427";
    let row = "0059AC0000000001,1,01";
    let file = desk.file("both.csv", &format!("dev_eui,port,hex,customer\n{row},\n{row},{other}\n"));
    let ran = desk.bulk(&sim, &file, &["--customer", one, "--ndjson"]).exits(1);
    let customers: Vec<_> = rows(&ran).iter().map(|row| row["customer"].clone()).collect();
    assert_eq!(customers, [one, other]);
}

#[cfg(unix)]
#[test]
fn a_job_goes_on_after_kill_9() {
    let desk = Desk::new("kill");
    let sim = simulator().fault("downlinks=latency:5ms".parse().unwrap()).start().unwrap();
    let file = desk.valves(200);
    let mut received = 0;
    let mut child =
        desk.command(&sim, &["downlink", "bulk", &file, "--yes", "--window", "4"]).spawn().unwrap();
    for _ in 0..3 {
        let end = Instant::now() + Duration::from_secs(20);
        while sim.downlinks_received() < received + 20 {
            assert!(Instant::now() < end, "it does not go on");
            thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        received = sim.downlinks_received();
        child = desk.command(&sim, &["downlink", "jobs", "resume", &desk.id()]).spawn().unwrap();
    }
    let ran = finish(child);
    assert!([0, 4].contains(&ran.status), "{ran:?}");
    assert_no_duplicates(&sim);
    let job = desk.job();
    let number = |name: &str| job[name].as_u64().unwrap();
    assert!(number("unknown") <= 3 * 4, "{job}");
    assert_eq!(number("accepted") + number("unknown"), 200, "{job}");
    let received = sim.downlinks_received();
    assert!(received >= number("accepted") && received <= 200, "{job}");
}

#[test]
fn the_outcome_is_known_though_the_report_cannot_be_written() {
    let desk = Desk::new("full");
    let sim = sim("downlinks@2=drop-after");
    let mut command = desk.command(&sim, &["downlink", "bulk", &desk.valves(3), "--window", "1"]);
    command.stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let ran = run(command).exits(4).complains("warning: the report cannot be written: ");
    ran.complains(&format!("jobs export {} --csv --ledger", desk.id()))
        .complains("3 downlinks: 2 accepted, 1 unknown");
}

/// The largest memory of the tool, in KiB, while it exports a job of so many downlinks.
#[cfg(target_os = "linux")]
fn peak_memory_of_an_export(desk: &Desk, sim: &Sim, count: u32) -> u64 {
    let id = desk.bulk(sim, &desk.valves(count), &["--create-only", "--yes"]).exits(0).out;
    let args = ["downlink", "jobs", "export", id.trim_end(), "--csv"];
    let mut child = desk.command(sim, &args).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The rest is larger than the pipe and the tool's buffer, so that the tool is still there to be looked at.
    let seen = lines.by_ref().take(count as usize - 4_000).count();
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    assert_eq!(seen + lines.count(), count as usize + 1);
    finish(child).exits(0);
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_report_of_any_size_takes_the_same_memory() {
    let (desk, sim) = (Desk::new("memory"), simulator().start().unwrap());
    let [few, many] = [5_000, 30_000].map(|count| peak_memory_of_an_export(&desk, &sim, count));
    // SQLite keeps 2,000 KiB of its pages in memory. The larger job has 10 MiB of text.
    assert!(many < few + 4 * 1024, "{few} KiB for 5,000 downlinks, {many} KiB for 30,000");
}

#[test]
fn no_secret_is_in_the_ledger() {
    let desk = Desk::new("secret");
    let sim = sim("downlinks=status:400");
    desk.bulk(&sim, &desk.valves(3), &[]).exits(1);
    for entry in fs::read_dir(&desk.folder).unwrap() {
        let content = fs::read(entry.unwrap().path()).unwrap();
        let known = things_tests::canary::Canary::known();
        things_tests::canary::assert_clean("the ledger", content, &known);
    }
}

#[test]
fn unknown_files_and_ledgers_are_refused_before_anything_is_sent() {
    let (desk, sim) = (Desk::new("broken"), simulator().start().unwrap());
    desk.bulk(&sim, "/nowhere/valves.csv", &[]).exits(2).complains("/nowhere/valves.csv");
    let file = desk.valves(1);
    let broken = desk.file("broken.db", &"not a database ".repeat(1000));
    let ran = sim.things(&["downlink", "bulk", &file, "--ledger", &broken]).exits(1);
    assert!(ran.err.starts_with("error: "), "{ran:?}");
    assert_eq!(sim.calls_total(), 0);
}
