//! Hex digits, with the position of one that is wrong.

/// What is wrong in a text of hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotHex {
    /// A character is not a hex digit, at this position from 1.
    At(usize),
    /// The number of digits is odd.
    Odd(usize),
}

/// Reads hex digits of either case.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, NotHex> {
    match text.chars().position(|char| !char.is_ascii_hexdigit()) {
        Some(index) => Err(NotHex::At(index + 1)),
        None => ::hex::decode(text).map_err(|_| NotHex::Odd(text.len())),
    }
}
