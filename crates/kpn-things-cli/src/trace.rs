//! `--verbose`: one line per request on stderr.

use std::io::{self, Write};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use things_core::{Exchange, Pause, TransportError, TransportErrorKind, Watch};

use crate::cell;

/// Writes each request with its result, and each wait. It shows no header, no query and no body, because these may
/// hold secrets.
pub(crate) struct Trace;

impl Watch for Trace {
    fn replied(&self, exchange: &Exchange, reply: &Result<Response<Bytes>, TransportError>, took: Duration) {
        write(&format!(
            "{} {}: {} in {} ms (attempt {})",
            exchange.method(),
            exchange.url(),
            result(reply),
            took.as_millis(),
            exchange.attempt()
        ));
    }

    fn pausing(&self, pause: &Pause, wait: Duration) {
        let next = pause.attempts() + 1;
        write(&format!(
            "{} {}: waiting {:.1} s before attempt {next}",
            pause.method(),
            pause.url(),
            wait.as_secs_f64()
        ));
    }
}

/// The status of a response, or why there is none.
pub(crate) fn result(reply: &Result<Response<Bytes>, TransportError>) -> String {
    let reason = match reply {
        Ok(response) => return response.status().to_string(),
        Err(error) => match error.kind() {
            TransportErrorKind::Connect => "no connection",
            TransportErrorKind::ProxyRefused => "the proxy refused",
            TransportErrorKind::Timeout => "no response in time",
            TransportErrorKind::Interrupted => "the connection broke",
            TransportErrorKind::TooLarge => "the response is too large",
            _ => "no response",
        },
    };
    reason.to_owned()
}

/// Writes what goes wrong with the file of the access token.
pub(crate) fn token_cache(what: &str) {
    write(what);
}

/// Writes one line at once, so that lines of several threads do not mix.
fn write(line: &str) {
    let _ = io::stderr().write_all(format!("{}\n", cell::plain(line)).as_bytes());
}
