//! Reading a body within its limits, byte by byte as it was sent.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;

/// Why a body was not read to its end.
#[derive(Debug)]
pub(crate) enum Unread {
    /// It is longer than the limit. The rest was not read.
    TooLarge,
    /// `grow` refused memory for it.
    NoMemory,
    /// The connection failed.
    Broken(axum::Error),
}

/// Reads a body of at most `limit` bytes. `announced` is its `Content-Length`. `grow` is called before bytes are kept.
pub(crate) async fn read(
    mut body: Body,
    announced: Option<u64>,
    limit: usize,
    mut grow: impl FnMut(usize) -> bool,
) -> Result<Bytes, Unread> {
    if announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > limit)) {
        return Err(Unread::TooLarge);
    }
    // Nearly all messages arrive in one piece, which is then not copied.
    let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        // Trailers are no part of what was signed.
        let Ok(data) = frame.map_err(Unread::Broken)?.into_data() else { continue };
        if data.is_empty() {
            continue;
        }
        if first.len() + rest.len() + data.len() > limit {
            return Err(Unread::TooLarge);
        }
        if !grow(data.len()) {
            return Err(Unread::NoMemory);
        }
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// The length that the headers announce.
pub(crate) fn announced(headers: &http::HeaderMap) -> Option<u64> {
    headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
