//! The table, CSV and JSON of a listing.

use std::io::{BufRead, BufReader};

use serde_json::json;
use things_sim::{DeviceSpec, Sim};

use crate::devices::{awkward, list};
use crate::tool::{Tool, finish, simulator};

/// A simulator with these devices: uuid, name, and further fields.
fn fleet(devices: &[(&str, &str, serde_json::Value)]) -> Sim {
    let sim = devices.iter().fold(simulator().devices(0), |sim, (uuid, name, extra)| {
        let mut device = DeviceSpec::named(*name);
        device.uuid = Some((*uuid).into());
        device.extra = extra.as_object().cloned().unwrap_or_default();
        device.barcode = extra["barcode"].as_str().map(str::to_owned);
        device.extra.remove("barcode");
        device.description = extra["description"].as_str().unwrap_or_default().into();
        device.extra.remove("description");
        sim.device(device)
    });
    sim.start().unwrap()
}

#[test]
fn a_table_is_aligned_over_the_whole_listing_whatever_comes_late() {
    // All of the first are held to sort them, and 150 fit the window of a table that is written page by page.
    for (count, args) in
        [(1_500, &[][..]), (150, &["--plain"]), (150, &["--sort-by", "uuid", "--page-size", "20"])]
    {
        let mut devices = vec![("u", "short", json!({"barcode": "1", "description": "d"})); count];
        let uuids: Vec<_> = (0..count).map(|number| format!("uuid-{number:04}")).collect();
        devices.iter_mut().zip(&uuids).for_each(|(device, uuid)| device.0 = uuid);
        devices[count - 1].1 = "zone with a long name";
        let ran = list(&fleet(&devices), args).exits(0);
        let column = ran.out.lines().next().unwrap().find("UUID").unwrap();
        let is_straight = ran.out.lines().skip(1).all(|line| line[column..].starts_with("uuid-"));
        assert!(is_straight && ran.out.contains("zone with a long name"), "{ran:?}");
    }
}

#[test]
fn a_table_shows_the_dev_eui_only_where_a_device_has_one() {
    let without = fleet(&[("u-1", "one", json!({}))]);
    assert_eq!(list(&without, &[]).exits(0).out, "NAME  UUID  BARCODE  DESCRIPTION\none   u-1\n");
    let with = fleet(&[("u-1", "one", json!({})), ("u-2", "two", json!({"eui": "0059AC0000181EB6"}))]);
    let expected = "\
NAME  EUI               UUID  BARCODE  DESCRIPTION
one                     u-1
two   0059AC0000181EB6  u-2
";
    assert_eq!(list(&with, &[]).exits(0).out, expected);
}

#[test]
fn csv_keeps_every_field() {
    let ran = list(&awkward(), &["--csv"]).exits(0);
    let expected = concat!(
        "uuid,name,description,deviceSpecificationUUID,barcode,metadata,eui,extra\n",
        "xxxxxx,\"A, \"\"b\"\"\n\tc\x1b[31m é\",\"one\r\ntwo\",,=1+1,",
        "\"{\"\"floor\"\":2,\"\"tags\"\":[\"\"a\"\",null]}\",0059AC0000181EB6,\n",
        "yyyyyy,B,,,,,,\n",
    );
    assert_eq!(ran.out, expected);
    let sim = fleet(&[("u", "n", json!({"model": "x", "eui": "e", "seen": {"at": 1.5}}))]);
    let ran = list(&sim, &["--csv"]).exits(0);
    let last = ran.out.lines().last().unwrap();
    assert_eq!(last, "u,n,,,,,e,\"{\"\"model\"\":\"\"x\"\",\"\"seen\"\":{\"\"at\"\":1.5}}\"");
}

#[test]
fn csv_for_excel_has_a_mark_semicolons_text_cells_and_no_formulas() {
    let sim = fleet(&[
        ("u-1", "Café Zoë", json!({"eui": "0059000000181186", "barcode": "0012345678905"})),
        ("u-2", "=HYPERLINK(\"http://evil.example\",\"klik\")", json!({"description": "+31612345678"})),
        ("u-3", "Hal 3; rij 4, plek 5", json!({"description": "twee\nregels", "n": 8931440400012345678_u64})),
        ("u-4", "@SUM(A1:A9)", json!({"description": "-2+3"})),
    ]);
    let expected = [
        "\u{FEFF}uuid;name;description;deviceSpecificationUUID;barcode;metadata;eui;extra",
        "\"=\"\"u-1\"\"\";Café Zoë;;;\"=\"\"0012345678905\"\"\";;\"=\"\"0059000000181186\"\"\";",
        "\"=\"\"u-2\"\"\";\"'=HYPERLINK(\"\"http://evil.example\"\",\"\"klik\"\")\";\"=\"\"+31612345678\"\"\";;;;;",
        "\"=\"\"u-3\"\"\";\"Hal 3; rij 4, plek 5\";\"twee\nregels\";;;;;\"{\"\"n\"\":8931440400012345678}\"",
        "\"=\"\"u-4\"\"\";'@SUM(A1:A9);\"=\"\"-2+3\"\"\";;;;;",
        "",
    ];
    for args in [&["--csv-dialect", "excel"][..], &["--csv", "--csv-dialect", "excel"]] {
        assert_eq!(list(&sim, args).exits(0).out, expected.join("\r\n"));
    }
    assert!(list(&sim, &["--csv-dialect", "plain"]).exits(0).out.starts_with("uuid,name,"));
    list(&sim, &["--json", "--csv-dialect", "excel"]).exits(2).complains("cannot be used with");
}

#[test]
fn fields_are_chosen_in_every_format() {
    let sim = awkward();
    let fields = ["--fields", "eui,metadata.floor,name"];
    let out = |format: &[&str]| list(&sim, &[&fields, format].concat()).exits(0).out;
    let name = "A, \\\"b\\\"\\n\\tc\\u001b[31m é";
    let first = format!(r#"{{"eui":"0059AC0000181EB6","metadata.floor":2,"name":"{name}"}}"#);
    let second = r#"{"eui":null,"metadata.floor":null,"name":"B"}"#;
    assert_eq!(out(&["--ndjson"]), format!("{first}\n{second}\n"));
    assert_eq!(out(&["--json"]), format!("[\n{first},\n{second}\n]\n"));
    assert!(out(&["--csv"]).starts_with("eui,metadata.floor,name\n0059AC0000181EB6,2,\"A, "));
    let table = out(&[]);
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("EUI               METADATA.FLOOR  NAME"));
    assert_eq!(lines.next(), Some("0059AC0000181EB6  2               A, \"b\"  c [31m é"));
}

#[test]
fn a_field_that_no_device_has_is_a_warning_with_a_likely_name() {
    let ran = list(&awkward(), &["--ndjson", "--fields", "nmae,barcode"]).exits(0);
    assert_eq!(
        ran.err,
        "warning: no device has the field nmae; did you mean name?\n2 devices, proven complete with 1 request\n"
    );
    let ran = list(&simulator().devices(0).start().unwrap(), &["--csv", "--fields", "nmae"]).exits(0);
    assert_eq!((&*ran.out, &*ran.err), ("nmae\n", "0 devices, proven complete with 1 request\n"));
    for wrong in ["", "name,", "name,name"] {
        list(&awkward(), &["--fields", wrong]).exits(2).complains("--fields");
    }
}

#[test]
fn an_output_that_is_incomplete_says_so() {
    let broken = || simulator().devices(200).fault("devices@3-=status:400".parse().unwrap()).start().unwrap();
    let page = ["--plain", "--window", "1", "--page-size", "20"];
    for (format, lines) in [("--json", 41), ("--ndjson", 40), ("--csv", 41), ("--limit=100", 41)] {
        let ran = list(&broken(), &[&page[..], &[format]].concat()).exits(1);
        assert_eq!(ran.out.lines().count(), lines, "{ran:?}");
        ran.complains("error: the output is incomplete: 40 of 200 devices\nerror: 400");
    }
    let ran =
        list(&broken(), &["--json", "--quiet", "--plain", "--window", "1", "--page-size", "20"]).exits(1);
    ran.complains("the output is incomplete: 40 of 200 devices");
    let nothing = simulator().fault("devices=status:400".parse().unwrap()).start().unwrap();
    assert!(!list(&nothing, &["--json"]).exits(1).err.contains("incomplete"));
}

#[test]
fn a_deadline_bounds_the_whole_listing_and_a_timeout_each_page() {
    let slow = || simulator().devices(200).fault("devices=latency:100ms".parse().unwrap()).start().unwrap();
    let page = ["--plain", "--window", "1", "--page-size", "5", "--ndjson"];
    // The third page never comes.
    let stalled = simulator().devices(200).fault("devices@3-=stall".parse().unwrap()).start().unwrap();
    let ran = list(&stalled, &[&page[..], &["--deadline", "3"]].concat()).exits(1);
    assert_eq!(ran.out.lines().count(), 10, "{ran:?}");
    ran.complains("error: the output is incomplete: 10 of 200 devices");
    // 20 pages of 200 ms take longer than the time limit of each.
    let slower = |latency: &str| {
        let fault = format!("devices=latency:{latency}").parse().unwrap();
        simulator().devices(200).fault(fault).start().unwrap()
    };
    let page_of_ten = ["--plain", "--window", "1", "--page-size", "10", "--ndjson", "--timeout", "3"];
    list(&slower("200ms"), &page_of_ten).exits(0);
    list(&slower("4s"), &page_of_ten).exits(1).complains("/api/devices (1 attempt, ");
    let ran = list(&slow(), &["--ndjson", "--deadline", "0.05"]).exits(1);
    assert_eq!(ran.out, "");
    list(&slow(), &["--deadline", "soon"]).exits(2).complains("--deadline");
}

#[test]
fn a_pipe_gets_each_page_as_it_comes() {
    for format in ["--json", "--ndjson", "--csv"] {
        // The third page never comes.
        let sim = simulator().devices(100).fault("devices@3-=stall".parse().unwrap()).start().unwrap();
        let args = ["devices", "list", "--plain", "--window", "1", "--page-size", "20", format];
        let mut child = sim.command(&args).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(40).count();
        assert_eq!(lines, 40);
        child.kill().unwrap();
        let _ = child.wait_with_output();
        drop(sim);
    }
    let sim = simulator().devices(3).start().unwrap();
    finish(sim.command(&["devices", "list"]).spawn().unwrap()).exits(0);
}
