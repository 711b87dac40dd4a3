//! A connection to a client, plain or through TLS.

use rustls::{ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

pub(crate) enum Wire<'a> {
    Plain(&'a TcpStream),
    Tls(Box<StreamOwned<ServerConnection, &'a TcpStream>>),
}

impl Wire<'_> {
    /// Tells the client that nothing more follows, and gives it this long to stop sending.
    pub(crate) fn finish(&mut self, linger: Duration) -> io::Result<()> {
        let socket: &TcpStream = match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => {
                stream.conn.send_close_notify();
                stream.flush()?;
                stream.sock
            }
        };
        socket.shutdown(Shutdown::Write)?;
        socket.set_read_timeout(Some(linger))
    }
}

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
