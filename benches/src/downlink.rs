//! S15b: single downlinks over loopback, against the same code by hand with the same library.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use things_core::{Credentials, DevEui, Downlink, FPort};

use crate::by_hand;
use crate::listing::pinned_child;
use crate::report::{Report, median, time};

const ROUNDS: usize = 101;
const DOWNLINKS: usize = 200;
const SECRET: &str = "c0ffee00-1234-4321-8765-0123456789ab";

/// As long as a JSON Web Token is.
static TOKEN: LazyLock<String> = LazyLock::new(|| format!("eyJhbGciOiJSUzI1NiJ9.{}", "0aB9_-xY".repeat(96)));

pub(crate) fn measure(report: &mut Report) {
    let (ratios, pin) = pinned_child("downlink");
    let [reqwest, ureq] = ratios[..] else { panic!("two ratios, not {ratios:?}") };
    report.row("S15b", "reqwest: one downlink / by hand with reqwest", reqwest, "", 1.05, pin);
    report.row("S15b", "ureq: one downlink / by hand with ureq", ureq, "", 1.05, pin);
}

/// Prints two medians of ratios to code by hand: reqwest and ureq.
pub(crate) fn child() {
    let url = start_server();
    // On one CPU, threads of a runtime would only take turns.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let credentials = || Credentials::new("rjsfm52t", "5d1f7a0e", SECRET);
    let builder = things_reqwest::Client::builder(credentials());
    let reqwest = builder.base_url(&url).grip_base_url(&url).build().unwrap();
    let builder = things_ureq::Client::builder(credentials());
    let ureq = builder.base_url(&url).grip_base_url(&url).build().unwrap();
    let (async_by_hand, by_hand) = (by_hand::client(), agent());
    let device: DevEui = "0059AC0000181EB6".parse().unwrap();
    let downlink = |number: u8| {
        Downlink::raw(device, FPort::new(1).unwrap(), [number, 2, 3]).unwrap().without_reference()
    };
    let mut ratios = [const { Vec::new() }; 2];
    for round in 0..=ROUNDS {
        let numbers = || (0..DOWNLINKS).map(|number| number as u8);
        let (async_base, ()) = time(|| {
            runtime.block_on(async {
                for number in numbers() {
                    assert_eq!(send_by_hand_async(&async_by_hand, &url, number).await, 201);
                }
            })
        });
        let (base, ()) =
            time(|| numbers().for_each(|number| assert_eq!(send_by_hand(&by_hand, &url, number), 201)));
        let (async_time, ()) = time(|| {
            runtime.block_on(async {
                for number in numbers() {
                    assert_eq!(reqwest.send_downlink(&downlink(number)).await.unwrap().status, 201);
                }
            })
        });
        let (blocking_time, ()) = time(|| {
            numbers()
                .for_each(|number| assert_eq!(ureq.send_downlink(&downlink(number)).unwrap().status, 201))
        });
        // The first round fetches the tokens and opens the connections.
        if round > 0 {
            let [first, second] = &mut ratios;
            first.push(async_time.as_secs_f64() / async_base.as_secs_f64());
            second.push(blocking_time.as_secs_f64() / base.as_secs_f64());
        }
    }
    ratios.into_iter().for_each(|ratios| print!("{} ", median(ratios)));
}

/// The body that a downlink has.
fn body(number: u8) -> String {
    json!([{"bn": "urn:dev:DEVEUI:0059AC0000181EB6:", "n": "payloadHex", "vs": format!("{number:02X}0203")}])
        .to_string()
}

const RESPONSE: &str = "application/vnd.kpnthings.actuator.v1.response+json";

async fn send_by_hand_async(client: &reqwest::Client, url: &str, number: u8) -> u16 {
    let response = client
        .post(format!("{url}/api/actuator/downlinks?port=1"))
        .header("Accept", RESPONSE)
        .header("Accept-Encoding", "identity")
        .header("Content-Type", "application/json")
        .header("User-Agent", "by-hand/1.0")
        .bearer_auth(&*TOKEN)
        .timeout(Duration::from_secs(15))
        .body(body(number))
        .send()
        .await
        .unwrap();
    let status = response.status().as_u16();
    black_box(serde_json::from_slice::<Value>(&response.bytes().await.unwrap()).unwrap());
    status
}

/// With a time limit for each phase. One for the whole request would make ureq start a thread per request, to look up
/// the name of the host.
fn agent() -> ureq::Agent {
    const LIMIT: Option<Duration> = Some(Duration::from_secs(15));
    ureq::Agent::config_builder()
        .timeout_connect(LIMIT)
        .timeout_send_request(LIMIT)
        .timeout_send_body(LIMIT)
        .timeout_recv_response(LIMIT)
        .timeout_recv_body(LIMIT)
        .build()
        .into()
}

fn send_by_hand(agent: &ureq::Agent, url: &str, number: u8) -> u16 {
    let mut response = agent
        .post(format!("{url}/api/actuator/downlinks?port=1"))
        .header("Accept", RESPONSE)
        .header("Accept-Encoding", "identity")
        .header("Content-Type", "application/json")
        .header("User-Agent", "by-hand/1.0")
        .header("Authorization", format!("Bearer {}", *TOKEN))
        .send(body(number).as_str())
        .unwrap();
    let status = response.status().as_u16();
    black_box(serde_json::from_slice::<Value>(&response.body_mut().read_to_vec().unwrap()).unwrap());
    status
}

/// Starts a server that does as little as one can, so that the ratio is that of the clients: a token for a token request,
/// and a receipt for everything else.
fn start_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for connection in listener.incoming() {
            thread::spawn(|| serve(connection.unwrap()));
        }
    });
    url
}

fn serve(connection: TcpStream) {
    connection.set_nodelay(true).unwrap();
    let mut writer = connection.try_clone().unwrap();
    let mut reader = BufReader::new(connection);
    let token = json!({"access_token": &*TOKEN, "expires_in": 3600}).to_string();
    let (mut line, mut body) = (String::new(), Vec::new());
    let (mut length, mut is_token) = (0, false);
    while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
        if line == "\r\n" {
            body.resize(length, 0);
            reader.read_exact(&mut body).unwrap();
            let (status, json) =
                if is_token { ("200 OK", &*token) } else { ("201 Created", r#"{"id":"1"}"#) };
            let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\n");
            let response = format!("{head}Content-Length: {}\r\n\r\n{json}", json.len());
            writer.write_all(response.as_bytes()).unwrap();
            length = 0;
        } else if line.starts_with("POST ") {
            is_token = line.contains("/token");
        } else if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
}
