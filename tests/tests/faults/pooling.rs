//! Connections that the server closes while they wait for their next request.

use std::collections::HashMap;
use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;
use things_core::{Error, ListDevices, Outcome};
use things_tests::server::{Server, read_request};

use crate::client::{Client, each};
use crate::downlinks::downlink;
use crate::service::{PAGE, client, respond, settings};
use crate::trial::{Trial, share};

/// What the server does with an idle connection before the next call, or during it.
#[derive(Clone, Copy, Debug)]
enum Close {
    Not,
    /// Before the call begins.
    Before(How),
    /// This many microseconds after the call has begun, or before it has sent anything.
    During(How, u64),
    /// With the answer to the call before.
    AtOnce,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Fin,
    Rst,
}

impl Close {
    fn random(random: &mut fastrand::Rng) -> Self {
        let how = if random.bool() { How::Fin } else { How::Rst };
        match random.u32(..10) {
            0..3 => Self::Not,
            3..7 => Self::Before(how),
            // Few enough that the retry budget of a client bears them all.
            7 => Self::During(how, random.u64(..300)),
            _ => Self::AtOnce,
        }
    }

    /// Whether a call can be on its way before the client knows that the connection is closed. ureq looks before it
    /// uses one; hyper is told by a task of its own, which may not have run yet.
    fn races(self, client: &str) -> bool {
        client != "ureq" || matches!(self, Self::During(..) | Self::AtOnce)
    }
}

/// The server of one client.
#[derive(Default)]
struct Idler {
    /// What there is of each connection, and what tells that it is closed.
    open: Mutex<Vec<(Arc<TcpStream>, Receiver<()>)>>,
    close_with_answer: AtomicBool,
    /// How often a downlink came, whole or in part.
    downlinks: Mutex<HashMap<u64, u64>>,
}

impl Idler {
    fn serve(&self, stream: TcpStream) {
        let (_told_when_dropped, closed) = mpsc::channel();
        let stream = Arc::new(stream);
        self.open.lock().unwrap().push((Arc::clone(&stream), closed));
        loop {
            let mut tee = Tee { stream: &stream, bytes: Vec::new() };
            let request = read_request(&mut tee);
            if let Some(reference) = reference(&tee.bytes) {
                *self.downlinks.lock().unwrap().entry(reference).or_default() += 1;
            }
            if request.is_none() {
                return;
            }
            let last = self.close_with_answer.load(Ordering::Relaxed);
            respond(&mut &*stream, "200 OK", "", PAGE);
            if last {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
        }
    }

    /// Closes all connections. When this returns, a client that looks can see it.
    fn close(&self, how: How) {
        let open: Vec<_> = self.open.lock().unwrap().drain(..).collect();
        for (stream, closed) in open {
            let _ = match how {
                How::Fin => stream.shutdown(Shutdown::Both),
                How::Rst => {
                    SockRef::from(&*stream).set_linger(Some(Duration::ZERO)).unwrap();
                    // Sends nothing, and ends the read of the thread that serves.
                    stream.shutdown(Shutdown::Read)
                }
            };
            drop(stream);
            let _ = closed.recv();
        }
    }
}

/// Keeps what is read.
struct Tee<'a> {
    stream: &'a TcpStream,
    bytes: Vec<u8>,
}

impl Read for Tee<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.bytes.extend(&buffer[..read]);
        Ok(read)
    }
}

/// The reference of the downlink that was sent, even if not all of it came.
fn reference(bytes: &[u8]) -> Option<u64> {
    let head = String::from_utf8_lossy(bytes);
    let digits = head.split_once("externalReference=")?.1;
    digits.split(|char: char| !char.is_ascii_digit()).next()?.parse().ok()
}

/// Makes one call after another, and tells of each whether it was a downlink that is unknown, or what is wrong.
fn run(name: &str, random: &mut fastrand::Rng, cases: u64) -> Vec<Result<bool, String>> {
    let idler = Arc::new(Idler::default());
    let serving = Arc::clone(&idler);
    let server = Server::start(move |stream| serving.serve(stream));
    let client = client(name, settings(&server.http()).build().unwrap());
    let mut close = Close::Not;
    let mut step = |case: u64| {
        let before = std::mem::replace(&mut close, Close::random(random));
        idler.close_with_answer.store(matches!(close, Close::AtOnce), Ordering::Relaxed);
        if let Close::Before(how) = before {
            idler.close(how);
        }
        let mut call = |case| match random.bool() {
            true => (None, client.call(&ListDevices::new()).map(drop)),
            false => (Some(case), client.call(&downlink(case)).map(drop)),
        };
        let (downlink, result) = thread::scope(|scope| {
            if let Close::During(how, delay) = before {
                let (begin, idler) = (Instant::now(), &idler);
                scope.spawn(move || {
                    while begin.elapsed() < Duration::from_micros(delay) {
                        std::hint::spin_loop();
                    }
                    idler.close(how);
                });
            }
            call(case)
        });
        let came =
            downlink.map(|reference| idler.downlinks.lock().unwrap().get(&reference).copied().unwrap_or(0));
        judge(before.races(name), came, &result)
            .map_err(|what| format!("call {case}, closed {before:?}: {what}"))
    };
    (0..cases).map(&mut step).collect()
}

/// A read goes on, and a downlink that may be on its way comes once or not at all.
fn judge(races: bool, came: Option<u64>, result: &Result<(), Error>) -> Result<bool, String> {
    let (came, error) = match (came, result) {
        (None | Some(1), Ok(())) => return Ok(false),
        (Some(came), Ok(())) => return Err(format!("the downlink came {came} times")),
        (None, Err(error)) => return Err(format!("a read failed: {error}")),
        (Some(came), Err(error)) => (came, error),
    };
    if races && came <= 1 && error.outcome() == Some(Outcome::Unknown) {
        return Ok(true);
    }
    Err(format!("the downlink came {came} times: {error}"))
}

#[test]
fn r20_idle_connection_that_is_closed_costs_no_read_and_doubles_no_downlink() {
    const CLIENTS: u64 = 8;
    for name in Client::NAMES {
        let mut trial = Trial::new("R20", name);
        let cases = share(250, 12_500);
        let seed = trial.random().u64(..);
        let results = each(CLIENTS, CLIENTS as usize, |client| {
            run(name, &mut fastrand::Rng::with_seed(seed ^ client), cases)
        });
        let mut unknown = 0;
        for result in results.into_iter().flatten() {
            unknown += u64::from(*result.as_ref().unwrap_or(&false));
            trial.case(result.map(drop));
        }
        trial.measured(format!("{unknown} downlinks were unknown, because they were in flight"));
        trial.end();
    }
}
