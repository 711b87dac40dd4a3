//! The escapes of JSON strings, read leniently: half of a surrogate pair becomes U+FFFD.
//!
//! Java counts a text in UTF-16 units, so a text that it cuts to a length can end in the middle of a character. Other
//! parsers accept the result. serde_json rejects it, and with it the whole page that contains the text.

use std::borrow::Cow;

const REPLACEMENT: &str = "\u{FFFD}";

/// A part of the content of a string.
enum Piece<'a> {
    /// Unescaped characters.
    Plain(&'a str),
    /// A character that was escaped, and how it was written.
    Escape(char, &'a str),
    /// Half of a surrogate pair.
    Half,
}

/// Splits the content of a string. Text without escapes stays one part.
fn pieces(inside: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = inside;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, length) = match rest.find('\\') {
            Some(0) => escape(rest),
            Some(at) => (Piece::Plain(rest.get(..at)?), at),
            None => (Piece::Plain(rest), rest.len()),
        };
        rest = rest.get(length..).unwrap_or_default();
        Some(piece)
    })
}

/// Reads the escape at the start of a text, and returns its length too.
fn escape(text: &str) -> (Piece<'_>, usize) {
    let char = match text.as_bytes().get(1) {
        Some(b'u') => return unicode_escape(text),
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        _ => return (Piece::Plain("\\"), 1),
    };
    (Piece::Escape(char, text.get(..2).unwrap_or_default()), 2)
}

fn unicode_escape(text: &str) -> (Piece<'_>, usize) {
    let written = |length: usize| text.get(..length).unwrap_or_default();
    let Some(unit) = unit(text) else { return (Piece::Plain("\\"), 1) };
    if let Some(char) = char::from_u32(unit.into()) {
        return (Piece::Escape(char, written(6)), 6);
    }
    let second = text.get(6..).and_then(self::unit);
    let pair = second.and_then(|second| char::decode_utf16([unit, second]).next()?.ok());
    match pair {
        Some(char) => (Piece::Escape(char, written(12)), 12),
        None => (Piece::Half, 6),
    }
}

/// Returns the UTF-16 unit of the escape at the start of a text.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| hex)
}

/// Returns the text of a string from the content between its quotes.
pub(super) fn unescape(inside: &str) -> String {
    let mut text = String::with_capacity(inside.len());
    for piece in pieces(inside) {
        match piece {
            Piece::Plain(plain) => text.push_str(plain),
            Piece::Escape(char, _) => text.push(char),
            Piece::Half => text.push_str(REPLACEMENT),
        }
    }
    text
}

/// Returns JSON with `\ufffd` for each half of a surrogate pair.
pub(super) fn without_halves(json: &str) -> Cow<'_, str> {
    // Outside of strings there is no backslash, so all of the JSON can be read like the content of a string.
    if !pieces(json).any(|piece| matches!(piece, Piece::Half)) {
        return Cow::Borrowed(json);
    }
    let written = pieces(json).map(|piece| match piece {
        Piece::Plain(plain) => plain,
        Piece::Escape(_, written) => written,
        Piece::Half => "\\ufffd",
    });
    Cow::Owned(written.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn halves_are_replaced_and_pairs_are_read() {
        for (inside, text) in [
            (r"\ud83d", "\u{FFFD}"),
            (r"\ude00", "\u{FFFD}"),
            (r"\ud83dx\ude00", "\u{FFFD}x\u{FFFD}"),
            (r"\ud83d\ud83d\ude00", "\u{FFFD}😀"),
            (r"\ud83d\u0041", "\u{FFFD}A"),
            (r"a\tb\\u0041\/\u00e9", "a\tb\\u0041/é"),
        ] {
            assert_eq!(unescape(inside), text, "{inside}");
        }
        assert_eq!(without_halves(r#"["\\ud83d","\ud83d"]"#), r#"["\\ud83d","\ufffd"]"#);
        assert!(matches!(without_halves(r#""\ud83d\ude00""#), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn what_serde_json_reads_is_read_alike(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(unescape(&json[1..json.len() - 1]), text.clone());
            let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            prop_assert_eq!(unescape(&escaped), text);
        }

        #[test]
        fn without_halves_anything_is_read(units in proptest::collection::vec(any::<u16>(), 0..20)) {
            let json: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let mended = without_halves(&json).into_owned();
            let read = serde_json::from_str::<String>(&format!("\"{mended}\"")).unwrap();
            prop_assert_eq!(&read, &String::from_utf16_lossy(&units));
            prop_assert_eq!(unescape(&json), read);
        }
    }
}
