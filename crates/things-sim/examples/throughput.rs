//! How many pages the simulator serves over one kept-alive connection: `cargo run --release -p
//! things-sim --example throughput -- [PAGE_SIZE]`. The client only waits for the bytes, so that the simulator is what is measured.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;
use things_sim::Sim;

const DEVICES: usize = 100_000;
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let size: usize = std::env::args().nth(1).map_or(Ok(20), |size| size.parse())?;
    let sim = Sim::builder().devices(DEVICES).seed(7).start()?;
    let mut wire = TcpStream::connect(sim.addr())?;
    wire.set_nodelay(true)?;
    let mut buffer = vec![0; 1 << 16];
    let token = token(&sim, &mut wire, &mut buffer)?;
    let pages = DEVICES.div_ceil(size);
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for page in 0..pages {
            let request = format!(
                "GET /api/devices?currentPage={page}&pageSize={size} HTTP/1.1\r\nHost: sim\r\n\
                 Accept: application/vnd.kpnthings.device.v1.response+json\r\nAuthorization: Bearer {token}\r\n\r\n"
            );
            wire.write_all(request.as_bytes())?;
            read_answer(&mut wire, &mut buffer)?;
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    let rate = pages as f64 / best;
    println!("{rate:.0} pages of {size} a second, {:.1} us each (best of {ROUNDS} rounds)", 1e6 / rate);
    Ok(())
}

fn token(sim: &Sim, wire: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<String, Box<dyn Error>> {
    let known = sim.credentials();
    let body = serde_json::json!({
        "grant_type": "client_credentials",
        "audience": known.application_id,
        "client_id": known.key_id,
        "client_secret": known.key_secret,
    })
    .to_string();
    let path = format!("/v2/{}/oidc/idp/c1/token", known.tenant_id);
    let length = body.len();
    write!(
        wire,
        "POST {path} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let answer = read_answer(wire, buffer)?;
    let answer: serde_json::Value = serde_json::from_slice(answer)?;
    Ok(answer.get("access_token").and_then(|token| token.as_str()).ok_or("no token")?.to_owned())
}

/// Reads one answer and returns its body.
fn read_answer<'b>(wire: &mut TcpStream, buffer: &'b mut Vec<u8>) -> Result<&'b [u8], Box<dyn Error>> {
    let mut filled = 0;
    let mut expected = usize::MAX;
    let mut head = 0;
    while filled < expected {
        if filled == buffer.len() {
            buffer.resize(filled * 2, 0);
        }
        let count = wire.read(buffer.get_mut(filled..).unwrap_or_default())?;
        if count == 0 {
            return Err("the connection ended".into());
        }
        filled += count;
        if expected == usize::MAX {
            let mut headers = [httparse::EMPTY_HEADER; 16];
            let mut parsed = httparse::Response::new(&mut headers);
            let received = buffer.get(..filled).unwrap_or_default();
            if let httparse::Status::Complete(length) = parsed.parse(received)? {
                let header = parsed.headers.iter().find(|header| header.name == "Content-Length");
                let body: usize = std::str::from_utf8(header.ok_or("no length")?.value)?.parse()?;
                (head, expected) = (length, length + body);
            }
        }
    }
    Ok(buffer.get(head..expected).unwrap_or_default())
}
