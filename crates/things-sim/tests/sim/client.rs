//! An HTTP client of a few lines.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use things_sim::Sim;

pub(crate) const DEVICES: &str = "application/vnd.kpnthings.device.v1.response+json";
pub(crate) const DOWNLINKS: &str = "application/vnd.kpnthings.actuator.v1.response+json";
pub(crate) const DOWNLINK: &str =
    r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","n":"payloadHex","vs":"0102"}]"#;
pub(crate) const SEND: &str = "/api/actuator/downlinks?port=1";

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// One connection.
pub(crate) struct Wire(BufReader<TcpStream>);

impl Wire {
    pub(crate) fn to(sim: &Sim) -> Self {
        let stream = TcpStream::connect(sim.addr()).unwrap();
        // Only so that a failing test does not hang.
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(BufReader::new(stream))
    }

    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    pub(crate) fn half_close(&mut self) {
        self.0.get_mut().shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// The next answer; `None` when the connection ended before it was whole.
    pub(crate) fn read(&mut self) -> Option<Answer> {
        let mut answer = self.read_head()?;
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        answer.body.resize(length, 0);
        self.0.read_exact(&mut answer.body).ok()?;
        Some(answer)
    }

    pub(crate) fn read_head(&mut self) -> Option<Answer> {
        let line = self.line()?;
        let status = line.split(' ').nth(1)?.parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            match line.split_once(": ") {
                Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
                None => return Some(Answer { status, headers, body: Vec::new() }),
            }
        }
    }

    /// Everything up to the end of the connection.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).unwrap();
        rest
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.0.read_line(&mut line).ok()?;
        Some(line.strip_suffix("\r\n")?.to_owned())
    }
}

pub(crate) fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: sim\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    text + "\r\n" + body
}

/// One request on a connection of its own; `None` when it is not answered.
pub(crate) fn try_call(
    sim: &Sim,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<Answer> {
    let mut wire = Wire::to(sim);
    wire.write(request(method, target, headers, body));
    wire.read()
}

pub(crate) fn call(sim: &Sim, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    try_call(sim, method, target, headers, body).unwrap()
}

pub(crate) fn token_path(sim: &Sim) -> String {
    format!("/v2/{}/oidc/idp/c1/token", sim.credentials().tenant_id)
}

pub(crate) fn token_body(sim: &Sim) -> Value {
    let known = sim.credentials();
    json!({
        "grant_type": "client_credentials",
        "audience": known.application_id,
        "client_id": known.key_id,
        "client_secret": known.key_secret,
    })
}

pub(crate) fn ask_token(sim: &Sim) -> Answer {
    let body = token_body(sim).to_string();
    call(sim, "POST", &token_path(sim), &[("Content-Type", "application/json")], &body)
}

/// The value of `Authorization`.
pub(crate) fn bearer(sim: &Sim) -> String {
    format!("Bearer {}", ask_token(sim).json()["access_token"].as_str().unwrap())
}

pub(crate) fn list(sim: &Sim, bearer: &str, query: &str) -> Answer {
    let target = format!("/api/devices{query}");
    call(sim, "GET", &target, &[("Authorization", bearer), ("Accept", DEVICES)], "")
}

/// A page over a connection that stays open.
pub(crate) fn page(wire: &mut Wire, bearer: &str, query: &str) -> Value {
    let target = format!("/api/devices?{query}");
    wire.write(request("GET", &target, &[("Authorization", bearer), ("Accept", DEVICES)], ""));
    wire.read().unwrap().json()
}

pub(crate) fn send(sim: &Sim, bearer: &str, target: &str, body: &str) -> Answer {
    call(sim, "POST", target, &send_headers(bearer), body)
}

pub(crate) fn send_headers(bearer: &str) -> [(&str, &str); 3] {
    [("Authorization", bearer), ("Accept", DOWNLINKS), ("Content-Type", "application/json")]
}

pub(crate) fn switch(sim: &Sim, bearer: &str, customer: &str) -> Answer {
    let target = format!("/api/v1/lifecycle/clients/{customer}/context-switch");
    let headers =
        [("Authorization", bearer), ("Accept", "application/json"), ("Content-Type", "application/json")];
    call(sim, "GET", &target, &headers, "")
}

pub(crate) fn names(page: &Value) -> Vec<String> {
    texts(&page["content"], "name")
}

pub(crate) fn uuids(page: &Value) -> Vec<String> {
    texts(&page["content"], "uuid")
}

fn texts(devices: &Value, field: &str) -> Vec<String> {
    devices.as_array().unwrap().iter().map(|device| device[field].as_str().unwrap().to_owned()).collect()
}
