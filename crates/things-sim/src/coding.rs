//! Encodings of the body of a response: compression, or another encoding of its text.

use crate::request::Request;
use crate::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fmt;
use std::io::Write as _;

/// An encoding of the body of a response. Several combine, in the order of this list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coding {
    /// `charset:NAME`: adds the parameter `charset` to `Content-Type`. The body does not change.
    Charset(String),
    /// `bom`: puts a byte order mark in front of the body.
    ByteOrderMark,
    /// `utf-16`: writes the body in UTF-16, little endian, with a byte order mark.
    Utf16,
    /// `utf-16le`: writes the body in UTF-16, little endian, without a byte order mark.
    Utf16Le,
    /// `utf-16be`: writes the body in UTF-16, big endian, without a byte order mark.
    Utf16Be,
    /// `gzip`: compresses the body, even if the request accepts only `identity`.
    Gzip,
    /// `gzip-unless-identity`: compresses the body, unless `Accept-Encoding` names `identity`.
    GzipUnlessIdentity,
}

impl Coding {
    /// The coding with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "bom" => Self::ByteOrderMark,
            "utf-16" => Self::Utf16,
            "utf-16le" => Self::Utf16Le,
            "utf-16be" => Self::Utf16Be,
            "gzip" => Self::Gzip,
            "gzip-unless-identity" => Self::GzipUnlessIdentity,
            _ => return None,
        })
    }

    /// The charset with this name. `None` if a header cannot contain it.
    pub(crate) fn charset(name: &str) -> Option<Self> {
        let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        (letters && !name.is_empty()).then(|| Self::Charset(name.to_owned()))
    }

    /// Encodes the body of the response. An empty body stays empty.
    pub(crate) fn apply(&self, request: &Request<'_>, response: &mut Response) {
        if response.body().is_empty() {
            return;
        }
        match self {
            Self::Charset(name) => response.add_charset(name),
            Self::ByteOrderMark => response.set_body(&[b"\xEF\xBB\xBF", response.body()].concat()),
            Self::Utf16 => {
                let body = utf_16(&format!("\u{FEFF}{}", text(response)), u16::to_le_bytes);
                response.set_body(&body);
            }
            Self::Utf16Le => response.set_body(&utf_16(&text(response), u16::to_le_bytes)),
            Self::Utf16Be => response.set_body(&utf_16(&text(response), u16::to_be_bytes)),
            Self::GzipUnlessIdentity if names_identity(request.header("accept-encoding")) => {}
            Self::Gzip | Self::GzipUnlessIdentity => {
                if let Ok(body) = gzip(response.body()) {
                    response.set_body(&body);
                    response.header("Content-Encoding", "gzip");
                }
            }
        }
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Charset(name) => write!(f, "charset:{name}"),
            Self::ByteOrderMark => f.write_str("bom"),
            Self::Utf16 => f.write_str("utf-16"),
            Self::Utf16Le => f.write_str("utf-16le"),
            Self::Utf16Be => f.write_str("utf-16be"),
            Self::Gzip => f.write_str("gzip"),
            Self::GzipUnlessIdentity => f.write_str("gzip-unless-identity"),
        }
    }
}

fn text(response: &Response) -> String {
    String::from_utf8_lossy(response.body()).into_owned()
}

fn utf_16(text: &str, bytes: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

fn names_identity(accept_encoding: Option<&str>) -> bool {
    let mut codings = accept_encoding.unwrap_or_default().split(',');
    codings.any(|coding| coding.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("identity"))
}
