//! What comes from files and from standard input.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::sync::OnceLock;

use things_core::Secret;

use crate::failure::Failure;

/// The bytes of a file; `-` is standard input.
pub(crate) fn read(what: &str, path: &str) -> Result<Vec<u8>, Failure> {
    let bytes = match path {
        "-" => {
            claim(what)?;
            let mut bytes = Vec::new();
            io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        }
        path => fs::read(path),
    };
    bytes.map_err(|error| Failure::Usage(format!("{what} cannot be read from {path}: {error}")))
}

/// Standard input can be read once: whoever comes second would find nothing.
fn claim(what: &str) -> Result<(), Failure> {
    static CLAIMED: OnceLock<String> = OnceLock::new();
    CLAIMED.set(what.to_owned()).map_err(|_| {
        let first = CLAIMED.get().map_or("something else", String::as_str);
        Failure::Usage(format!("{what} cannot be read from standard input: {first} is"))
    })
}

/// Text as it is given, or with `@FILE` what the file holds, or with `-` what comes on standard input.
pub(crate) fn content(what: &str, given: String) -> Result<Vec<u8>, Failure> {
    match given.strip_prefix('@') {
        Some(path) => read(what, path),
        None if given == "-" => read(what, "-"),
        None => Ok(given.into_bytes()),
    }
}

/// The same for JSON. Refuses the name of a file without `@`, and quotes that the shell of Windows has not removed.
pub(crate) fn json(what: &str, given: String) -> Result<Vec<u8>, Failure> {
    let looks_like_json = given.trim_start().starts_with(['[', '{', '\u{feff}']);
    if !looks_like_json && Path::new(&given).is_file() {
        return Err(Failure::Usage(format!("{what} is the name of a file: did you mean @{given}?")));
    }
    if given.starts_with('\'') {
        return Err(Failure::Usage(format!(
            "{what} starts with a single quote, which cmd.exe does not remove: put the JSON into a file and give @FILE"
        )));
    }
    content(what, given)
}

/// The secret in a file, without the line end that editors put after it.
pub(crate) fn secret(what: &str, path: &str) -> Result<Secret, Failure> {
    let text = Secret::from(text(what, read(what, path)?)?);
    let line = text.expose().strip_suffix('\n').unwrap_or(text.expose());
    Ok(Secret::from(line.strip_suffix('\r').unwrap_or(line)))
}

/// The bytes as text.
pub(crate) fn text(what: &str, bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|_| Failure::Usage(format!("{what} is not UTF-8")))
}
