//! Questions to the person at the terminal.

use std::io::{self, IsTerminal};

use things_core::Secret;

use crate::failure::Failure;
use crate::interrupt;

/// Whether somebody can answer: standard input is a terminal.
pub(crate) fn is_possible() -> bool {
    io::stdin().is_terminal()
}

/// Asks for a secret and does not show what is typed. `what` is a noun with its article, such as "the key secret".
///
/// The question goes to the terminal itself, so that redirected output does not hide it.
pub(crate) fn secret(what: &str) -> Result<Secret, Failure> {
    let interrupt = interrupt::restore_input();
    let typed = rpassword::prompt_password(format!("Enter {what} (it is not shown): ")).map_err(|error| {
        // Ctrl-C has sent a signal, which another thread answers.
        if let (io::ErrorKind::Interrupted, Some(interrupt)) = (error.kind(), &interrupt) {
            interrupt.wait();
        }
        Failure::Usage(format!("{what} cannot be read from the terminal: {error}"))
    })?;
    if typed.is_empty() {
        return Err(Failure::Usage(format!("{what} is empty: nothing was typed")));
    }
    Ok(typed.into())
}

/// Asks for a text that may be seen, and returns it without spaces around it.
pub(crate) fn line(question: &str) -> Result<String, Failure> {
    eprint!("{question}: ");
    let mut typed = String::new();
    io::stdin()
        .read_line(&mut typed)
        .map_err(|error| Failure::Usage(format!("nothing can be read from the terminal: {error}")))?;
    match typed.trim() {
        "" => Err(Failure::Usage("nothing was typed".to_owned())),
        text => Ok(text.to_owned()),
    }
}

/// Asks a question. Anything but yes is no.
pub(crate) fn confirm(question: &str) -> bool {
    let answer = line(&format!("{question} [y/N]")).unwrap_or_default();
    ["y", "yes"].contains(&answer.to_lowercase().as_str())
}

/// Asks for one of several letters. Anything else is the last one.
pub(crate) fn choose(question: &str, letters: &[char]) -> char {
    let answer = line(question).unwrap_or_default().to_lowercase();
    let last = letters.last().copied().unwrap_or_default();
    answer.chars().next().filter(|letter| letters.contains(letter)).unwrap_or(last)
}

/// Tells the person something that helps to answer.
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// Says how to end input that has several lines.
pub(crate) fn say_how_to_end(what: &str) {
    let keys = if cfg!(windows) { "Ctrl-Z and Enter" } else { "Ctrl-D on a new line" };
    eprintln!("Type or paste {what}; end with {keys}.");
}
