use serde_json::{Value, json};
use things_sim::{DEFAULT_CUSTOMER, DownlinkAnswer, Route, Sim};

use crate::tool::{Ran, Tool, file, run, run_with_input, simulator};

const EUI: &str = "0059AC0000181EB6";
const RAW: &[&str] = &["downlink", "send", EUI, "--port", "1", "--hex", "0102"];

fn send(sim: &Sim, args: &[&str]) -> Ran {
    sim.things(&[&["downlink", "send", EUI], args].concat())
}

#[test]
fn a_receipt_is_json_with_the_body_as_it_came() {
    let sim = simulator().start().unwrap();
    let ran = sim.things(&[RAW, &["--reference", "valve 42 & é"]].concat()).exits(0);
    assert_eq!(
        ran.json(),
        json!({"outcome": "accepted", "device": EUI, "port": 1, "external_reference": "valve 42 & é",
            "status": 201, "body": {"externalReference": "valve 42 & é", "state": "Pending"}})
    );
    assert!(ran.err.starts_with("accepted: "), "{ran:?}");
    let downlink = sim.downlinks().pop().unwrap();
    assert_eq!(downlink.port.as_deref(), Some("1"));
    assert_eq!(downlink.external_reference.as_deref(), Some("valve 42 & é"));
    assert_eq!(downlink.body, br#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","n":"payloadHex","vs":"0102"}]"#);
}

#[test]
fn every_shape_of_answer_is_a_receipt() {
    for (answer, status, body) in [
        (DownlinkAnswer::OkObject, 200, None),
        (DownlinkAnswer::CreatedEmpty, 201, Some(Value::Null)),
        (DownlinkAnswer::NoContent, 204, Some(Value::Null)),
        (DownlinkAnswer::AcceptedText, 202, Some("Accepted".into())),
    ] {
        let sim = simulator().downlink_answer(answer).start().unwrap();
        let receipt = sim.things(RAW).exits(0).json();
        assert_eq!(receipt["status"], status);
        assert!(body.is_none_or(|body| receipt["body"] == body), "{receipt}");
    }
}

#[test]
fn a_downlink_has_a_generated_reference_unless_it_must_have_none() {
    let sim = simulator().start().unwrap();
    let reference = |args| sim.things(&[RAW, args].concat()).exits(0).json()["external_reference"].clone();
    let [first, second] = [reference(&[]), reference(&[])];
    assert!(first.as_str().is_some_and(|uuid| uuid.len() == 36) && first != second, "{first} {second}");
    assert_eq!(reference(&["--no-reference"]), Value::Null);
    let sent: Vec<Value> =
        sim.downlinks().into_iter().map(|downlink| json!(downlink.external_reference)).collect();
    assert_eq!(sent, [first, second, Value::Null]);
    sim.things(&[RAW, &["--no-reference", "--reference", "valve-42"]].concat()).exits(2);
}

#[test]
fn what_people_paste_is_taken() {
    let sim = simulator().start().unwrap();
    let args = ["downlink", "send", "00-59-ac-00-00-18-1e-b6", "--port", "223", "--hex", "FF"];
    sim.things(&args).exits(0);
    assert_eq!(sim.downlinks()[0].records[0]["bn"], "urn:dev:DEVEUI:0059AC0000181EB6:");
}

#[test]
fn what_cannot_be_right_is_refused_before_anything_is_sent() {
    let sim = simulator().start().unwrap();
    let pack_file = file("pack.json", r#"[{"n":"a","v":1}]"#);
    for (args, part) in [
        (&["--port", "0", "--hex", "01"][..], "FPort 0 is for MAC commands"),
        (&["--port", "224", "--hex", "01"], "test port"),
        (&["--port", "-1", "--hex", "01"], "FPort"),
        (&["--port", "1", "--hex", ""], "payload is empty"),
        (&["--port", "1", "--hex", "012"], "an odd number"),
        (&["--port", "1", "--hex", &"00".repeat(243)], "at most 242"),
        (&["--port", "1", "--hex", "01", "--reference", "a\nb"], "external reference"),
        (&["--port", "1", "--hex", "01", "--senml", "[]"], "--senml"),
        (&["--port", "1"], "--hex"),
        (&["--hex", "01"], "--port"),
        (&["--senml", "{}"], "not a JSON array"),
        (&["--senml", "[]"], "is empty"),
        (&["--senml", "nonsense"], "not JSON"),
        (&["--senml", r#"[{"n":"a","v":"1"}]"#], "wrong type"),
        (&["--senml", r#"[{"bn":"urn:dev:DEVEUI:0000000000000000:","n":"a","v":1}]"#], "another device"),
        (&["--senml", "@/nowhere/pack.json"], "/nowhere/pack.json"),
        (&["--senml", r#"[{"n":"a"},{"bn":"urn:dev:DEVEUI:01:"}]"#], "DevEUI of SenML record 2"),
        (&["--senml", "{\"n\":\"a\",\"v\":1}"], "put [ and ] around it"),
        (&["--senml", "'[{n:setpoint,v:21.5}]'"], "single quote"),
        (&["--senml", &pack_file], &format!("did you mean @{pack_file}?")),
        (
            &["--port", "1", "--senml", r#"[{"n":"payloadHex","vs":"0x0102"}]"#],
            "starts with 0x: expected two hex digits",
        ),
        (&["--port", "1", "--senml", r#"[{"n":"payloadHex","vs":"102"}]"#], "an odd number"),
        (
            &["--port", "1", "--senml", r#"[{"n":"payloadHex","v":102}]"#],
            "payload of SenML record 1 is not a text",
        ),
    ] {
        send(&sim, args).exits(2).complains(part);
    }
    for device in ["", "0x0059AC0000181EB6", "0059AC0000181EB", "urn:dev:IMEI:490154203237518:"] {
        sim.things(&["downlink", "send", device, "--port", "1", "--hex", "01"]).exits(2).complains("DevEUI");
    }
    assert_eq!(sim.calls_total(), 0);
}

#[test]
fn a_large_payload_is_sent_with_a_warning() {
    let sim = simulator().start().unwrap();
    let ran = send(&sim, &["--port", "1", "--hex", &"ab".repeat(51)]).exits(0);
    assert!(!ran.err.contains("warning"), "{ran:?}");
    send(&sim, &["--port", "1", "--hex", &"ab".repeat(52)]).exits(0).complains("warning: 52 bytes");
    assert_eq!(sim.downlinks_received(), 2);
}

#[test]
fn records_of_ones_own_go_to_the_device_that_is_named() {
    let sim = simulator().start().unwrap();
    let records = r#"[{"n":"setpoint","v":21.5,"x-own":{"a":1}},{"n":"mode","vs":"eco"}]"#;
    send(&sim, &["--senml", records]).exits(0);
    let downlink = sim.downlinks().pop().unwrap();
    assert_eq!(downlink.port, None);
    assert_eq!(
        downlink.records,
        json!([{"bn": "urn:dev:DEVEUI:0059AC0000181EB6:", "n": "setpoint", "v": 21.5, "x-own": {"a": 1}},
            {"n": "mode", "vs": "eco"}])
    );
    let own = r#"[{"bn":"urn:dev:IMEI:490154203237518:","n":"open","vb":true}]"#;
    let device = "urn:dev:IMEI:490154203237518:";
    let from_file = format!("@{}", file("own.json", own));
    sim.things(&["downlink", "send", device, "--senml", &from_file, "--port", "7"]).exits(0);
    run_with_input(sim.command(&["downlink", "send", device, "--senml", "-"]), own).exits(0);
    let newest = sim.downlinks();
    assert_eq!(newest[1].port.as_deref(), Some("7"));
    assert_eq!(newest[1].records, newest[2].records);
}

#[test]
fn records_keep_their_digits_and_may_have_a_byte_order_mark() {
    let sim = simulator().start().unwrap();
    let records =
        "\u{feff}[{\"n\":\"iccid\", \"v\":89314404000123456789},{\"n\":\"t\",\"v\":1.7657E9,\"x\":[1.0]}]\n";
    send(&sim, &["--senml", &format!("@{}", file("digits.json", records))]).exits(0);
    send(&sim, &["--senml", records]).exits(0);
    for downlink in sim.downlinks() {
        assert_eq!(
            String::from_utf8_lossy(&downlink.body),
            concat!(
                r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","n":"iccid","v":89314404000123456789},"#,
                r#"{"n":"t","v":1.7657E9,"x":[1.0]}]"#
            )
        );
    }
    assert_eq!(sim.downlinks_received(), 2);
}

#[test]
fn a_failure_says_whether_it_can_have_arrived() {
    for (fault, status, outcome, received) in [
        ("downlinks=drop-after", 4, "outcome: Unknown", 1),
        ("downlinks=drop-before", 4, "outcome: Unknown", 0),
        ("downlinks=status:500", 4, "outcome: Unknown", 0),
        ("downlinks=truncate:1", 4, "outcome: Unknown", 1),
        ("downlinks=stall-after", 4, "outcome: Unknown", 1),
        ("downlinks=status:400", 1, "outcome: NotSent", 0),
        ("downlinks=status:403", 1, "outcome: NotSent", 0),
        ("downlinks=status:302,Location:/login", 3, "outcome: NotSent", 0),
        ("token=status:401", 3, "outcome: NotSent", 0),
        ("token=status:500", 1, "outcome: NotSent", 0),
    ] {
        let sim = simulator().fault(fault.parse().unwrap()).start().unwrap();
        let ran = sim.things(&[RAW, &["--timeout", "2"]].concat());
        assert_eq!((ran.status, &*ran.out), (status, ""), "{fault}: {ran:?}");
        ran.complains("error: ").complains("\nrequest: POST http://127.0.0.1").complains(outcome);
        assert_eq!(sim.downlinks_received(), received, "{fault}");
        assert!(sim.calls(Route::Downlinks) <= 2, "{fault}");
    }
}

#[test]
fn a_downlink_for_a_customer_goes_out_as_theirs() {
    let sim = simulator().start().unwrap();
    sim.things(&[RAW, &["--customer", DEFAULT_CUSTOMER]].concat()).exits(0);
    assert_eq!(sim.downlinks()[0].customer.as_deref(), Some(DEFAULT_CUSTOMER));
}

#[test]
fn an_unknown_outcome_is_not_told_to_try_again() {
    let sim = simulator().fault("downlinks=status-after:500,Retry-After:1".parse().unwrap()).start().unwrap();
    let ran = sim
        .things(RAW)
        .exits(4)
        .complains("\nhint: before you send it again, look for it in the KPN Things portal");
    assert!(!ran.err.contains("try again") && !ran.err.contains("requests a wait"), "{ran:?}");
}

#[test]
fn an_accepted_downlink_is_no_failure_though_its_receipt_cannot_be_written() {
    let sim = simulator().start().unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = sim.command(RAW);
    command.stdout(full);
    run(command).exits(0).complains("accepted: ").complains("the response cannot be written");
    assert_eq!(sim.downlinks_received(), 1);
}

#[test]
#[cfg(unix)]
fn a_generated_reference_is_known_even_if_the_output_is_lost() {
    let sim = simulator().start().unwrap();
    let send = ["downlink", "send", EUI, "--port", "1", "--hex", "01"];
    let mut command = sim.command(&send);
    command.stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let ran = run(command).exits(0);
    let reference = sim.downlinks().pop().unwrap().external_reference.unwrap();
    ran.complains(&format!(
        "accepted: it is queued; a class A device gets it after its next uplink (reference {reference})\n"
    ));
    let ran = sim.things(&[&send[..], &["--no-reference"]].concat()).exits(0);
    ran.complains("after its next uplink\n");
}
