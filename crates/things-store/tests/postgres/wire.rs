//! A proxy between a ledger and its server, which can cut the connection at a commit.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

/// Passes connections on to a server.
pub(crate) struct Wire {
    port: u16,
    cut: Arc<AtomicU8>,
}

/// Where to cut a connection.
#[derive(Clone, Copy)]
pub(crate) enum Cut {
    /// After the server has committed, and before the client learns of it.
    BeforeCommitted = 1,
    /// Right after the client has learned of it.
    AfterCommitted = 2,
}

impl Wire {
    /// A proxy of the server of this URL, which is that of a Unix socket.
    pub(crate) fn to(url: &str) -> Self {
        let place = url.split_once('@').unwrap().1.split_once('/').unwrap().0;
        let (folder, port) = place.rsplit_once(':').unwrap();
        let socket = format!("{}/.s.PGSQL.{port}", folder.replace("%2F", "/"));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = Arc::new(AtomicU8::new(0));
        let armed = cut.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), UnixStream::connect(&socket).unwrap());
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || {
                    let _ = std::io::copy(&mut &from, &mut &to);
                    let _ = to.shutdown(Shutdown::Both);
                });
                let armed = armed.clone();
                thread::spawn(move || answer(server, client, &armed));
            }
        });
        Self { port, cut }
    }

    /// The URL of the same database through the proxy.
    pub(crate) fn url(&self, url: &str) -> String {
        let (role, rest) = url.split_once('@').unwrap();
        format!("{role}@127.0.0.1:{}/{}?sslmode=disable", self.port, rest.split_once('/').unwrap().1)
    }

    /// Cuts the connection at the next commit.
    pub(crate) fn cut(&self, cut: Cut) {
        self.cut.store(cut as u8, Ordering::SeqCst);
    }

    /// Whether that has happened.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst) == 0
    }
}

fn answer(mut server: UnixStream, mut client: TcpStream, cut: &AtomicU8) {
    let mut bytes = [0; 1 << 16];
    while let Ok(count @ 1..) = server.read(&mut bytes) {
        let is_commit = bytes[..count].windows(7).any(|text| text == b"COMMIT\0");
        let armed = if is_commit { cut.swap(0, Ordering::SeqCst) } else { 0 };
        if armed == Cut::BeforeCommitted as u8 || client.write_all(&bytes[..count]).is_err() || armed != 0 {
            break;
        }
    }
    let _ = (server.shutdown(Shutdown::Both), client.shutdown(Shutdown::Both));
}
