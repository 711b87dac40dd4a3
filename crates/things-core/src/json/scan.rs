//! Reads JSON value by value, and returns each one as its original text.
//!
//! serde_json is enough for everything except a response. There the text itself is needed: numbers keep their digits, a
//! string with half of a surrogate pair is not an error, and an error has a position. This reader accepts and rejects
//! the same texts as serde_json (which is tested), apart from numbers beyond the range of `f64` and halves of surrogate
//! pairs. It builds nothing, so no shape of JSON can make it allocate memory.

use std::borrow::Cow;
use std::fmt;

use super::text::unescape;

/// The maximum nesting of arrays and objects, as in serde_json.
const MOST_LEVELS: u8 = 127;

/// A JSON text, and how far it was read.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    levels: u8,
}

/// A value, or the name of a member.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'a> {
    raw: &'a str,
    kind: Kind,
    at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    /// A string without escapes.
    Plain,
    /// A string with escapes.
    Escaped,
    Bool,
    Number,
    Array,
    Object,
}

impl<'a> Token<'a> {
    /// `null`.
    pub(crate) const NULL: Token<'static> = Token { raw: "null", kind: Kind::Null, at: 0 };

    /// The original text of the value.
    pub(crate) fn raw(self) -> &'a str {
        self.raw
    }

    pub(crate) fn kind(self) -> Kind {
        self.kind
    }

    /// The offset of its first byte in the text.
    pub(crate) fn at(self) -> usize {
        self.at
    }

    /// Returns the text of a string, or `None` for any other value.
    #[inline(always)]
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        match self.kind {
            Kind::Plain => Some(Cow::Borrowed(self.inside())),
            Kind::Escaped => Some(Cow::Owned(unescape(self.inside()))),
            _ => None,
        }
    }

    /// Returns the content of a string, between its quotes.
    #[inline(always)]
    fn inside(self) -> &'a str {
        self.raw.get(1..self.raw.len().saturating_sub(1)).unwrap_or_default()
    }
}

/// The reason why a text cannot be read as JSON, and the position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// The offset in the text, in bytes.
    pub(crate) at: usize,
    pub(crate) why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    Ends,
    NoValue,
    NoName,
    NoColon,
    NoComma,
    Number,
    Escape,
    Control,
    TooDeep,
    Trailing,
    NoObject,
    NoArray,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ends => "the JSON is cut short",
            Self::NoValue => "not a JSON value",
            Self::NoName => "not the name of a field",
            Self::NoColon => "no ':' after the name of a field",
            Self::NoComma => "no ',' or end after a value",
            Self::Number => "not a JSON number",
            Self::Escape => "not an escape of JSON",
            Self::Control => "a control character in a string",
            Self::TooDeep => "nested more than 127 levels deep",
            Self::Trailing => "more text after the JSON",
            Self::NoObject => "not a JSON object",
            Self::NoArray => "not a JSON array",
        })
    }
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, levels: 0 }
    }

    /// How far the text was read.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Reads the next value.
    #[inline(always)]
    pub(crate) fn value(&mut self) -> Result<Token<'a>, Flaw> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'n') => self.literal("null", Kind::Null),
            _ => self.other_value(),
        }
    }

    fn other_value(&mut self) -> Result<Token<'a>, Flaw> {
        let start = self.at;
        let kind = match self.peek() {
            Some(b't') => return self.literal("true", Kind::Bool),
            Some(b'f') => return self.literal("false", Kind::Bool),
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                Kind::Number
            }
            Some(b'[') => {
                self.array(|scanner| scanner.value().map(drop))?;
                Kind::Array
            }
            Some(b'{') => {
                self.object(|scanner, _| scanner.value().map(drop))?;
                Kind::Object
            }
            Some(_) => return Err(self.flaw(Why::NoValue)),
            None => return Err(self.flaw(Why::Ends)),
        };
        Ok(self.token(start, kind))
    }

    /// Reads an object. For each member, `member` is called with its name and must read its value.
    #[inline]
    pub(crate) fn object<E: From<Flaw>>(
        &mut self,
        mut member: impl FnMut(&mut Self, Token<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.open(b'{', Why::NoObject)?;
        if self.closes(b'}') {
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.flaw(Why::NoName).into());
            }
            let name = self.string()?;
            if self.peek() != Some(b':') {
                return Err(self.flaw(Why::NoColon).into());
            }
            self.at += 1;
            member(self, name)?;
            if self.closes(b'}') {
                return Ok(());
            }
            self.comma()?;
        }
    }

    /// Reads an array. `element` is called for each value and must read it.
    #[inline]
    pub(crate) fn array<E: From<Flaw>>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.open(b'[', Why::NoArray)?;
        if self.closes(b']') {
            return Ok(());
        }
        loop {
            element(self)?;
            if self.closes(b']') {
                return Ok(());
            }
            self.comma()?;
        }
    }

    /// Reads the members of an object without its braces, such as those kept from a larger object.
    pub(crate) fn member(&mut self) -> Result<Option<(Token<'a>, Token<'a>)>, Flaw> {
        if self.peek().is_none() {
            return Ok(None);
        }
        let name = self.string()?;
        if self.peek() != Some(b':') {
            return Err(self.flaw(Why::NoColon));
        }
        self.at += 1;
        let value = self.value()?;
        if self.peek().is_some() {
            self.comma()?;
        }
        Ok(Some((name, value)))
    }

    /// Checks that nothing but whitespace follows.
    pub(crate) fn end(&mut self) -> Result<(), Flaw> {
        if self.peek().is_some() { Err(self.flaw(Why::Trailing)) } else { Ok(()) }
    }

    /// Skips whitespace, and returns the next byte.
    #[inline(always)]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    #[inline(always)]
    fn open(&mut self, bracket: u8, otherwise: Why) -> Result<(), Flaw> {
        match self.peek() {
            Some(byte) if byte == bracket => {}
            Some(_) => return Err(self.flaw(otherwise)),
            None => return Err(self.flaw(Why::Ends)),
        }
        if self.levels == MOST_LEVELS {
            return Err(self.flaw(Why::TooDeep));
        }
        self.levels += 1;
        self.at += 1;
        Ok(())
    }

    /// Whether the array or object ends here. If so, its bracket is consumed.
    #[inline(always)]
    fn closes(&mut self, bracket: u8) -> bool {
        let closes = self.peek() == Some(bracket);
        if closes {
            self.at += 1;
            self.levels -= 1;
        }
        closes
    }

    #[inline(always)]
    fn comma(&mut self) -> Result<(), Flaw> {
        if self.peek() != Some(b',') {
            return Err(self.flaw(Why::NoComma));
        }
        self.at += 1;
        Ok(())
    }

    #[inline(always)]
    fn literal(&mut self, word: &'static str, kind: Kind) -> Result<Token<'a>, Flaw> {
        let end = self.at + word.len();
        match self.text.as_bytes().get(self.at..end) {
            Some(found) if found == word.as_bytes() => {
                self.at = end;
                Ok(Token { raw: word, kind, at: end - word.len() })
            }
            Some(_) => Err(self.flaw(Why::NoValue)),
            None => {
                self.at = self.text.len();
                Err(self.flaw(Why::Ends))
            }
        }
    }

    fn number(&mut self) -> Result<(), Flaw> {
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// Reads at least one digit.
    fn digits(&mut self) -> Result<(), Flaw> {
        if !self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.flaw(Why::Number));
        }
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    #[inline(always)]
    fn string(&mut self) -> Result<Token<'a>, Flaw> {
        let start = self.at;
        self.at += 1;
        let mut kind = Kind::Plain;
        loop {
            self.skip_plain();
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(self.token(start, kind));
                }
                Some(b'\\') => {
                    kind = Kind::Escaped;
                    self.escape()?;
                }
                Some(_) => return Err(self.flaw(Why::Control)),
                None => return Err(self.flaw(Why::Ends)),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Flaw> {
        let flaw = self.flaw(Why::Escape);
        self.at += 1;
        match self.byte() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                let digits = self.text.as_bytes().get(self.at + 1..self.at + 5);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return Err(flaw);
                }
                self.at += 5;
            }
            _ => return Err(flaw),
        }
        Ok(())
    }

    /// Skips the part of a string that is neither a quote nor a backslash nor a control character. It checks eight
    /// bytes at a time, by arithmetic on all of them at once.
    #[inline(always)]
    fn skip_plain(&mut self) {
        const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
        const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
            let word = u64::from_le_bytes(*chunk);
            // The high bit of each byte that stops, at least up to the lowest of them. The exclusive or maps the quote,
            // 0x22, to 0x20, and leaves control characters, which are below 0x20, there.
            let quote_or_control = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
            let backslash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
            let stops = (quote_or_control | backslash) & !word & HIGH;
            if stops != 0 {
                self.at = at + (stops.trailing_zeros() / 8) as usize;
                return;
            }
            at += 8;
        }
        let is_plain = |byte: &&u8| **byte >= 0x20 && **byte != b'"' && **byte != b'\\';
        self.at = at + bytes.get(at..).unwrap_or_default().iter().take_while(is_plain).count();
    }

    #[inline(always)]
    fn token(&self, start: usize, kind: Kind) -> Token<'a> {
        Token { raw: self.text.get(start..self.at).unwrap_or_default(), kind, at: start }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[cold]
    fn flaw(&self, why: Why) -> Flaw {
        let why = if self.at >= self.text.len() { Why::Ends } else { why };
        Flaw { at: self.at, why }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;
    use crate::json::Json;

    fn why(text: &str) -> Option<(usize, Why)> {
        Json::read(text).err().map(|flaw| (flaw.at, flaw.why))
    }

    #[test]
    fn a_flaw_has_a_place() {
        for (text, at, expected) in [
            ("", 0, Why::Ends),
            ("[1,", 3, Why::Ends),
            ("<html>", 0, Why::NoValue),
            ("nul!", 0, Why::NoValue),
            ("tr", 2, Why::Ends),
            ("[NaN]", 1, Why::NoValue),
            ("[1.x]", 3, Why::Number),
            ("{1:2}", 1, Why::NoName),
            (r#"{"a"1}"#, 4, Why::NoColon),
            ("[1 2]", 3, Why::NoComma),
            ("[1]2", 3, Why::Trailing),
            ("\"a\tb\"", 2, Why::Control),
            (r#""\x""#, 1, Why::Escape),
            (r#""\u12g4""#, 1, Why::Escape),
        ] {
            assert_eq!(why(text), Some((at, expected)), "{text}");
        }
    }

    #[test]
    fn nesting_has_a_bound() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert_eq!(why(&nested(127)), None);
        assert_eq!(why(&nested(128)), Some((127, Why::TooDeep)));
        assert_eq!(why(&nested(1_000_000)), Some((127, Why::TooDeep)));
        assert_eq!(why(&"[{\"a\":1}]".replace('1', &nested(126))), Some((131, Why::TooDeep)));
    }

    #[test]
    fn what_only_serde_json_refuses_is_read() {
        for text in [r#""\ud83d""#, "1e400", r#"{"\udfff":0}"#] {
            assert_eq!(why(text), None, "{text}");
        }
    }

    /// Texts that are JSON or nearly so.
    fn near_json() -> impl Strategy<Value = String> {
        const PIECES: &[&str] = &[
            "[",
            "]",
            "{",
            "}",
            ",",
            ":",
            "\"",
            "\\",
            "\"a\"",
            "\"\\n\"",
            "\"\\u00e9\"",
            "\\u",
            "null",
            "true",
            "false",
            "0",
            "-",
            "12",
            ".5",
            "e9",
            "E+",
            " ",
            "\n",
            "\t",
            "é",
            "\"0123456789abcdef\"",
            "\u{1}",
        ];
        proptest::collection::vec(proptest::sample::select(PIECES), 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn the_same_texts_are_json_as_for_serde_json(text in near_json()) {
            let theirs = serde_json::from_str::<&RawValue>(&text);
            let ours = Json::read(&text);
            prop_assert_eq!(theirs.as_ref().ok().map(|raw| raw.get()), ours.ok().map(Json::as_str), "{:?}", ours);
        }

        #[test]
        fn strings_are_read_as_serde_json_reads_them(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(Json::read(&json).unwrap().text().unwrap(), text);
        }
    }
}
