//! A part of a response that outlives it.

use bytes::Bytes;

/// A text from this size on is not copied, because a response and a copy of its largest field would take twice its
/// memory. A smaller one is copied, because sharing it would keep the whole response in memory.
const LARGE: usize = 1 << 20;

/// The response that a text is a part of, if any.
pub(crate) type Origin<'a> = Option<&'a Bytes>;

/// A text from a response: a copy, or if it is large, a part of the memory of the response.
#[derive(Clone)]
pub(crate) enum Part {
    Copy(Box<str>),
    /// Boxed, so that a part takes no more space than a copy.
    Shared(Box<Bytes>),
}

impl Part {
    /// Returns a large part of a response. `None` if this text is small or is not part of a response.
    pub(crate) fn shared(text: &str, origin: Origin<'_>) -> Option<Bytes> {
        let origin = origin.filter(|_| text.len() >= LARGE)?;
        let (part, all) = (text.as_bytes().as_ptr_range(), origin.as_ptr_range());
        (all.start <= part.start && part.end <= all.end).then(|| origin.slice_ref(text.as_bytes()))
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Copy(text) => text,
            Self::Shared(bytes) => text_of(bytes),
        }
    }
}

impl Default for Part {
    fn default() -> Self {
        Self::Copy(Box::default())
    }
}

/// Returns the text of a shared part.
pub(crate) fn text_of(shared: &Bytes) -> &str {
    // It was valid UTF-8 when it was shared.
    std::str::from_utf8(shared).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_part_shares_the_memory_of_the_response() {
        let body = Bytes::from(format!("{{\"a\":\"{}\"}}", "b".repeat(LARGE)));
        let text = std::str::from_utf8(&body).unwrap();
        let large = text.get(6..6 + LARGE).unwrap();
        let shared = Part::shared(large, Some(&body)).unwrap();
        assert_eq!(shared.as_ptr(), large.as_ptr());
        assert_eq!(Part::Shared(Box::new(shared)).as_str(), large);
        assert_eq!(Part::shared(text.get(6..5 + LARGE).unwrap(), Some(&body)), None);
        assert_eq!(Part::shared(large, None), None);
        let other = "b".repeat(LARGE);
        assert_eq!(Part::shared(&other, Some(&body)), None);
    }
}
