//! Downlinks whose outcome is unknown: what the service shows of them, and how a person ends them.

use std::collections::HashMap;

use crate::bulk::{Desk, outcomes, sim};
use crate::tool::bare;

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
