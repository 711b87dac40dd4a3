//! Converts the bytes of a response to its text: compression, byte order marks and character sets.
//!
//! Every request contains `Accept-Encoding: identity`, because a request without it allows the server any coding (RFC
//! 9110, section 12.5.3). If a server compresses nevertheless, gzip is supported.

use std::fmt;
use std::io::{self, Read};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Response};

use crate::transport::{TransportError, TransportErrorKind};

/// The first two bytes of all gzip data (RFC 1952, section 2.3.1).
const GZIP: &[u8] = &[0x1f, 0x8b];

const UTF_8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Unpacks the body of a response that is compressed with gzip. A damaged body stays unchanged, and so does a body in
/// any other coding: [`text`] names it.
///
/// # Errors
///
/// Returns an error of the kind `TooLarge` if the unpacked body has more than `limit` bytes.
pub(crate) fn unpacked(response: Response<Bytes>, limit: usize) -> Result<Response<Bytes>, TransportError> {
    if coding(response.headers()).as_deref() != Some("gzip") {
        return Ok(response);
    }
    let (mut parts, body) = response.into_parts();
    let plain = if body.starts_with(GZIP) { gunzip(&body, limit)? } else { Some(body.clone()) };
    let body = match plain {
        // If nothing is compressed, an HTTP library has unpacked the body and kept the header.
        Some(plain) => {
            parts.headers.remove(CONTENT_ENCODING);
            parts.headers.remove(CONTENT_LENGTH);
            plain
        }
        None => body,
    };
    Ok(Response::from_parts(parts, body))
}

/// Returns the unpacked bytes, or `None` if the input is not valid gzip.
///
/// The bytes are counted first. So the result fits its memory exactly, and a bomb takes none.
fn gunzip(packed: &[u8], limit: usize) -> Result<Option<Bytes>, TransportError> {
    let reader = || MultiGzDecoder::new(packed).take(limit as u64 + 1);
    let length = match io::copy(&mut reader(), &mut io::sink()) {
        Ok(length) if length > limit as u64 => return Err(TransportErrorKind::TooLarge.into()),
        Ok(length) => length as usize,
        Err(_) => return Ok(None),
    };
    let mut plain = Vec::with_capacity(length);
    Ok(reader().read_to_end(&mut plain).ok().map(|_| plain.into()))
}

/// Returns the content coding of a response in lower case, or `None` if its body is not encoded.
fn coding(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(CONTENT_ENCODING).into_iter();
    let names: Vec<String> = values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(|name| String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase())
        .filter(|name| !name.is_empty() && name != "identity")
        .map(|name| if name == "x-gzip" { "gzip".to_owned() } else { name })
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// The reason why a body is not text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoText {
    pub(crate) why: String,
    /// The offset in the body of the first byte that is not text, if the body is text up to there.
    pub(crate) at: Option<usize>,
}

impl NoText {
    fn new(why: impl fmt::Display) -> Self {
        Self { why: why.to_string(), at: None }
    }
}

/// Returns the text of a body, without a byte order mark. An empty body is an empty text.
///
/// # Errors
///
/// Returns an error that names the coding or the character set if the body is compressed or is not UTF-8.
pub(crate) fn text<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<&'a str, NoText> {
    if body.is_empty() {
        return Ok("");
    }
    match coding(headers) {
        Some(coding) if coding == "gzip" => {
            return Err(NoText::new(
                "the response is compressed (gzip) and cannot be unpacked: it is damaged",
            ));
        }
        Some(coding) => {
            let named = name_of_a_format(&coding).map(|coding| format!(" ({coding})")).unwrap_or_default();
            return Err(NoText::new(format_args!(
                "the response is compressed{named}, which was not requested"
            )));
        }
        None => {}
    }
    if is_utf_16(body) {
        return Err(NoText::new("the response is UTF-16, and JSON is UTF-8"));
    }
    let rest = body.strip_prefix(UTF_8_MARK).unwrap_or(body);
    std::str::from_utf8(rest).map_err(|error| {
        let why = match charset(headers) {
            Some(charset) => {
                format!("the response is {charset}, as its Content-Type says, and JSON is UTF-8")
            }
            None => "the response is not UTF-8".to_owned(),
        };
        NoText { why, at: Some(error.valid_up_to() + body.len() - rest.len()) }
    })
}

/// Detects UTF-16 by its byte order mark, or by the zero in the first character, which is ASCII in JSON.
fn is_utf_16(body: &[u8]) -> bool {
    matches!(body, [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] | [0, 1..=0xFF, ..] | [1..=0xFF, 0, ..])
}

/// Returns the character set of the `Content-Type`, if it is present and not UTF-8.
fn charset(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let parameters = value.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let (_, charset) =
        parameters.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    let charset = charset.trim().trim_matches('"');
    let is_utf_8 = ["utf-8", "utf8", ""].contains(&charset.to_ascii_lowercase().as_str());
    name_of_a_format(charset).filter(|_| !is_utf_8).map(str::to_owned)
}

/// Returns the name of a coding or of a character set, unless it is too long to be one (RFC 2978 allows 40 characters).
/// A longer text is not shortened, because it may be a secret, and a part of a secret cannot be redacted.
fn name_of_a_format(name: &str) -> Option<&str> {
    Some(name).filter(|name| name.len() <= 40 && !name.contains(char::is_control))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use http::{HeaderName, HeaderValue};

    use super::*;

    /// As the value of a header: no name of a format is this long.
    const TOO_LONG: &str = "a;charset=01234567890123456789012345678901234567890";

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(text).unwrap();
        packer.finish().unwrap()
    }

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        [(name, HeaderValue::from_static(value))].into_iter().collect()
    }

    fn response(coding: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
        let mut response = Response::new(body.into());
        *response.headers_mut() = headers(CONTENT_ENCODING, coding);
        response
    }

    #[test]
    fn gzip_is_unpacked_and_its_headers_go() {
        for coding in ["gzip", "x-gzip", "GZIP", "identity, gzip"] {
            let mut packed = response(coding, packed(b"{}"));
            packed.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("22"));
            let plain = unpacked(packed, 2).unwrap();
            assert_eq!((plain.body().as_ref(), plain.headers().len()), (&b"{}"[..], 0), "{coding}");
        }
        let two = [packed(b"{"), packed(b"}")].concat();
        assert_eq!(unpacked(response("gzip", two), 2).unwrap().body(), "{}");
    }

    #[test]
    fn a_body_that_a_library_unpacked_already_is_taken_as_it_is() {
        let plain = unpacked(response("gzip", "{}"), 2).unwrap();
        assert_eq!(text(plain.headers(), plain.body()), Ok("{}"));
    }

    #[test]
    fn what_unpacks_to_more_than_the_limit_is_too_large() {
        let error = unpacked(response("gzip", packed(&[b' '; 100_000])), 99_999).unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::TooLarge);
        assert!(unpacked(response("gzip", packed(&[b' '; 100_000])), 100_000).is_ok());
    }

    #[test]
    fn another_coding_stays_and_is_named() {
        let mut damaged = packed(b"{\"a\":1}");
        damaged.truncate(20);
        for (coding, body, expected) in [
            ("br", b"{}".to_vec(), "the response is compressed (br), which was not requested"),
            ("gzip, zstd", b"{}".to_vec(), "compressed (gzip, zstd)"),
            ("deflate", b"{}".to_vec(), "compressed (deflate)"),
            (TOO_LONG, b"{}".to_vec(), "is compressed, which was not requested"),
            ("gzip", damaged, "compressed (gzip) and cannot be unpacked"),
        ] {
            let kept = unpacked(response(coding, body.clone()), 100).unwrap();
            assert_eq!(kept.body(), &body);
            let error = text(kept.headers(), kept.body()).unwrap_err();
            assert!(error.why.contains(expected), "{}", error.why);
        }
        assert_eq!(text(&headers(CONTENT_ENCODING, "br"), b""), Ok(""));
    }

    #[test]
    fn a_byte_order_mark_is_skipped_and_utf_16_is_named() {
        assert_eq!(text(&HeaderMap::new(), b"\xEF\xBB\xBF{}"), Ok("{}"));
        for body in [&b"\xFF\xFE{\0}\0"[..], b"\xFE\xFF\0{\0}", b"{\0}\0", b"\0{\0}"] {
            assert!(text(&HeaderMap::new(), body).unwrap_err().why.contains("UTF-16"), "{body:?}");
        }
    }

    #[test]
    fn a_character_set_is_named_if_the_body_is_not_utf_8() {
        let latin = b"{\"name\":\"Caf\xE9\"}";
        let typed = |value| text(&headers(CONTENT_TYPE, value), latin).unwrap_err();
        let error = typed("application/json; charset=ISO-8859-1");
        assert_eq!(error.why, "the response is ISO-8859-1, as its Content-Type says, and JSON is UTF-8");
        assert_eq!(error.at, Some(12));
        for undecided in ["application/json", "application/json;charset=\"utf-8\"", "a;charset=", TOO_LONG] {
            assert_eq!(typed(undecided).why, "the response is not UTF-8", "{undecided}");
        }
        // A header that wrongly denies UTF-8 does no harm.
        let body = "{\"name\":\"Café\"}";
        assert_eq!(text(&headers(CONTENT_TYPE, "a; charset=latin1"), body.as_bytes()), Ok(body));
    }
}
