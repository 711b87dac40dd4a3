//! Answers without measure: each is an error, and none takes more than its share of the memory of who reads it.
#![cfg(target_os = "linux")]

use std::io::Write;
use std::process::Command;
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;
use things_core::{Error, ErrorKind};

use crate::client::Client;
use crate::service::{Ask, PAGE, case, client, respond, serve, settings, target, token};
use crate::trial::Trial;

/// What the memory of a process may grow by, in KiB.
const MOST: u64 = 32 << 10;

/// An answer that is more than it should be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flood {
    /// 300 MB in 300 KB, packed though nobody asked for that.
    Bomb,
    /// 1 GB, as its head says.
    Declared,
    /// 1 GB in chunks.
    Chunked,
    /// 1 GB, and then the connection is closed.
    UntilClosed,
    /// A header of 10 MB.
    Header,
    /// Headers without an end.
    Headers,
    /// JSON 100,000 deep.
    Deep,
    /// The same in a refusal.
    DeepRefusal,
    /// 16 MiB of JSON that is a token, a page and a receipt, with this in a field.
    Wide(Shape),
    /// The same in a refusal.
    WideRefusal(Shape),
}

/// A value that takes much more memory as a tree of values than as a text.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Numbers,
    OneText,
    Objects,
}

impl Shape {
    fn json(self) -> String {
        let most = 16 * 1024 * 1024 - 256;
        let fill = |piece: &str| piece.repeat(most / piece.len());
        match self {
            Self::Numbers => format!("[{}0]", fill("1,")),
            Self::OneText => format!("\"{}\"", fill("a")),
            Self::Objects => format!("[{}{{}}]", fill(r#"{"a":1},"#)),
        }
    }
}

const FLOODS: [Flood; 12] = [
    Flood::Bomb,
    Flood::Declared,
    Flood::Chunked,
    Flood::UntilClosed,
    Flood::Header,
    Flood::Headers,
    Flood::Deep,
    Flood::DeepRefusal,
    Flood::Wide(Shape::Numbers),
    Flood::Wide(Shape::OneText),
    Flood::Wide(Shape::Objects),
    Flood::WideRefusal(Shape::Objects),
];

/// Which answer is flooded, and by which call it is met.
const PLACES: [(&str, Ask); 6] = [
    ("/token", Ask::Page),
    ("/context-switch", Ask::Customer),
    ("/api/devices", Ask::Page),
    ("/api/devices", Ask::Listing),
    ("/api/actuator/downlinks", Ask::Downlink),
    ("/devices", Ask::Raw),
];

impl Flood {
    fn pour(self, stream: &mut impl Write) {
        let ok = "HTTP/1.1 200 OK\r\n";
        match self {
            Self::Bomb => respond(stream, "200 OK", "content-encoding: gzip\r\n", bomb()),
            Self::Declared => {
                endless(stream, &format!("{ok}content-length: 1000000000\r\n\r\n"), &[b' '; 1 << 16])
            }
            Self::Chunked => {
                let mut chunk = b"10000\r\n".to_vec();
                chunk.resize(chunk.len() + 0x10000, b' ');
                chunk.extend(b"\r\n");
                endless(stream, &format!("{ok}transfer-encoding: chunked\r\n\r\n"), &chunk);
            }
            Self::UntilClosed => endless(stream, &format!("{ok}connection: close\r\n\r\n"), &[b' '; 1 << 16]),
            Self::Header => {
                let _ = stream.write_all(ok.as_bytes());
                let _ = stream.write_all(
                    &[b"x-long: ", &[b'x'; 10_000_000][..], b"\r\ncontent-length: 0\r\n\r\n"].concat(),
                );
            }
            Self::Headers => endless(stream, ok, b"x-one: more\r\n"),
            Self::Deep => respond(stream, "200 OK", "", deep()),
            Self::DeepRefusal => respond(stream, "400 Bad Request", "", deep()),
            Self::Wide(shape) => respond(stream, "200 OK", "", wide(shape)),
            Self::WideRefusal(shape) => respond(stream, "400 Bad Request", "", wide(shape)),
        }
    }

    /// What it has to come to: an error of this kind, or nothing bad where the body is handed over or not looked at.
    fn kind(self, place: &str) -> Option<ErrorKind> {
        let read = ["/token", "/api/devices"].contains(&place);
        match self {
            Self::Bomb | Self::Declared | Self::Chunked | Self::UntilClosed => Some(ErrorKind::TooLarge),
            Self::Header | Self::Headers => Some(ErrorKind::HeadTooLarge),
            Self::Deep => read.then_some(ErrorKind::TooDeep),
            Self::Wide(_) => None,
            Self::DeepRefusal | Self::WideRefusal(_) if place == "/token" => Some(ErrorKind::Auth),
            Self::DeepRefusal | Self::WideRefusal(_) => Some(ErrorKind::BadRequest),
        }
    }
}

/// A head, and then the same over and over, a gigabyte of it or until nobody listens.
fn endless(stream: &mut impl Write, head: &str, piece: &[u8]) {
    let block = piece.repeat((1 << 16) / piece.len() + 1);
    let mut left = stream.write_all(head.as_bytes()).map(|()| 1_000_000_000_usize);
    while let Ok(more) = left {
        let Some(rest) = more.checked_sub(block.len()) else { return };
        left = stream.write_all(&block).map(|()| rest);
    }
}

/// 100 times the same member of 3 MB (RFC 1952, section 2.2), so that the test need not pack 300 of them.
fn bomb() -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(&vec![b' '; 3_000_000]).unwrap();
    packer.finish().unwrap().repeat(100)
}

/// JSON that is a token and a page, but for its depth.
fn deep() -> String {
    let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
    format!(
        r#"{{"access_token":"t","expires_in":{open}{close},"content":[{{"uuid":"u","metadata":{open}{close}}}]}}"#
    )
}

/// JSON that is a token and a page, and of the size that is allowed.
fn wide(shape: Shape) -> String {
    let value = shape.json();
    format!(
        r#"{{"access_token":"t","expires_in":3600,"content":[{{"uuid":"u","metadata":{value}}}],"last":true}}"#
    )
}

#[test]
fn r16_answer_without_measure_is_an_error_and_takes_little_memory() {
    let server = serve(|request, stream| {
        let (flood, target) = (FLOODS.get(case(request)), target(request));
        let place = target.split('/').nth(2).and_then(|place| PLACES.get(place.parse::<usize>().ok()?));
        match (flood, place) {
            (Some(flood), Some((place, _))) if target.contains(place) => {
                flood.pour(stream);
                // What comes next would be read as a part of this.
                let _ = stream.shutdown(std::net::Shutdown::Both);
            }
            _ if target.ends_with("/token") => respond(stream, "200 OK", "", token()),
            _ => respond(stream, "200 OK", "", PAGE),
        }
    });
    for name in Client::NAMES {
        let (mut trial, mut largest) = (Trial::new("R16", name), 0);
        for (number, place) in PLACES.iter().enumerate() {
            let told = child(name, &server.http(), number);
            let mut lines = told.lines().filter_map(|line| line.strip_prefix(OUTCOME));
            let warm: u64 = lines.next().unwrap_or_else(|| panic!("nothing told: {told}")).parse().unwrap();
            for (flood, line) in FLOODS.iter().zip(lines.by_ref().chain(std::iter::repeat("0 nothing"))) {
                let (peak, outcome) = line.split_once(' ').unwrap();
                let grown = peak.parse::<u64>().unwrap().saturating_sub(warm);
                largest = largest.max(grown);
                let expected = describe(flood.kind(place.0));
                trial.holds(outcome.starts_with(&expected) && grown <= MOST, || {
                    format!("{flood:?} at {place:?}: {grown} KiB more, {outcome}")
                });
            }
        }
        trial.measured(format!("grew by {} MiB at most", largest >> 10));
        trial.end();
    }
}

const CLIENT: &str = "THINGS_TESTS_CLIENT";
const BASE_URL: &str = "THINGS_TESTS_BASE_URL";
const PLACE: &str = "THINGS_TESTS_PLACE";
/// Before what a child tells.
const OUTCOME: &str = "outcome: ";

/// Meets all floods at one place in a process of its own, whose memory is its alone.
fn child(client: &str, base_url: &str, place: usize) -> String {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "size::floods_of_a_child", "--ignored", "--nocapture"])
        .env(CLIENT, client)
        .env(BASE_URL, base_url)
        .env(PLACE, place.to_string())
        // The allocator gives large blocks back at once, so that what one flood took does not count for the next.
        .env("MALLOC_MMAP_THRESHOLD_", "1048576")
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
#[ignore = "a part of another test, in a process of its own"]
fn floods_of_a_child() {
    let variable = |name| env::var(name).unwrap();
    let (name, base_url, place) = (variable(CLIENT), variable(BASE_URL), variable(PLACE));
    let ask = PLACES[place.parse::<usize>().unwrap()].1;
    let meet = |flood: usize| {
        let here = format!("{base_url}/{flood}/{place}");
        let config = settings(&here).token_url(format!("{here}/token")).build().unwrap();
        ask.of(&client(&name, config))
    };
    // An ordinary call first, for the memory that any takes.
    meet(FLOODS.len()).unwrap();
    println!("\n{OUTCOME}{}", peak());
    for flood in 0..FLOODS.len() {
        // The peak begins anew, where the system can do that; else one flood too large makes the next ones so too.
        let _ = fs::write("/proc/self/clear_refs", "5");
        let result = meet(flood);
        let outcome = describe(result.as_ref().err().map(Error::kind));
        let message = result.err().map_or_else(String::new, |error| error.to_string());
        println!("{OUTCOME}{} {outcome}: {}", peak(), message.chars().take(300).collect::<String>());
    }
}

fn describe(kind: Option<ErrorKind>) -> String {
    kind.map_or_else(|| "no error".to_owned(), |kind| format!("{kind:?}"))
}

/// The most memory that this process had, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    peak.unwrap().trim().parse().unwrap()
}
