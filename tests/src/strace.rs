//! Traces of system calls.

use std::process::{Command, Stdio};

/// Why processes cannot be traced here, if they cannot.
pub fn obstacle() -> Option<String> {
    match Command::new("strace").args(["-o", "/dev/null", "true"]).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => None,
        Ok(_) => Some("this system does not allow processes to be traced".to_owned()),
        Err(error) => Some(format!("strace cannot be run: {error}")),
    }
}
