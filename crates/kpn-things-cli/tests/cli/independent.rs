use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::tool::{Ran, command, run};

const CUSTOMER: &str = "79658ca8-f1ba-4c25-b824-93813e9fba76";
const SECRET: &str = "a/b+c=d&e%f";

/// A server by other hands, which lists every request that departs from the documentation.
struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    url: String,
}

impl Server {
    fn start() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/independent/server.py");
        let mut child = Command::new("python3")
            .arg(program)
            .env("SERVER_TENANT_ID", "rjsfm52t")
            .env("SERVER_KEY_ID", "key-1")
            .env("SERVER_KEY_SECRET", SECRET)
            .env("SERVER_APPLICATION_ID", "4dc82561-f65f-523g-dek9-6c79ec314f02")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let port = serde_json::from_str::<Value>(&line).unwrap()["port"].clone();
        Self { child, output, url: format!("http://127.0.0.1:{port}") }
    }

    fn things(&self, args: &[&str]) -> Ran {
        let mut command = command(args);
        command
            .env("KPN_THINGS_TENANT_ID", "rjsfm52t")
            .env("KPN_THINGS_KEY_ID", "key-1")
            .env("KPN_THINGS_KEY_SECRET", SECRET)
            .env("KPN_THINGS_GRIP_BASE_URL", &self.url)
            .env("KPN_THINGS_BASE_URL", &self.url);
        run(command)
    }

    /// What it saw.
    fn report(mut self) -> Value {
        drop(self.child.stdin.take());
        let mut report = String::new();
        self.output.read_to_string(&mut report).unwrap();
        assert!(self.child.wait().unwrap().success());
        serde_json::from_str(&report).unwrap()
    }
}

#[test]
fn a_server_by_other_hands_finds_nothing_wrong() {
    let server = Server::start();
    server.things(&["auth", "check"]).exits(0);
    let listed = server.things(&["devices", "list", "--json", "--page-size", "50"]).exits(0);
    assert_eq!(listed.json().as_array().unwrap().len(), 45);
    assert_eq!(listed.err, "45 devices, proven complete with 3 requests\n");
    let found = server.things(&["devices", "list", "--search", "é+% 100%25 a=b", "--ndjson"]).exits(0);
    assert_eq!(found.out.lines().count(), 1);
    server.things(&["devices", "list", "--sort-by", "barcode", "--descending", "--csv"]).exits(0);
    let sent = server.things(&[
        "downlink",
        "send",
        "00:59:ac:00:00:18:1e:b6",
        "--port",
        "223",
        "--hex",
        "0102ff",
        "--reference",
        "valve & é+%",
    ]);
    assert_eq!(sent.exits(0).json()["body"]["state"], "Pending");
    let records = r#"[{"n":"setpoint","v":21.5},{"n":"mode","vs":"eco"}]"#;
    server.things(&["downlink", "send", "0059AC0000181EB6", "--senml", records]).exits(0);
    server.things(&["customer", "switch", CUSTOMER]).exits(0);
    server.things(&["devices", "list", "--customer", CUSTOMER]).exits(0);
    let accept = "Accept: application/vnd.kpnthings.device.v1.response+json";
    server.things(&["api", "GET", "/api/devices", "--header", accept, "--query", "pageSize=1"]).exits(0);
    server.things(&["devices", "list", "--tenant-id", "rjsfm52t", "--key-id", "other"]).exits(3);

    let report = server.report();
    assert_eq!(report["violations"], Value::Array(Vec::new()), "{report}");
    assert_eq!(report["switches"], serde_json::json!([CUSTOMER, CUSTOMER]));
    assert_eq!(report["downlinks"][0]["port"], 223);
    assert_eq!(report["downlinks"][0]["externalReference"], "valve & é+%");
}
