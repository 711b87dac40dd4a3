//! Files as editors and shells of Windows write them: with a byte order mark, or in UTF-16.

use std::fs;

use serde_json::json;
use things_sim::Sim;

use crate::tool::{SECRET, Tool, path, simulator};

const EUI: &str = "0059AC0000181EB6";

/// The text as UTF-8 with a mark, and as UTF-16 as Windows PowerShell writes it.
fn of_windows(name: &str, text: &str) -> [String; 2] {
    let utf_16 = format!("\u{FEFF}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let write = |kind: &str, bytes: Vec<u8>| {
        let path = path(&format!("{name}-{kind}"));
        fs::write(&path, bytes).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    [write("mark", format!("\u{FEFF}{text}").into_bytes()), write("utf-16", utf_16)]
}

fn sim() -> Sim {
    simulator().start().unwrap()
}

#[test]
fn a_key_secret_is_sent_without_its_mark() {
    for file in of_windows("secret", &format!("{SECRET}\r\n")) {
        let sim = sim();
        let mut command = sim.command(&["auth", "check", "--key-secret-file", &file]);
        command.env_remove("KPN_THINGS_KEY_SECRET");
        crate::tool::run(command).exits(0);
    }
}

#[test]
fn senml_and_bodies_are_sent_without_their_mark() {
    for (senml, body) in
        of_windows("senml", r#"[{"n":"setpoint","v":21.5}]"#).into_iter().zip(of_windows("body", "[]"))
    {
        let sim = sim();
        sim.things(&["downlink", "send", EUI, "--senml", &format!("@{senml}")]).exits(0);
        let sent = sim.downlinks().pop().unwrap().body;
        assert_eq!(sent, br#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","n":"setpoint","v":21.5}]"#);
        let path = "/api/actuator/downlinks?port=1";
        sim.things(&["api", "POST", path, "--data", &format!("@{body}")]);
        assert_eq!(sim.requests().last().unwrap().body_length, 2);
    }
}

#[test]
fn a_body_of_another_type_is_sent_as_it_is() {
    let sim = sim();
    let [file, _] = of_windows("plain", "text");
    let header = "Content-Type: text/plain";
    sim.things(&["api", "POST", "/api/x", "--header", header, "--data", &format!("@{file}")]);
    assert_eq!(sim.requests().last().unwrap().body_length, "\u{FEFF}text".len());
}

#[test]
fn a_postman_environment_may_have_a_mark() {
    let sim = sim();
    let text = json!({"values": [{"key": "tenantId", "value": "rjsfm52t", "enabled": true}]}).to_string();
    for file in of_windows("postman", &text) {
        let mut command = sim.command(&["devices", "list", "--postman-environment", &file]);
        command.env_remove("KPN_THINGS_TENANT_ID");
        crate::tool::run(command).exits(0);
    }
}

#[test]
fn what_is_no_text_is_named_with_the_way_out() {
    let latin = path("latin-1");
    fs::write(&latin, b"[{\"n\":\"caf\xE9\",\"v\":1}]").unwrap();
    let senml = format!("@{}", latin.display());
    let ran = sim().things(&["downlink", "send", EUI, "--senml", &senml]).exits(2);
    ran.complains("the SenML is not UTF-8: save it as UTF-8");
}
