//! Jobs: which file belongs to which, and what can be done with one by its id.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};
use std::{fs, thread};

use things_sim::Sim;

use crate::bulk::{Desk, outcomes, sim};
use crate::tool::{bare, finish, simulator};

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
