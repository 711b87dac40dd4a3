//! The file with the user name and the password of a broker.

use things_core::Secret;

use crate::failure::Failure;
use crate::input;

/// A user name and a password.
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: Secret,
}

/// Reads the lines `username=...` and `password=...`. Blank lines and lines that begin with # are skipped.
pub(super) fn read(path: &str) -> Result<Credentials, Failure> {
    let text = input::text("the credentials file", path)?;
    let (mut user, mut password) = (None, None);
    for (line, number) in text.expose().lines().zip(1..) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let place = match line.split_once('=') {
            Some(("username", value)) => (&mut user, value),
            Some(("password", value)) => (&mut password, value),
            _ => {
                let reason = "is neither username=... nor password=...";
                return Err(Failure::Usage(format!("{path}: line {number} {reason}")));
            }
        };
        let (name, value) = place;
        if name.replace(Secret::from(value)).is_some() {
            return Err(Failure::Usage(format!(
                "{path}: line {number} repeats an earlier one: keep one of them"
            )));
        }
    }
    match (user, password) {
        (Some(user), Some(password)) => Ok(Credentials { user: user.expose().to_owned(), password }),
        _ => Err(Failure::Usage(format!("{path} needs a line username=... and a line password=..."))),
    }
}
