//! A request to the simulator: its headers, path and query.

use httparse::Header;
use std::borrow::Cow;

/// A request, borrowed from the connection's buffers.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) headers: &'a [Header<'a>],
    pub(crate) head: &'a [u8],
    pub(crate) body: &'a [u8],
}

impl<'a> Request<'a> {
    /// A value that is not UTF-8 is returned as an empty text: the header is there, and it names nothing that is known.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        let header = self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        Some(std::str::from_utf8(header.value).unwrap_or_default())
    }

    /// The token in `Authorization: Bearer`.
    pub(crate) fn bearer_token(&self) -> Option<&'a str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// Returns the path as received, without the query. The target may be in absolute form.
    pub(crate) fn path(&self) -> &'a str {
        self.split_target().0
    }

    pub(crate) fn query(&self) -> &'a str {
        self.split_target().1
    }

    fn split_target(&self) -> (&'a str, &'a str) {
        let target = match self.target.strip_prefix("http://") {
            Some(rest) => rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/"),
            None => self.target,
        };
        target.split_once('?').unwrap_or((target, ""))
    }
}

/// Returns the decoded pairs of a query, where `+` is a space. A pair that is not percent-encoded UTF-8 is `None`.
pub(crate) fn query_pairs(query: &str) -> impl Iterator<Item = Option<(Cow<'_, str>, Cow<'_, str>)>> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decode(name, true)?, decode(value, true)?))
    })
}

/// Percent-decodes a text. Returns `None` if it is not percent-encoded UTF-8.
pub(crate) fn decode(text: &str, plus_is_space: bool) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| byte == b'%' || (plus_is_space && byte == b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Whether a header value names this media type, possibly in a list or with parameters.
pub(crate) fn names_media_type(value: Option<&str>, wanted: &str) -> bool {
    let mut types = value.unwrap_or_default().split(',');
    types.any(|item| item.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_decoding() {
        assert_eq!(decode("plain", true).as_deref(), Some("plain"));
        assert_eq!(decode("Caf%C3%A9+%26+50%25%2B", true).as_deref(), Some("Café & 50%+"));
        assert_eq!(decode("a+b", false).as_deref(), Some("a+b"));
        for wrong in ["%", "%4", "%zz", "%+1", "%FF"] {
            assert_eq!(decode(wrong, true), None, "{wrong}");
        }
    }

    #[test]
    fn query_pairs_may_lack_a_value() {
        let pairs: Vec<_> = query_pairs("a=1&&b&c=x=y").map(Option::unwrap).collect();
        assert_eq!(pairs, [("a".into(), "1".into()), ("b".into(), "".into()), ("c".into(), "x=y".into())]);
    }

    #[test]
    fn media_types_are_compared_without_parameters() {
        assert!(names_media_type(Some("text/html, Application/JSON; charset=utf-8"), "application/json"));
        assert!(!names_media_type(Some("application/jsonp"), "application/json"));
        assert!(!names_media_type(Some("*/*"), "application/json"));
        assert!(!names_media_type(None, "application/json"));
    }
}
