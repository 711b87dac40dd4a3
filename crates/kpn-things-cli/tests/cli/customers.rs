//! `things devices list --customers`.

use serde_json::Value;
use things_sim::{Quirk, Route, Sim, SortByUuid, SortEcho};

use crate::devices::list;
use crate::tool::{Ran, bare, file, run_with_input, simulator};

/// Two customers with a few devices each.
fn fleet() -> Sim {
    simulator().no_customers().devices(5).customer("c-1", 2).customer("c-2", 3).start().unwrap()
}

/// The customers of the rows, one after the other.
fn customers(ran: &Ran) -> Vec<String> {
    let customer =
        |line: &str| serde_json::from_str::<Value>(line).unwrap()["customer"].as_str().unwrap().to_owned();
    ran.out.lines().map(customer).collect()
}

#[test]
fn each_row_names_its_customer_in_every_format() {
    let sim = fleet();
    let ids = file("customers.txt", "\u{feff}# ours\r\n\r\nc-2 # the second\r\n  c-1\r\n");
    let with = |args: &[&str]| list(&sim, &[&["--customers", &ids], args].concat()).exits(0);
    let ran = with(&["--ndjson"]);
    assert_eq!(customers(&ran), ["c-2", "c-2", "c-2", "c-1", "c-1"]);
    assert_eq!(ran.err, "5 devices of 2 customers, proven complete with 2 requests\n");
    assert_eq!((sim.calls(Route::Token), sim.calls(Route::ContextSwitch)), (1, 2));
    let json = with(&["--json"]).json();
    assert_eq!((&json[0]["customer"], &json[4]["customer"]), (&"c-2".into(), &"c-1".into()));
    let table = with(&[]);
    let rows: Vec<_> = table.out.lines().collect();
    assert!(rows[0].starts_with("CUSTOMER  NAME") && rows[1].starts_with("c-2       "), "{table:?}");
    assert!(rows.len() == 6 && rows[5].starts_with("c-1       "), "{table:?}");
    let names: Vec<_> = rows[1..4].iter().map(|row| row["CUSTOMER  ".len()..].to_lowercase()).collect();
    assert!(names.is_sorted(), "each customer's devices are sorted by name: {table:?}");
    let csv = with(&["--csv"]);
    assert!(
        csv.out.starts_with("customer,uuid,name,") && csv.out.lines().nth(1).unwrap().starts_with("c-2,")
    );
    assert!(!csv.out.contains("{\"customer\""), "{csv:?}");
    let excel = with(&["--csv-dialect", "excel"]);
    assert!(excel.out.contains("\n\"=\"\"c-2\"\"\";"), "{excel:?}");
    let fields = with(&["--csv", "--fields", "name,uuid"]);
    assert!(fields.out.starts_with("customer,name,uuid\nc-2,"), "{fields:?}");
    let fields = with(&["--ndjson", "--fields", "uuid,customer"]);
    assert!(
        fields.out.starts_with("{\"uuid\":") && fields.out.contains("\"customer\":\"c-2\"}\n"),
        "{fields:?}"
    );
    let plain = with(&["--plain", "--ndjson"]);
    assert_eq!(customers(&plain), customers(&ran));
    assert_eq!(plain.err, "5 devices of 2 customers\n");
    let search = with(&["--search", "no device", "--ndjson", "--verified"]);
    assert_eq!(
        (search.out.as_str(), search.err.as_str()),
        ("", "0 devices of 2 customers, proven complete with 2 requests\n")
    );
}

#[test]
fn a_customer_that_refuses_does_not_end_the_others() {
    let sim = fleet();
    let ids = file("customers-refused.txt", "stranger\nc-1\nnobody\nc-2\n");
    for args in [&["--ndjson"][..], &["--ndjson", "--plain"], &["--ndjson", "--verified"]] {
        let ran = list(&sim, &[&["--customers", &ids], args].concat()).exits(1);
        assert_eq!(customers(&ran), ["c-1", "c-1", "c-2", "c-2", "c-2"]);
        ran.complains("5 devices of 2 customers")
            .complains("error: customer stranger: 403")
            .complains("error: customer nobody: 403")
            .complains("/api/v1/lifecycle/clients/nobody/context-switch")
            .complains("error: 2 of 4 customers could not be listed");
    }
    let ran = list(&sim, &["--customers", &ids, "--json"]).exits(1);
    assert_eq!(ran.json().as_array().unwrap().len(), 5);
}

#[test]
fn a_key_without_access_ends_the_listing() {
    let sim = simulator().without_access().start().unwrap();
    let ids = file("customers-key.txt", "c-1\nc-2\n");
    let ran = list(&sim, &["--customers", &ids]);
    assert!(ran.status != 0 && ran.out.is_empty(), "{ran:?}");
    let sim = simulator().fault("token=status:401".parse().unwrap()).start().unwrap();
    list(&sim, &["--customers", &ids]).exits(3);
}

#[test]
fn customers_that_cannot_be_proven_come_last() {
    let quirks = [Quirk::SortByUuid(SortByUuid::Ignored), Quirk::SortEcho(SortEcho::Absent)];
    let sim = simulator().no_customers().customer("c-1", 150).customer("c-2", 3);
    let sim = quirks.into_iter().fold(sim, things_sim::SimBuilder::quirk).start().unwrap();
    let ids = file("customers-proof.txt", "c-1\nc-2\n");
    let ran = list(&sim, &["--customers", &ids, "--ndjson"]).exits(0);
    let mut rows = customers(&ran);
    assert!(rows.len() == 153 && rows[..3] == ["c-2"; 3], "{rows:?}");
    rows.dedup();
    assert_eq!(rows, ["c-2", "c-1"]);
    ran.complains("153 devices of 2 customers, 1 customer proven complete with 1 request")
        .complains("warning: customer c-1: not proven complete: ");
    let ran = list(&sim, &["--customers", &ids, "--ndjson", "--verified"]).exits(5);
    assert_eq!(customers(&ran), ["c-2"; 3]);
    ran.complains("error: customer c-1: the listing is not proven complete");
}

#[test]
fn all_wrong_lines_are_reported_at_once_before_anything_is_sent() {
    let ids = file("customers-wrong.txt", "c-1\na/b\n\n# c-1\nc-2\nc-1\nc 3\n");
    let ran = bare(&["devices", "list", "--customers", &ids]).exits(2);
    let expected = format!(
        "error: the list of customers in {ids} is wrong:
  line 2: customer id contains '/', which an id cannot contain: copy only the id
  line 6: c-1 is also on line 1
  line 7: customer id contains ' ', which an id cannot contain: copy only the id
"
    );
    assert_eq!(ran.err, expected);
    let empty = file("customers-empty.txt", "# nobody\n");
    bare(&["devices", "list", "--customers", &empty]).exits(2).complains("names no customer");
    bare(&["devices", "list", "--customers", "/nowhere"]).exits(2).complains("cannot be read from /nowhere");
    for option in
        [&["--customer", "c-1"][..], &["--limit", "1"], &["--dry-run"], &["--ndjson", "--with-proof"]]
    {
        let args = [&["devices", "list", "--customers", &ids], option].concat();
        bare(&args).exits(2).complains("cannot be used with");
    }
}

#[test]
fn the_customers_can_come_from_stdin() {
    use crate::tool::Tool;

    let sim = fleet();
    let ran =
        run_with_input(sim.command(&["devices", "list", "--customers", "-", "--ndjson"]), "c-1\n").exits(0);
    assert_eq!(customers(&ran), ["c-1", "c-1"]);
}
