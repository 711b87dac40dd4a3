//! `things downlink work`: many workers on one job, in a PostgreSQL that the test has started.

use std::collections::HashSet;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use things_sim::Sim;
use things_tests::postgres::Server;

use crate::bulk::Desk;
use crate::tool::{Ran, Tool, command, finish, run, simulator};

/// A job of so many downlinks in a new database. `None` if there is no PostgreSQL.
struct Fleet {
    sim: Sim,
    url: String,
    file: String,
    count: u32,
}

impl Fleet {
    fn new(name: &str, count: u32, fault: &str) -> Option<Self> {
        let url = Server::shared()?.database();
        let sim = simulator().fault(fault.parse().unwrap()).start().unwrap();
        let file = Desk::new(name).valves(count);
        Some(Self { sim, url, file, count })
    }

    /// The tool with the ledger as an option.
    fn command(&self, args: &[&str]) -> Command {
        self.sim.command(&[args, &["--ledger", &self.url]].concat())
    }

    fn things(&self, args: &[&str]) -> Ran {
        run(self.command(args))
    }

    /// Creates the job, and returns its id.
    fn create(&self) -> String {
        let ran = self.things(&["downlink", "bulk", &self.file, "--create-only", "--yes"]).exits(0);
        assert_eq!(self.sim.calls_total(), 0, "nothing is sent");
        ran.out.trim_end().to_owned()
    }

    fn worker(&self, id: &str) -> Child {
        self.command(&["downlink", "work", id, "--window", "4"]).spawn().unwrap()
    }

    /// The job as any machine sees it.
    fn job(&self, id: &str) -> Value {
        self.things(&["downlink", "jobs", "show", id, "--json"]).exits(0).json()
    }

    #[track_caller]
    fn assert_each_arrived_once(&self) {
        let references =
            self.sim.downlinks().into_iter().map(|downlink| downlink.external_reference.unwrap());
        let different: HashSet<String> = references.collect();
        assert_eq!(
            (different.len() as u64, self.sim.downlinks_received()),
            (self.count.into(), self.count.into())
        );
    }
}

#[test]
fn several_workers_send_one_job_and_each_downlink_once() {
    let Some(fleet) = Fleet::new("work-many", 300, "downlinks=latency:2ms") else { return };
    let id = fleet.create();
    let workers: Vec<Child> = (0..3).map(|_| fleet.worker(&id)).collect();
    for worker in workers {
        finish(worker).exits(0).complains("nothing is left to claim: 300 downlinks: ");
    }
    fleet.assert_each_arrived_once();
    assert_eq!(fleet.job(&id)["accepted"], 300);
    let ran = fleet.things(&["downlink", "jobs", "export", &id, "--csv"]).exits(0);
    assert_eq!(ran.out.lines().count(), 301);
    finish(fleet.worker(&id)).exits(0);
    fleet.assert_each_arrived_once();
}

#[test]
fn the_machine_that_has_the_file_can_send_it_too() {
    let Some(fleet) = Fleet::new("work-bulk", 20, "downlinks@3=drop-after") else { return };
    let ran = fleet.things(&["downlink", "bulk", &fleet.file, "--window", "1", "--ndjson"]).exits(4);
    assert_eq!(ran.out.lines().count(), 20);
    let jobs = fleet.things(&["downlink", "jobs", "list", "--json"]).exits(0).json();
    let id = jobs[0]["job"].as_str().unwrap();
    assert_eq!((&jobs[0]["accepted"], &jobs[0]["unknown"]), (&19.into(), &1.into()));
    fleet.things(&["downlink", "jobs", "resolve", id, "valve-4", "accepted"]).exits(0);
    fleet.things(&["downlink", "jobs", "resume", id]).exits(0);
    fleet.assert_each_arrived_once();
    fleet.things(&["downlink", "jobs", "remove", id]).exits(0);
}

#[test]
fn a_worker_that_is_stopped_leaves_the_rest_to_the_others() {
    let Some(fleet) = Fleet::new("work-stop", 600, "downlinks=latency:100ms") else { return };
    let id = fleet.create();
    // Alone, it would take 15 seconds: the signal arrives before, on a busy machine too.
    let stopped = fleet.worker(&id);
    let end = Instant::now() + Duration::from_secs(30);
    while fleet.sim.downlinks_received() < 4 {
        assert!(Instant::now() < end, "the worker sends nothing");
        thread::sleep(Duration::from_millis(5));
    }
    Command::new("kill").arg(stopped.id().to_string()).status().unwrap();
    let output = stopped.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code().is_none(), "a scheduler wants to see the signal: {err}");
    let again = format!("hint: to send the rest: things downlink work {id} --ledger {}", fleet.url);
    assert!(err.contains(&again), "{err}");
    let rest = fleet.command(&["downlink", "work", &id, "--window", "128"]).spawn().unwrap();
    finish(rest).exits(0).complains("600 downlinks: 600 accepted");
    fleet.assert_each_arrived_once();
}

#[test]
fn a_url_with_a_password_in_the_variable_is_shown_nowhere() {
    let Some(fleet) = Fleet::new("work-password", 2, "downlinks@1=status:400") else { return };
    let url = fleet.url.replace("things@", "things:s3cret-of-the-ledger@");
    let with_variable = |args: &[&str]| {
        let mut command = fleet.sim.command(args);
        command.env("KPN_THINGS_LEDGER", &url);
        run(command)
    };
    let id = fleet.create();
    let list = ["downlink", "jobs", "list"];
    for ran in [
        with_variable(&["downlink", "work", &id, "--progress", "json"]),
        with_variable(&["downlink", "jobs", "resume", &id]),
        with_variable(&["downlink", "jobs", "show", "ffff"]),
        with_variable(&list),
    ] {
        assert!(!format!("{}{}", ran.out, ran.err).contains("s3cret"), "{ran:?}");
    }
    with_variable(&list).exits(0).complains("1 job in the ledger of KPN_THINGS_LEDGER\n");
    let mut nowhere = command(&list);
    nowhere.env("KPN_THINGS_LEDGER", "postgres://things:s3cret-of-the-ledger@127.0.0.1:1/fleet");
    let ran = run(nowhere).exits(1);
    assert!(ran.err.starts_with("error: ") && !ran.err.contains("s3cret"), "{ran:?}");
}
