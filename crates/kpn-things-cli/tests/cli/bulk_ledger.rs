//! The ledger: where it comes from, what is not said about it, and what it does not hold.

use std::fs;

use crate::bulk::{Desk, sim};
use crate::tool::{Tool, bare, run, simulator};

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
fn a_worker_needs_a_ledger_that_machines_can_share() {
    let desk = Desk::new("work");
    let ran = bare(&["downlink", "work", "01", "--ledger", &desk.ledger()]).exits(2);
    ran.complains("is a file, which one machine uses at a time")
        .complains("things downlink jobs resume 01 --ledger");
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
