//! Reads the escapes of JSON, URLs and XML in any text, and reports where each decoded byte came from.

/// An encoding that writes characters as other characters.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Encoding {
    /// `\n`, `\/`, `\u00e9`, `\ud83d\ude00` (RFC 8259, section 7).
    Json,
    /// `%C3%A9` (RFC 3986, section 2.1).
    Percent,
    /// `&amp;`, `&#233;`, `&#xE9;`.
    Xml,
}

impl Encoding {
    pub(crate) const ALL: [Self; 3] = [Self::Json, Self::Percent, Self::Xml];

    /// Returns the first byte of every escape.
    pub(crate) fn marker(self) -> u8 {
        match self {
            Self::Json => b'\\',
            Self::Percent => b'%',
            Self::Xml => b'&',
        }
    }
}

/// A byte of a text, or an escape in it.
pub(crate) struct Unit {
    /// The offset of its start in the text.
    pub(crate) begin: usize,
    /// The offset of its end in the text.
    pub(crate) end: usize,
    decoded: [u8; Self::MOST],
    length: usize,
}

impl Unit {
    /// The maximum number of bytes that an escape stands for.
    pub(crate) const MOST: usize = 4;

    /// The bytes that it stands for.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.decoded.get(..self.length).unwrap_or_default()
    }
}

/// Returns the bytes and escapes of a text. Everything that is not a complete escape stands for itself.
pub(crate) fn units(text: &[u8], encoding: Encoding) -> impl Iterator<Item = Unit> {
    let mut begin = 0;
    std::iter::from_fn(move || {
        let rest = text.get(begin..)?;
        let first = *rest.first()?;
        let escape = if first == encoding.marker() { escape(rest, encoding) } else { None };
        let mut decoded = [0; Unit::MOST];
        let (used, length) = match escape {
            None => {
                decoded = [first, 0, 0, 0];
                (1, 1)
            }
            Some((Decoded::Byte(byte), used)) => {
                decoded = [byte, 0, 0, 0];
                (used, 1)
            }
            Some((Decoded::Char(char), used)) => (used, char.encode_utf8(&mut decoded).len()),
        };
        let unit = Unit { begin, end: begin + used, decoded, length };
        begin = unit.end;
        Some(unit)
    })
}

/// Returns the text with the escapes of XML decoded, which HTML has too.
pub(crate) fn unescape_xml(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    units(text.as_bytes(), Encoding::Xml).for_each(|unit| bytes.extend_from_slice(unit.bytes()));
    String::from_utf8_lossy(&bytes).into_owned()
}

enum Decoded {
    Byte(u8),
    Char(char),
}

/// Returns the escape at the start of a text, and its length.
fn escape(text: &[u8], encoding: Encoding) -> Option<(Decoded, usize)> {
    match encoding {
        Encoding::Json => json(text),
        Encoding::Percent => {
            let byte = hex(text.get(1..3)?)?;
            Some((Decoded::Byte(u8::try_from(byte).ok()?), 3))
        }
        Encoding::Xml => xml(text),
    }
}

fn json(text: &[u8]) -> Option<(Decoded, usize)> {
    let char = match text.get(1)? {
        byte @ (b'"' | b'\\' | b'/') => char::from(*byte),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return json_unicode(text),
        _ => return None,
    };
    Some((Decoded::Char(char), 2))
}

/// Decodes `\u00e9`, or two such escapes that are the halves of a character.
fn json_unicode(text: &[u8]) -> Option<(Decoded, usize)> {
    let unit = hex(text.get(2..6)?)?;
    if let Some(char) = char::from_u32(unit) {
        return Some((Decoded::Char(char), 6));
    }
    let low = text.get(6..12)?.strip_prefix(b"\\u").and_then(hex)?;
    let pair = [u16::try_from(unit).ok()?, u16::try_from(low).ok()?];
    let char = char::decode_utf16(pair).next()?.ok()?;
    Some((Decoded::Char(char), 12))
}

fn xml(text: &[u8]) -> Option<(Decoded, usize)> {
    /// No relevant character reference is longer.
    const LONGEST: usize = 12;
    let end = text.iter().take(LONGEST).position(|byte| *byte == b';')?;
    let char = match text.get(1..end)? {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        b"nbsp" => ' ',
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(hex(digits)?)?,
        [b'#', digits @ ..] => {
            let number = std::str::from_utf8(digits).ok()?;
            char::from_u32(number.parse().ok()?)?
        }
        _ => return None,
    };
    Some((Decoded::Char(char), end + 1))
}

fn hex(digits: &[u8]) -> Option<u32> {
    let text =
        std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u32::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, encoding: Encoding) -> String {
        let bytes: Vec<u8> =
            units(text.as_bytes(), encoding).flat_map(|unit| unit.bytes().to_vec()).collect();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn escapes_are_read_and_all_else_is_kept() {
        for (encoding, written, text) in [
            (Encoding::Json, r#"\"\\\/\n\t\u0041\u00E9\ud83d\ude00"#, "\"\\/\n\tA\u{e9}\u{1f600}"),
            (Encoding::Json, r"\x \u00g1 \ud83d \ud83dx\u", r"\x \u00g1 \ud83d \ud83dx\u"),
            (Encoding::Json, r"\\u0041\", r"\u0041\"),
            (Encoding::Percent, "%C3%a9%2F%", "\u{e9}/%"),
            (Encoding::Percent, "%zz%4", "%zz%4"),
            (Encoding::Xml, "&amp;&lt;&#233;&#xE9;&quot;&nbsp;x", "&<\u{e9}\u{e9}\" x"),
            (Encoding::Xml, "&;&nothing;&#;&#x110000; &amp", "&;&nothing;&#;&#x110000; &amp"),
        ] {
            assert_eq!(read(written, encoding), text, "{encoding:?} {written}");
        }
    }

    #[test]
    fn a_unit_knows_its_place() {
        let places: Vec<_> = units(br"a\u0041b", Encoding::Json).map(|unit| (unit.begin, unit.end)).collect();
        assert_eq!(places, [(0, 1), (1, 7), (7, 8)]);
    }
}
