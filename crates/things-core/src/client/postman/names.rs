//! Names of variables that are not KPN's, as a message shows them.

use super::variable::Variable;
use super::{OPTIONAL, REQUIRED};
use crate::error::Error;

/// The maximum number of names in a message.
const MOST: usize = 8;

/// The maximum length of a name in a message, in bytes.
const LONGEST: usize = 40;

/// Whether a text is a name and nothing that a message should not show.
pub(super) fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.: ".contains(&byte);
    !name.is_empty() && name.len() <= LONGEST && name.bytes().all(plain)
}

/// Returns the variable whose name differs from KPN's only in case or separators.
pub(super) fn similar(name: &str, variables: &[Variable]) -> Option<String> {
    let mut names = variables.iter().map(|variable| &variable.key);
    names.find(|other| is_plain(other) && letters(other).eq(letters(name))).cloned()
}

/// Returns the error for a file that has none of KPN's variables: it lists the names in the file.
pub(super) fn none(file: &str, variables: &[Variable]) -> Error {
    let known: Vec<&str> = REQUIRED.into_iter().chain(OPTIONAL).collect();
    let plain = variables.iter().map(|variable| variable.key.as_str()).filter(|name| is_plain(name));
    let mut shown: Vec<String> = plain
        .take(MOST)
        .map(|name| match known.iter().find(|known| letters(known).eq(letters(name))) {
            Some(known) => format!("{name} (rename it to {known})"),
            None => name.to_owned(),
        })
        .collect();
    let more = variables.len() - shown.len();
    if more > 0 {
        shown.push(format!("{}{more} more", if shown.is_empty() { "" } else { "and " }));
    }
    let has = match shown.as_slice() {
        [] => "it has no variables".to_owned(),
        shown => format!("it has: {}", shown.join(", ")),
    };
    let (last, others) = known.split_last().unwrap_or((&"", &[]));
    Error::config(format!("{file} was read: of {} and {last} it has none; {has}", others.join(", ")))
}

fn letters(name: &str) -> impl Iterator<Item = char> + '_ {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase())
}
