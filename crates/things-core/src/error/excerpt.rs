//! Short excerpts of a response for an error message.

/// Returns a short excerpt of a response for an error message: one line, at most 200 characters.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..1_000).unwrap_or(bytes));
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().filter(|char| !char.is_control()));
    }
    if line.chars().count() > 200 || bytes.len() > 1_000 {
        line = line.chars().take(200).collect();
        line.push('…');
    }
    line
}

/// Returns the beginning and the end of a text of any length, such as a parser's message that quotes its input.
pub(crate) fn shorten(text: String) -> String {
    const BEGINNING: usize = 200;
    const END: usize = 100;
    let Some(rest) = text.chars().count().checked_sub(BEGINNING + END).filter(|rest| *rest > 0) else {
        return text;
    };
    let mut short: String = text.chars().take(BEGINNING).collect();
    short.push('…');
    short.extend(text.chars().skip(BEGINNING + rest));
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{DecodeError, Error};

    #[test]
    fn excerpts_are_one_short_line() {
        assert_eq!(excerpt(b"<html>\r\n\t<b>no\x1b[0m</b>"), "<html> <b>no[0m</b>");
        assert_eq!(excerpt("é".repeat(900).as_bytes()).chars().count(), 201);
    }

    #[test]
    fn a_long_text_keeps_its_beginning_and_its_end() {
        assert_eq!(shorten("é".repeat(300)), "é".repeat(300));
        let long = format!("begins {} ends", "é".repeat(10_000));
        let short = shorten(long);
        assert!(short.starts_with("begins é") && short.ends_with("é ends"), "{short}");
        assert_eq!(short.chars().count(), 301);
        let unread = Error::from(DecodeError::new("a".repeat(10_000)));
        assert_eq!(unread.message().chars().count(), 301);
    }
}
