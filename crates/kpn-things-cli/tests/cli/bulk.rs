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

    pub(crate) fn path(&self, name: &str) -> String {
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
    pub(crate) fn bulk(&self, sim: &Sim, file: &str, args: &[&str]) -> Ran {
        self.things(sim, &[&["downlink", "bulk", file], args].concat())
    }

    pub(crate) fn jobs(&self, args: &[&str]) -> Ran {
        bare(&[&["downlink", "jobs"], args, &["--ledger", &self.ledger()]].concat())
    }

    /// Sends the rest of a job.
    pub(crate) fn resume(&self, sim: &Sim, job: &str, args: &[&str]) -> Ran {
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
pub(crate) fn sim(faults: &str) -> Sim {
    let add = |sim: SimBuilder, fault: &str| sim.fault(fault.parse().unwrap());
    faults.split(';').fold(simulator(), add).start().unwrap()
}

pub(crate) fn rows(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How often each outcome is in a report.
pub(crate) fn outcomes(ran: &Ran) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for row in rows(ran) {
        *counts.entry(row["outcome"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

/// Asserts that no reference was received twice.
#[track_caller]
pub(crate) fn assert_no_duplicates(sim: &Sim) {
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
        let (job, list) = (desk.job(), desk.jobs(&["list"]).exits(0).out);
        let cells: Vec<_> = list.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(cells[5..7], [job["unknown"].to_string(), job["sending"].to_string()], "{list}");
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
