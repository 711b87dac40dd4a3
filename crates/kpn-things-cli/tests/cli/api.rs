use things_sim::{DEFAULT_CUSTOMER, Sim};

use crate::tool::{Tool, bare, file, run, run_with_input, simulator};

const ACCEPT: &str = "Accept: application/vnd.kpnthings.device.v1.response+json";
const ACCEPT_ACTUATOR: &str = "Accept: application/vnd.kpnthings.actuator.v1.response+json";
const PACK: &str = r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","n":"payloadHex","vs":"0102"}]"#;

fn target(sim: &Sim) -> String {
    sim.requests().last().unwrap().target.clone()
}

#[test]
fn the_body_is_printed_as_it_came() {
    let sim = simulator().devices(3).start().unwrap();
    let ran =
        sim.things(&["api", "get", "/api/devices", "--header", ACCEPT, "--query", "pageSize=2"]).exits(0);
    assert_eq!(ran.json()["totalElements"], 3);
    assert_eq!(ran.json()["content"].as_array().unwrap().len(), 2);
    assert_eq!(ran.err, "");
    assert_eq!(target(&sim), "/api/devices?pageSize=2");
}

#[test]
fn queries_are_encoded() {
    let sim = simulator().start().unwrap();
    let query = "search=a&b=c é%+";
    sim.things(&["api", "GET", "/api/devices?pageSize=1", "--header", ACCEPT, "--query", query]).exits(0);
    assert_eq!(target(&sim), "/api/devices?pageSize=1&search=a%26b%3Dc%20%C3%A9%25%2B");
}

#[test]
fn status_and_headers_are_printed_on_request() {
    let sim = simulator().start().unwrap();
    let args = ["api", "GET", "/api/devices", "-i"];
    let ran = sim.things(&args).exits(0);
    let (head, body) = ran.out.split_once("\n\n").unwrap();
    assert!(head.starts_with("HTTP 200 OK\n") && head.contains("content-type: application/vnd.kpnthings"));
    assert!(body.starts_with("{\"content\""));
}

#[test]
fn an_error_prints_its_body_and_says_what_was_asked() {
    let sim = simulator().start().unwrap();
    let ran = sim.things(&["api", "GET", "/api/nothing", "--include"]).exits(1);
    let (head, body) = ran.out.split_once("\n\n").unwrap();
    assert!(head.starts_with("HTTP 404 Not Found\ncontent-type: application/json"), "{ran:?}");
    assert!(body.contains("\"error\":\"Not Found\""), "{ran:?}");
    assert!(ran.err.starts_with("error: 404 Not Found"), "{ran:?}");
    ran.complains("\nrequest: GET http://127.0.0.1:")
        .complains("/api/nothing (1 attempt")
        .complains("\nhint: ");
}

#[test]
fn a_body_is_given_or_read_from_a_file_or_standard_input() {
    let sim = simulator().start().unwrap();
    let send = |data: &str| {
        sim.command(&[
            "api",
            "POST",
            "/api/actuator/downlinks?port=1",
            "--header",
            ACCEPT_ACTUATOR,
            "--data",
            data,
        ])
    };
    crate::tool::run(send(PACK)).exits(0);
    crate::tool::run(send(&format!("@{}", file("pack.json", PACK)))).exits(0);
    run_with_input(send("-"), PACK).exits(0);
    assert_eq!(sim.downlinks().iter().filter(|downlink| downlink.body == PACK.as_bytes()).count(), 3);
    crate::tool::run(send("@/nowhere/pack.json")).exits(2).complains("/nowhere/pack.json");
}

#[test]
fn a_post_that_may_have_been_processed_is_unknown() {
    let sim = simulator().fault("downlinks=drop-after".parse().unwrap()).start().unwrap();
    let args = ["api", "POST", "/api/actuator/downlinks?port=1", "--header", ACCEPT_ACTUATOR, "--data", PACK];
    sim.things(&args).exits(4).complains("outcome: Unknown");
    assert_eq!(sim.downlinks_received(), 1);
}

#[test]
fn a_call_may_be_for_a_customer() {
    let sim = simulator().start().unwrap();
    let args = ["api", "GET", "/api/devices", "--header", ACCEPT, "--customer", DEFAULT_CUSTOMER];
    assert_eq!(sim.things(&args).exits(0).json()["totalElements"], 3);
}

#[test]
fn what_cannot_be_right_is_refused_before_anything_is_sent() {
    let sim = simulator().start().unwrap();
    for args in [
        &["GET", "/../devices"][..],
        &["GET", "https://evil.example/"],
        &["GET", "C:/Program Files/Git/api/devices"],
        &["G T", "/devices"],
        &["GET", "/devices", "--query", "limit"],
        &["GET", "/devices", "--header", "Accept"],
        &["GET", "/devices", "--header", "Authorization: Bearer x"],
        &["GET", "/devices", "--header", "X-A: a\nb"],
        &["GET", "/devices", "--header", "User-Agent: my-app"],
        &["POST", "/devices", "--data", "{'a': 1}"],
        &["POST", "/devices", "--data", "{'a': 1}", "--header", "Content-Type: application/x+json"],
        &["GET", "/devices", "--data", "{}"],
    ] {
        sim.things(&[&["api"], args].concat()).exits(2).complains("error: ");
    }
    assert_eq!(sim.calls_total(), 0);
    bare(&["api", "GET", "/devices"]).exits(2).complains("KPN_THINGS_TENANT_ID");
}

#[test]
fn a_path_is_found_with_one_slash_none_two_or_as_a_whole_url() {
    let sim = simulator().start().unwrap();
    let url = format!("{}/api/devices?pageSize=1", sim.url());
    for path in ["/api/devices?pageSize=1", "api/devices?pageSize=1", "//api/devices?pageSize=1", &url] {
        sim.things(&["api", "GET", path, "--header", ACCEPT]).exits(0);
        assert_eq!(target(&sim), "/api/devices?pageSize=1", "{path}");
    }
    let ran = sim.things(&["api", "GET", "C:/Program Files/Git/api/devices"]).exits(2);
    ran.complains("Git Bash").complains("leave that slash out");
    let ran = sim.things(&["api", "GET", "https://api.kpnthings.com/devices?q=x"]).exits(2);
    ran.complains("is a URL on https://api.kpnthings.com, and the base URL is http://127.0.0.1");
}

#[test]
fn a_body_of_another_type_is_sent_as_it_is() {
    let sim = simulator().start().unwrap();
    let args = [
        "api",
        "POST",
        "/x",
        "--data",
        "{'a': 1}",
        "--header",
        "content-type: text/plain",
        "--header",
        "X-A:",
    ];
    sim.things(&args).exits(1).complains("404");
    let request = sim.requests().last().unwrap().clone();
    assert_eq!(request.body_length, 8);
    for (name, value) in [("content-type", "text/plain"), ("x-a", "")] {
        assert!(request.headers.iter().any(|(n, v)| n.eq_ignore_ascii_case(name) && v == value), "{name}");
    }
    sim.things(&["api", "POST", "/x", "--data", "{'a': 1}"])
        .exits(2)
        .complains("body is not JSON (line 1, column 2)");
}

#[test]
fn a_refusal_that_nobody_reads_is_a_failure_still() {
    let sim = simulator().start().unwrap();
    let mut command = sim.command(&["api", "GET", "/nowhere", "--include"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command.stdout(writer);
    run(command).exits(1).complains("404");
}

#[test]
fn include_shows_the_headers_of_a_refusal() {
    let sim = simulator().fault("other=status:400,X-Request-Id:4711".parse().unwrap()).start().unwrap();
    sim.things(&["api", "GET", "/x", "--include"]).exits(1).prints("HTTP 400").prints("x-request-id: 4711");
}

#[test]
fn accept_is_what_is_documented_for_the_path() {
    let sim = simulator().start().unwrap();
    let accept = |sim: &Sim| sim.requests().last().unwrap().header("accept").unwrap().to_owned();
    sim.things(&["api", "/api/devices"]).exits(0);
    assert_eq!(accept(&sim), "application/vnd.kpnthings.device.v1.response+json");
    sim.things(&["api", "/api/actuator/downlinks?port=1", "-d", PACK]).exits(0);
    assert_eq!(accept(&sim), "application/vnd.kpnthings.actuator.v1.response+json");
    let switch = format!("/api/v1/lifecycle/clients/{DEFAULT_CUSTOMER}/context-switch");
    sim.things(&["api", &switch, "-H", "Content-Type: application/json"]).exits(0);
    assert_eq!(accept(&sim), "application/json");
    sim.things(&["api", "/api/devices", "-H", "accept: text/plain"]).exits(1);
    assert_eq!(accept(&sim), "text/plain");
}

#[test]
fn the_method_is_an_argument_an_option_or_follows_from_the_body() {
    let sim = simulator().start().unwrap();
    for (args, method) in [
        (&["/x"][..], "GET"),
        (&["/x", "-d", "{}"], "POST"),
        (&["-X", "PATCH", "/x", "-d", "{}"], "PATCH"),
        (&["-X", "DELETE", "/x"], "DELETE"),
        (&["put", "/x", "--data", "{}"], "PUT"),
    ] {
        sim.things(&[&["api"], args].concat()).exits(1);
        assert_eq!(sim.requests().last().unwrap().method, method, "{args:?}");
    }
    let ran = sim.things(&["api", "GET"]).exits(2);
    ran.complains("a path is missing: things api GET /api/devices");
    sim.things(&["api", "-X", "PUT", "POST", "/x"]).exits(2).complains("cannot be used with");
    sim.things(&["api", "GET", "/x", "/y"]).exits(2);
}
