//! A server that repeats in its responses what it was sent, as debug pages and careless gateways do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::{io, thread};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

/// The access token of the server.
pub const TOKEN: &str = "token-1-of-the-echo";

/// Starts a server that answers every request with this status, and the token request too if `refuses_token`. Returns its
/// origin. The server ends with the process.
///
/// # Errors
///
/// Fails if there is no free port.
pub fn start(status: u16, refuses_token: bool) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let origin = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A connection ends when its client closes it.
            thread::spawn(move || serve(&stream, status, refuses_token));
        }
    });
    Ok(origin)
}

fn serve(stream: &TcpStream, status: u16, refuses_token: bool) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (Vec::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or_default();
            }
            head.push(line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let body = String::from_utf8_lossy(&body);
        let token = head.first().is_some_and(|line| line.contains("/token "));
        if token && !refuses_token {
            respond(stream, 200, &[], &json!({"access_token": TOKEN, "expires_in": 3600}).to_string())?;
            continue;
        }
        let mut sent: Vec<_> = head.iter().filter_map(|line| Some(line.split_once(": ")?.1)).collect();
        sent.push(&body);
        let mut headers = Vec::new();
        for (number, text) in sent.iter().enumerate() {
            if text.is_ascii() {
                headers.push(format!("x-echo-{number}: {text}"));
            }
            headers.push(format!("x-echo-url-{number}: {}", utf8_percent_encode(text, NON_ALPHANUMERIC)));
            headers.push(format!("x-echo-base64-{number}: {}", STANDARD.encode(text)));
        }
        respond(stream, status, &headers, &json!({"head": head, "body": body}).to_string())?;
    }
}

fn respond(mut stream: &TcpStream, status: u16, headers: &[String], body: &str) -> io::Result<()> {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}
