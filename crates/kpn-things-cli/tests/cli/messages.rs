//! What a command writes to stderr: requests, summaries, warnings, colors.

use things_sim::Sim;

use crate::tool::{Ran, Tool, bare, simulator};
use crate::wire::Wire;

fn sim(fault: &str) -> Sim {
    simulator().devices(3).fault(fault.parse().unwrap()).start().unwrap()
}

#[test]
fn verbose_shows_each_request_and_each_wait_without_queries_and_secrets() {
    let args = ["devices", "list", "--ndjson", "--search", ""];
    for args in [[&["--verbose"][..], &args].concat(), [&args[..], &["-v"]].concat()] {
        let sim = sim("devices@1=status:503,Retry-After:0");
        let ran = sim.things(&args).exits(0);
        let expected = [
            "the access token is not kept for the next run: cannot create /dev/null/".to_owned(),
            format!("POST {}/v2/rjsfm52t/oidc/idp/c1/token: 200 OK in ", sim.url()),
            format!("GET {}/api/devices: 503 Service Unavailable in ", sim.url()),
            format!("GET {}/api/devices: waiting ", sim.url()),
            format!("GET {}/api/devices: 200 OK in ", sim.url()),
            "3 devices, proven complete with 1 request".to_owned(),
        ];
        let lines: Vec<_> = ran.err.lines().collect();
        assert_eq!(lines.len(), expected.len(), "{ran:?}");
        for (line, start) in lines.iter().zip(&expected) {
            assert!(line.starts_with(start), "{line} {start}");
        }
        assert!(lines[2].ends_with(" ms (attempt 1)") && lines[4].ends_with(" ms (attempt 2)"), "{ran:?}");
        assert!(!ran.err.contains('?'), "{ran:?}");
    }
}

#[test]
fn verbose_shows_why_there_was_no_response() {
    let ran =
        sim("devices=drop-after").things(&["devices", "list", "--verbose", "--timeout", "0.5"]).exits(1);
    ran.complains("/api/devices: the connection broke in ");
}

#[test]
fn quiet_leaves_out_summaries_and_warnings_and_keeps_errors() {
    let sim = sim("devices@2-=status:400");
    assert_eq!(sim.things(&["--quiet", "devices", "list"]).exits(0).err, "");
    let ran = sim.things(&["devices", "list", "-q"]).exits(1);
    assert!(ran.err.starts_with("error: 400"), "{ran:?}");
    let payload = "00".repeat(100);
    let args = ["downlink", "send", "0059AC0000181EB6", "--port", "1", "--hex", &payload];
    sim.things(&args).exits(0).complains("warning: ").complains("accepted: ");
    assert_eq!(sim.things(&[&args[..], &["--quiet"]].concat()).exits(0).err, "");
    bare(&["devices", "list", "--quiet", "--verbose"]).exits(2).complains("cannot be used with");
}

#[test]
fn messages_are_colored_where_it_is_asked_for() {
    let is_colored = |ran: Ran| {
        let ran = ran.exits(2);
        assert!(ran.err.contains("error:"), "{ran:?}");
        ran.err.contains("\x1b[31merror:\x1b[0m")
    };
    let missing = ["devices", "list"];
    assert!(!is_colored(bare(&missing)), "a pipe has no colors");
    assert!(is_colored(bare(&[&missing[..], &["--color", "always"]].concat())));
    assert!(is_colored(bare(&[&["--color=always"], &missing[..]].concat())));
    assert!(is_colored(bare(&["--color=always", "nonsense"])), "arguments that do not parse have colors too");
    let with = |variable: &str, args: &[&str]| {
        let mut command = crate::tool::command(args);
        command.env(variable, "1");
        is_colored(crate::tool::run(command))
    };
    assert!(with("CLICOLOR_FORCE", &missing));
    assert!(!with("CLICOLOR_FORCE", &[&missing[..], &["--color", "never"]].concat()));
    bare(&["devices", "list", "--color", "red"]).exits(2).complains("never");
}

#[test]
fn nothing_in_a_reason_of_the_service_steers_the_terminal() {
    let reason = r#"{"error":"Bad Request","message":"no \u202evalve\u001b[2J\nhint: send it again"}"#;
    let wire = Wire::start(move |_| (400, reason.to_owned()));
    let ran = wire.things(&["devices", "list", "--plain", "--page-size", "5", "--sort-by", "name"]).exits(1);
    assert!(ran.err.starts_with("error: 400 Bad Request; "), "{ran:?}");
    assert!(ran.err.contains("valve") && !ran.err.contains(['\u{202E}', '\u{1B}']), "{ran:?}");
    assert!(!ran.err.contains("\nhint: send"), "{ran:?}");
}

#[test]
fn the_end_of_an_endpoint_is_a_warning_after_the_data() {
    let sim = simulator().devices(3).quirk("sunset".parse().unwrap()).start().unwrap();
    for args in [&["devices", "list", "--ndjson"][..], &["devices", "list", "--ndjson", "--verbose"]] {
        let ran = sim.things(args).exits(0);
        let expected = format!(
            "warning: the service announces the end of GET {}/api/devices: Sunset: Wed, 31 Dec 2031 23:59:59 GMT",
            sim.url()
        );
        assert_eq!(ran.err.matches(&expected).count(), 1, "{ran:?}");
        assert_eq!(ran.out.lines().count(), 3);
    }
    assert_eq!(sim.things(&["devices", "list", "--quiet"]).exits(0).err, "");
}
