//! S15: instructions of one whole call through the flow, without a transport, counted by callgrind.

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Request, Response};
use things_core::{Builder, Config, Credentials, ListDevices, Moment, Session, Step, finish};

use crate::report::Report;
use crate::{by_hand, decode};

pub(crate) fn measure(report: &mut Report) {
    match (instructions("flow"), instructions("hand")) {
        (Some(flow), Some(hand)) => {
            let detail = format!(" ({flow:.0} and {hand:.0} instructions)");
            report.row(
                "S15",
                "one listing call through the flow / by hand with http and serde_json",
                flow / hand,
                "",
                0.70,
                &detail,
            );
        }
        _ => report.skip("S15", "valgrind is not there"),
    }
}

/// Instructions a call, from the difference of two runs.
fn instructions(how: &str) -> Option<f64> {
    let total = |calls: &str| {
        let program = std::env::current_exe().ok()?;
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(program)
            .args(["child", "call", how, calls])
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let count = text.lines().find_map(|line| line.split("Collected :").nth(1))?;
        count.trim().parse::<f64>().ok()
    };
    Some((total("3000")? - total("1000")?) / 2000.0)
}

pub(crate) fn child(how: &str, calls: u64) {
    let body = Bytes::from(decode::page(20));
    let call: Box<dyn Fn(u64) -> usize> = match how {
        "flow" => {
            let session = session();
            Box::new(move |number| through_the_flow(&session, &body, number))
        }
        _ => Box::new(move |number| written_by_hand(&body, number)),
    };
    let devices: usize = (0..calls).map(|number| call(black_box(number))).sum();
    assert_eq!(devices as u64, 20 * calls);
}

fn session() -> Session {
    let config: Config = Builder::new(Credentials::new("rjsfm52t", "key", "secret"), Ok).build().unwrap();
    Session::new(config, 1)
}

fn through_the_flow(session: &Session, body: &Bytes, number: u64) -> usize {
    let now = Moment::new(Duration::from_secs(1), SystemTime::UNIX_EPOCH);
    let operation = ListDevices::new().page(number).page_size(20);
    let mut step = session.start(&operation, now);
    loop {
        step = match step {
            Step::Send(request, exchange) => {
                let token = request.uri().path().ends_with("/token");
                let body = if token {
                    Bytes::from_static(br#"{"access_token":"abc.def.ghi","expires_in":3600}"#)
                } else {
                    body.clone()
                };
                black_box(request);
                exchange.resume(Ok(Response::new(body)), now)
            }
            Step::Done(result) => return finish(&operation, result).unwrap().devices.len(),
            _ => panic!("nothing to wait for"),
        };
    }
}

fn written_by_hand(body: &Bytes, number: u64) -> usize {
    let request =
        Request::get(format!("https://api.kpnthings.com/api/devices?currentPage={number}&pageSize=20"))
            .header("Accept", "application/vnd.kpnthings.device.v1.response+json")
            .header("Authorization", "Bearer abc.def.ghi")
            .header("User-Agent", "by-hand/1.0")
            .body(Bytes::new())
            .unwrap();
    black_box(request);
    let response = Response::new(body.clone());
    serde_json::from_slice::<by_hand::Page>(response.body()).unwrap().content.len()
}
