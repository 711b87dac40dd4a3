//! A process of `things uplink serve` or `things uplink listen`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, ChildStdout, Command};

use things_tests::receiving::{Poster, SECRET};

use crate::tool::{Ran, command, file, folder};

/// A running receiver, which is killed when this is dropped.
pub(crate) struct Receiving {
    child: Child,
    pub(crate) url: String,
    pub(crate) out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
}

/// The name of a secret file, and of a store that does not exist yet.
pub(crate) fn secret_and_store(name: &str) -> (String, String) {
    let secret = file(&format!("{name}.secret"), &format!("# of tests\nactive={SECRET}\nretiring=older\n"));
    let store = folder(name).join("uplinks.db").into_os_string().into_string().unwrap();
    (secret, store)
}

impl Receiving {
    /// Starts `things uplink serve` on any free port.
    pub(crate) fn serve(secret: &str, store: &str) -> Self {
        let args = ["uplink", "serve", "--listen", "127.0.0.1:0", "--secret-file", secret, "--store", store];
        Self::start(command(&args))
    }

    /// Starts a receiver that prints its URL when it is ready.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut err = BufReader::new(child.stderr.take().unwrap());
        let mut url = String::new();
        out.read_line(&mut url).unwrap();
        if url.is_empty() {
            let mut reason = String::new();
            err.read_to_string(&mut reason).unwrap();
            panic!("the receiver did not start: {reason}");
        }
        Self { child, url: url.trim_end().to_owned(), out, err }
    }

    /// Starts `things uplink listen` on any free port, with more options.
    pub(crate) fn listen(secret: &str, options: &[&str]) -> Self {
        let args = ["uplink", "listen", "--listen", "127.0.0.1:0", "--secret-file", secret];
        let mut child = command(&[&args[..], options].concat()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut err = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        err.read_line(&mut line).unwrap();
        let url = line.strip_prefix("Listening on ").and_then(|line| line.split_once(". "));
        let url = url.unwrap_or_else(|| panic!("it did not start: {line}")).0.to_owned();
        Self { child, url, out, err }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let (_, address) = self.url.split_once("://").unwrap();
        address.parse().unwrap()
    }

    /// A client that posts as KPN Things does.
    pub(crate) fn poster(&self) -> Poster {
        Poster::new(self.address())
    }

    /// Sends the bytes of a request, and returns the whole response.
    pub(crate) fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).unwrap();
        String::from_utf8_lossy(&response).into_owned()
    }

    /// Waits until it has written this to stderr.
    pub(crate) fn wait_for(&mut self, part: &str) {
        let mut seen = String::new();
        while !seen.contains(part) {
            assert_ne!(self.err.read_line(&mut seen).unwrap(), 0, "{part:?} is not in {seen}");
        }
    }

    pub(crate) fn send(&self, signal: &str) {
        assert!(
            Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success()
        );
    }

    /// Interrupts it, and returns what it printed since it was ready. The status is -1 after a signal.
    pub(crate) fn stop(mut self, signal: &str) -> Ran {
        self.send(signal);
        self.end()
    }

    pub(crate) fn end(&mut self) -> Ran {
        let status = self.child.wait().unwrap().code().unwrap_or(-1);
        let (mut out, mut err) = (String::new(), String::new());
        self.out.read_to_string(&mut out).unwrap();
        self.err.read_to_string(&mut err).unwrap();
        Ran { status, out, err }
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
