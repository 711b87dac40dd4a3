//! What comes from files and from standard input.

use std::fs;
use std::io::{self, Read};

use things_core::Secret;

use crate::failure::Failure;

/// The bytes of a file; `-` is standard input.
pub(crate) fn read(what: &str, path: &str) -> Result<Vec<u8>, Failure> {
    let bytes = match path {
        "-" => {
            let mut bytes = Vec::new();
            io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        }
        path => fs::read(path),
    };
    bytes.map_err(|error| Failure::Usage(format!("{what} cannot be read from {path}: {error}")))
}

/// Text as it is given, or with `@FILE` what the file holds, or with `-` what comes on standard input.
pub(crate) fn content(what: &str, given: String) -> Result<Vec<u8>, Failure> {
    match given.strip_prefix('@') {
        Some(path) => read(what, path),
        None if given == "-" => read(what, "-"),
        None => Ok(given.into_bytes()),
    }
}

/// The secret in a file, without the line end that editors put after it.
pub(crate) fn secret(path: &str) -> Result<Secret, Failure> {
    let what = "the key secret";
    let text = Secret::from(text(what, read(what, path)?)?);
    let line = text.expose().strip_suffix('\n').unwrap_or(text.expose());
    Ok(Secret::from(line.strip_suffix('\r').unwrap_or(line)))
}

/// The bytes as text.
pub(crate) fn text(what: &str, bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|_| Failure::Usage(format!("{what} is not UTF-8")))
}
