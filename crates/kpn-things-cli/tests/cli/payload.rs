//! Payloads and devices of `things downlink send`, as people paste them.

use serde_json::json;
use things_sim::Sim;

use crate::tool::{Ran, Tool, file, run_with_input, simulator};

const EUI: &str = "0059AC0000181EB6";

/// The arguments of a downlink to port 1.
fn arguments<'a>(content: &[&'a str]) -> Vec<&'a str> {
    [&["downlink", "send", EUI, "--port", "1"], content].concat()
}

fn send(sim: &Sim, content: &[&str]) -> Ran {
    sim.things(&arguments(content))
}

/// The payload of the newest downlink, in hex.
fn sent(sim: &Sim) -> String {
    sim.downlinks().pop().unwrap().records[0]["vs"].as_str().unwrap().to_owned()
}

#[test]
fn hex_is_taken_as_people_paste_it() {
    let sim = simulator().start().unwrap();
    for hex in ["0102ff", "0x0102FF", "01 02 ff", "01-02-FF", "01:02:ff", "0x01, 0x02, 0xff", "0102ff\n"] {
        send(&sim, &["--hex", hex]).exits(0);
        assert_eq!(sent(&sim), "0102ff", "{hex:?}");
    }
}

#[test]
fn every_form_of_a_payload_is_sent_as_its_bytes() {
    let sim = simulator().start().unwrap();
    let bytes = file("payload.bin", "\u{1}\n");
    let hex = format!("@{}", file("payload.hex", "01 02\n03 04\n"));
    for (content, expected) in [
        (&["--base64", "AQI="][..], "0102"),
        (&["--base64", "_w"], "ff"),
        (&["--base64=-w"], "fb"),
        (&["--text", "é!"], "c3a921"),
        (&["--text", "-1"], "2d31"),
        (&["--text", "@off"], "406f6666"),
        (&["--file", &bytes], "010a"),
        (&["--hex", &hex], "01020304"),
    ] {
        let ran = send(&sim, content).exits(0);
        assert_eq!(sent(&sim), expected, "{content:?}");
        assert!(!ran.err.contains("warning"), "{ran:?}");
    }
    for (content, input, expected) in [
        (["--hex", "-"], "0x01 0x02\n", "0102"),
        (["--base64", "-"], "AQI=\n", "0102"),
        (["--file", "-"], "a\n", "610a"),
    ] {
        run_with_input(sim.command(&arguments(&content)), input).exits(0);
        assert_eq!(sent(&sim), expected, "{content:?}");
    }
}

#[test]
fn a_downlink_has_one_content() {
    let sim = simulator().start().unwrap();
    send(&sim, &[]).exits(2).complains("--hex").complains("--base64").complains("--senml");
    for content in [
        ["--hex", "01", "--text", "a"],
        ["--file", "a", "--senml", "[]"],
        ["--base64", "AQI=", "--hex", "01"],
    ] {
        send(&sim, &content).exits(2).complains("cannot be used with");
    }
    sim.things(&["downlink", "send", EUI, "--hex", "--port", "1"]).exits(2).complains("a value is required");
    assert_eq!(sim.calls_total(), 0);
}

#[test]
fn what_was_pasted_into_the_wrong_option_is_guessed() {
    let sim = simulator().start().unwrap();
    for (content, part) in [
        (["--hex", "AQI="], "hint: this looks like base64: use --base64"),
        (["--hex", "hello"], "hint: to send a text, use --text"),
        (["--hex", "\\x01\\x02"], "hint: leave \\x out"),
        (["--hex", "0102h"], "has 'h' at position 5"),
        (["--hex", "1, 2, 255"], "has 1 hex digit, an odd number, at position 1"),
        (["--base64", "01:02"], "payload has ':' at position 3: expected base64"),
        (["--base64", "AQJ"], "payload is not base64"),
        (["--base64", "0x0102"], "hint: this looks like hex: use --hex"),
        (["--text", ""], "payload is empty"),
        (["--file", "/nowhere/payload"], "the payload cannot be read from /nowhere/payload"),
    ] {
        send(&sim, &content).exits(2).complains(part);
    }
    assert_eq!(sim.calls_total(), 0);
    for hex in ["0102", "01 02"] {
        let ran = send(&sim, &["--base64", hex]).exits(0);
        ran.complains(
            "warning: the payload looks like hex, and is sent as 3 bytes of base64: use --hex for hex",
        );
    }
}

#[test]
fn what_is_given_in_place_of_a_dev_eui_is_explained() {
    let sim = simulator().start().unwrap();
    let uuid = "d2723e99-1fe4-4d60-9b6d-8061f7414b24";
    for (device, part) in [
        (
            &[uuid][..],
            "is a device's UUID, and a downlink needs its DevEUI\nhint: `things devices get d2723e99-",
        ),
        (
            &["-"],
            "\"-\" is not a DevEUI, and a downlink goes to one device\nhint: for a list, use a loop: while",
        ),
        (&["@list.txt"], "\"@list.txt\" is not a DevEUI, and a downlink goes to one device"),
        (&[EUI, "0059AC0000181EB7"], "2 devices are given, and a downlink goes to one device"),
        (&["0059AC0000181EB6,0059AC0000181EB7"], "several DevEUIs are given"),
        (&[EUI, "02", "03"], "hint: put a payload with spaces into quotes: --hex \"01 02\""),
        (
            &["Parking sensor 00036"],
            "hint: if it is the name of a device, look up its DevEUI with: things devices get \"Parking sensor 00036\"\n",
        ),
        (&["valve-$1"], "things devices get 'valve-$1'\n"),
        (&["0059AC0000181EBG"], "such as 0059AC0000181EB6\n"),
        (&[EUI, "please"], "unexpected argument \"please\" after the device"),
        (&["urn:dev:IMEI:490154203237518:"], "has no DevEUI, and only --senml goes to other devices"),
    ] {
        let arguments = [&["downlink", "send"], device, &["--port", "1", "--hex", "01"]].concat();
        sim.things(&arguments).exits(2).complains(part);
        sim.things(&[&["downlink", "send"], device, &["--senml", "nonsense"]].concat()).exits(2);
    }
    assert_eq!(sim.calls_total(), 0);
}

#[test]
fn a_receipt_names_device_port_and_reference() {
    let sim = simulator().start().unwrap();
    let urn = "urn:dev:DEVEUI:0059ac0000181eb6:";
    let args = ["downlink", "send", urn, "--port", "7", "--hex", "01", "--no-reference"];
    let receipt = sim.things(&args).exits(0).json();
    assert_eq!(
        [&receipt["device"], &receipt["port"], &receipt["external_reference"]],
        [&json!(EUI), &json!(7), &json!(null)]
    );
    let imei = "urn:dev:IMEI:490154203237518:";
    let args = ["downlink", "send", imei, "--senml", r#"[{"n":"open","vb":true}]"#, "--reference", "door"];
    let receipt = sim.things(&args).exits(0).json();
    assert_eq!(
        [&receipt["device"], &receipt["port"], &receipt["external_reference"]],
        [&json!(imei), &json!(null), &json!("door")]
    );
}

#[test]
fn spaces_around_a_dev_eui_are_ignored() {
    let sim = simulator().start().unwrap();
    for device in [" 0059AC0000181EB6", "0059AC0000181EB6 ", "0059AC0000181EB6\r"] {
        let ran = sim.things(&["downlink", "send", device, "--port", "1", "--hex", "01"]).exits(0);
        assert_eq!(ran.json()["device"], EUI, "{device:?}");
    }
}
