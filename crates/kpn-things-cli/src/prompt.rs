//! Questions to the person at the terminal.

use std::io::{self, IsTerminal};

use things_core::Secret;

use crate::failure::Failure;

/// Whether somebody can answer: standard input is a terminal.
pub(crate) fn is_possible() -> bool {
    io::stdin().is_terminal()
}

/// Asks for a secret and does not show what is typed. `what` is a noun with its article, such as "the key secret".
///
/// The question goes to the terminal itself, so that redirected output does not hide it.
pub(crate) fn secret(what: &str) -> Result<Secret, Failure> {
    let typed = rpassword::prompt_password(format!("Enter {what} (it is not shown): "))
        .map_err(|error| Failure::Usage(format!("{what} cannot be read from the terminal: {error}")))?;
    if typed.is_empty() {
        return Err(Failure::Usage(format!("{what} is empty: nothing was typed")));
    }
    Ok(typed.into())
}

/// Says how to end input that has several lines.
pub(crate) fn say_how_to_end(what: &str) {
    let keys = if cfg!(windows) { "Ctrl-Z and Enter" } else { "Ctrl-D on a new line" };
    eprintln!("Type or paste {what}; end with {keys}.");
}
