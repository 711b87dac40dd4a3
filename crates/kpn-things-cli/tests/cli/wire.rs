//! A server of a few lines, for responses that the simulator does not give.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::tool::{Ran, command, run};

/// GRIP and KPN Things on one port. GRIP always returns a token.
pub(crate) struct Wire {
    url: String,
    requests: Arc<AtomicUsize>,
}

impl Wire {
    /// Starts a server that responds to path and query with a status and a body in JSON.
    pub(crate) fn start(respond: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let (respond, counted) = (Arc::new(respond), requests.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (respond, counted) = (respond.clone(), counted.clone());
                thread::spawn(move || serve(stream.unwrap(), &*respond, &counted));
            }
        });
        Self { url, requests }
    }

    /// The number of requests, without those for a token.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// Runs the tool with this server.
    pub(crate) fn things(&self, args: &[&str]) -> Ran {
        run(self.command(args))
    }

    /// The tool with the environment that points at this server.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = command(args);
        command.envs([
            ("KPN_THINGS_TENANT_ID", "rjsfm52t"),
            ("KPN_THINGS_KEY_ID", "key-1"),
            ("KPN_THINGS_KEY_SECRET", "secret-of-the-key"),
            ("KPN_THINGS_GRIP_BASE_URL", &self.url),
            ("KPN_THINGS_BASE_URL", &self.url),
        ]);
        command
    }
}

/// Serves the requests of a connection.
fn serve(stream: TcpStream, respond: &dyn Fn(&str) -> (u16, String), requests: &AtomicUsize) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        reader.read_exact(&mut vec![0; length]).unwrap();
        let target = first.split(' ').nth(1).unwrap();
        let (status, body) = if target.ends_with("/token") {
            (200, r#"{"access_token":"token-of-a-test","expires_in":3600}"#.to_owned())
        } else {
            requests.fetch_add(1, Ordering::Relaxed);
            respond(target)
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).unwrap();
    }
}
