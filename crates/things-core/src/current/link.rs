//! A link to the next page.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// A link to another page: a URL, a path, a relative link, or a bare cursor. Its form is not documented.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Link<'a> {
    /// A whole URL, or one without its scheme.
    Url(&'a str),
    /// A path from the root of the server, with a query.
    Path(&'a str),
    /// The cursor of a link relative to the page, percent-encoded.
    Relative(String),
    /// A bare cursor. Base64 can start with `/`, and has no `?`.
    Bare(&'a str),
}

impl<'a> Link<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let is_url = text.split_once("://").is_some_and(|(scheme, _)| {
            !scheme.is_empty()
                && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        });
        let has_query = text.contains('?');
        match text {
            _ if is_url => Self::Url(text),
            _ if has_query && text.starts_with("//") => Self::Url(text),
            _ if has_query && text.starts_with('/') => Self::Path(text),
            _ => Self::cursor_of(text).map_or(Self::Bare(text), Self::Relative),
        }
    }

    /// Returns the parameter `cursor` in the query of a link, percent-encoded as it is there. `None` if it has none, or an
    /// empty one.
    pub(crate) fn cursor_of(text: &str) -> Option<String> {
        let (_, query) = text.split_once('?')?;
        let query = query.split('#').next().unwrap_or_default();
        let cursor = query.split('&').find_map(|pair| pair.strip_prefix("cursor="))?;
        (!cursor.is_empty()).then(|| utf8_percent_encode(cursor, NOT_IN_QUERY).to_string())
    }
}

/// The characters that a query must not contain (RFC 3986, section 3.4). A `%` is kept, because the text is encoded already.
const NOT_IN_QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_link_has_one_of_four_forms() {
        let relative = |cursor: &str| Link::Relative(cursor.to_owned());
        for (text, link) in [
            (
                "https://api.kpnthings.com/devices?cursor=a",
                Link::Url("https://api.kpnthings.com/devices?cursor=a"),
            ),
            ("https://api.kpnthings.com/devices", Link::Url("https://api.kpnthings.com/devices")),
            ("//api.kpnthings.com/devices?cursor=a", Link::Url("//api.kpnthings.com/devices?cursor=a")),
            ("/devices?cursor=a", Link::Path("/devices?cursor=a")),
            ("/devices?after=a", Link::Path("/devices?after=a")),
            ("?limit=2&cursor=a%2Bb", relative("a%2Bb")),
            ("devices?cursor=a+b#end", relative("a+b")),
            ("devices?cursor=a b", relative("a%20b")),
            ("eyJpZCI6Mn0=", Link::Bare("eyJpZCI6Mn0=")),
            ("/+8A/w==", Link::Bare("/+8A/w==")),
            ("//8=", Link::Bare("//8=")),
            ("a?b", Link::Bare("a?b")),
            ("a?cursor=", Link::Bare("a?cursor=")),
            ("?cursor=://", relative("://")),
        ] {
            assert_eq!(Link::of(text), link, "{text}");
        }
    }

    #[test]
    fn the_cursor_of_a_link_is_kept_as_it_is_encoded() {
        for (text, cursor) in [
            ("https://other.example/devices?limit=2&cursor=a%2Fb%3D", Some("a%2Fb%3D")),
            ("https://other.example/devices?xcursor=a", None),
            ("https://other.example/devices?cursor=", None),
            ("https://other.example/cursor=a", None),
            ("https://other.example/devices?cursor=a&cursor=b", Some("a")),
        ] {
            assert_eq!(Link::cursor_of(text).as_deref(), cursor, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_cursor_can_be_part_of_a_query(text in "\\?cursor=\\PC{1,20}") {
            if let Some(cursor) = Link::cursor_of(&text) {
                let target = format!("/devices?cursor={cursor}");
                prop_assert!(target.parse::<http::uri::PathAndQuery>().is_ok(), "{target}");
                prop_assert!(!cursor.contains(['&', '#']));
            }
        }
    }
}
