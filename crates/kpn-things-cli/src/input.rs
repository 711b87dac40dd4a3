//! Input from files and from standard input.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::OnceLock;

use things_core::{Secret, file_text};

use crate::failure::Failure;
use crate::prompt;

/// Reads the bytes of a file; `-` is stdin.
pub(crate) fn read(what: &str, path: &str) -> Result<Vec<u8>, Failure> {
    let bytes = match path {
        "-" => {
            claim(what)?;
            if prompt::is_possible() {
                prompt::say_how_to_end(what);
            }
            let mut bytes = Vec::new();
            io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        }
        path => fs::read(path),
    };
    bytes.map_err(|error| unreadable(what, path, &error))
}

/// Opens a file to read it line by line; `-` is stdin.
pub(crate) fn open(what: &str, path: &str) -> Result<Box<dyn BufRead>, Failure> {
    if path == "-" {
        claim(what)?;
        return Ok(Box::new(io::stdin().lock()));
    }
    match File::open(path) {
        Ok(file) => Ok(Box::new(BufReader::with_capacity(64 * 1024, file))),
        Err(error) => Err(unreadable(what, path, &error)),
    }
}

pub(crate) fn unreadable(what: &str, path: &str, error: &io::Error) -> Failure {
    Failure::Usage(format!("{what} cannot be read from {path}: {error}"))
}

/// Claims stdin, because only one reader can have it: a second one would find nothing.
fn claim(what: &str) -> Result<(), Failure> {
    static CLAIMED: OnceLock<String> = OnceLock::new();
    CLAIMED.set(what.to_owned()).map_err(|_| {
        let first = CLAIMED.get().map_or("something else", String::as_str);
        Failure::Usage(format!("{what} cannot be read from stdin, because {first} is read from it"))
    })
}

/// Returns a text as it is. For `@FILE` returns the text of that file, and for `-` that of stdin.
pub(crate) fn content(what: &str, given: String) -> Result<Secret, Failure> {
    match given.strip_prefix('@') {
        Some(path) => text(what, path),
        None if given == "-" => text(what, "-"),
        None => Ok(given.into()),
    }
}

/// The same for bytes that need not be text.
pub(crate) fn bytes(what: &str, given: String) -> Result<Vec<u8>, Failure> {
    match given.strip_prefix('@') {
        Some(path) => read(what, path),
        None if given == "-" => read(what, "-"),
        None => Ok(given.into_bytes()),
    }
}

/// Returns the text of a file, which may be a secret; `-` is stdin.
pub(crate) fn text(what: &str, path: &str) -> Result<Secret, Failure> {
    file_text(what, read(what, path)?).map_err(|error| Failure::Usage(error.message().to_owned()))
}

/// The same for JSON. Refuses the name of a file without `@`, and quotes that the shell of Windows has not removed.
pub(crate) fn json(what: &str, given: String) -> Result<Secret, Failure> {
    let looks_like_json = given.trim_start().starts_with(['[', '{', '\u{feff}']);
    if !looks_like_json && Path::new(&given).is_file() {
        return Err(Failure::Usage(format!("{what} is the name of a file: did you mean @{given}?")));
    }
    if given.starts_with('\'') {
        return Err(Failure::Usage(format!(
            "{what} starts with a single quote, which cmd.exe does not remove: put the JSON into a file and use @FILE"
        )));
    }
    content(what, given)
}

/// Returns the secret in a file, without the line end that editors add. For `-` at a terminal, asks for it.
pub(crate) fn secret(what: &str, path: &str) -> Result<Secret, Failure> {
    if path == "-" && prompt::is_possible() {
        claim(what)?;
        return prompt::secret(what);
    }
    let text = text(what, path)?;
    let line = text.expose().strip_suffix('\n').unwrap_or(text.expose());
    Ok(Secret::from(line.strip_suffix('\r').unwrap_or(line)))
}
