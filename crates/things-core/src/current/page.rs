//! A page of items. `items` is documented, and so are the links, but not their names.

use std::fmt;

use bytes::Bytes;
use http::HeaderMap;

use super::Item;
use crate::coding;
use crate::error::{DecodeError, ErrorKind};
use crate::json::{self, Json, Origin, Scanner};

/// A page with more items than this is rejected, because it would take too much memory.
const MOST_ITEMS: usize = 10_000;

/// A page of items of the current API.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ItemPage {
    /// `items`, at most 10,000. A page can be empty although another one follows.
    pub items: Vec<Item>,
    /// The link to the next page, as it came: a URL, a relative link, or a bare cursor. `None` on the last page.
    ///
    /// It is read from the first of these fields that the page has: `next`, `nextPage`, `links.next`,
    /// `_links.next.href`.
    pub next: Option<String>,
}

impl ItemPage {
    /// Reads the body of a response.
    ///
    /// # Errors
    ///
    /// Returns an error if the bytes are not a JSON object with an array `items`, if there are more than 10,000 items, or
    /// if the link to the next page is not text.
    pub fn from_json(body: &[u8]) -> Result<Self, DecodeError> {
        Self::of(&HeaderMap::new(), body, None)
    }

    /// Reads the body of a response with these headers.
    pub(super) fn from_body(headers: &HeaderMap, body: &Bytes) -> Result<Self, DecodeError> {
        Self::of(headers, body, Some(body))
    }

    fn of(headers: &HeaderMap, body: &[u8], origin: Origin<'_>) -> Result<Self, DecodeError> {
        const WHAT: &str = "a page of items";
        let text = coding::text(headers, body).map_err(|no_text| {
            DecodeError::new(format_args!("not {WHAT}: {}", no_text.why)).at(no_text.at)
        })?;
        Self::read(text, origin).map_err(|flaw| {
            let kind = match flaw.why {
                Why::Json(json::Why::TooDeep) => ErrorKind::TooDeep,
                Why::TooManyItems => ErrorKind::TooLarge,
                _ => ErrorKind::Decode,
            };
            let place = json::place(text, flaw.at);
            let error = DecodeError::new(format_args!("not {WHAT}: {} ({place})", flaw.why)).of_kind(kind);
            error.at(Some(flaw.at + body.len() - text.len()))
        })
    }

    fn read(text: &str, origin: Origin<'_>) -> Result<Self, Flaw> {
        let mut scanner = Scanner::new(text);
        let (mut items, mut links) = (None, [None; 4]);
        scanner.object(|scanner, name| {
            let name_at = name.at();
            match name.text().as_deref() {
                Some("items") if items.is_some() => return Err(Flaw::new(name_at, Why::ItemsTwice)),
                Some("items") => items = Some(read_items(scanner, origin)?),
                field => {
                    let value = scanner.value()?;
                    let json = Json::of(value.raw());
                    let (place, link) = match field {
                        Some("next") => (0, Some(json)),
                        Some("nextPage") => (1, Some(json)),
                        Some("links") => (2, json.get("next")),
                        Some("_links") => (3, json.get("next").and_then(|next| next.get("href"))),
                        _ => return Ok(()),
                    };
                    if let (Some(slot), Some(link)) = (links.get_mut(place), link) {
                        *slot = Some((link, value.at()));
                    }
                }
            }
            Ok(())
        })?;
        scanner.end()?;
        let items = items.ok_or(Flaw::new(0, Why::NoItems))?;
        Ok(Self { items, next: next_of(links.into_iter().flatten())? })
    }
}

fn read_items(scanner: &mut Scanner<'_>, origin: Origin<'_>) -> Result<Vec<Item>, Flaw> {
    if scanner.peek().is_some_and(|byte| byte != b'[') {
        return Err(Flaw::new(scanner.at(), Why::ItemsAreNoArray));
    }
    let mut items = Vec::new();
    scanner.array(|scanner| {
        let value = scanner.value()?;
        if items.len() == MOST_ITEMS {
            return Err(Flaw::new(value.at(), Why::TooManyItems));
        }
        items.push(Item::of(value.raw(), origin));
        Ok(())
    })?;
    Ok(items)
}

/// Returns the first link that is there. `null` and an empty text are no link. A link of any other type is an error,
/// because the items after it would be lost.
fn next_of<'a>(links: impl Iterator<Item = (Json<'a>, usize)>) -> Result<Option<String>, Flaw> {
    for (link, at) in links {
        match link.text() {
            Some(text) if text.is_empty() => {}
            Some(text) => return Ok(Some(text.into_owned())),
            None if link.is_null() => {}
            None => return Err(Flaw::new(at, Why::OddLink)),
        }
    }
    Ok(None)
}

#[derive(Debug)]
struct Flaw {
    at: usize,
    why: Why,
}

#[derive(Debug)]
enum Why {
    Json(json::Why),
    NoItems,
    ItemsTwice,
    ItemsAreNoArray,
    TooManyItems,
    OddLink,
}

impl Flaw {
    fn new(at: usize, why: Why) -> Self {
        Self { at, why }
    }
}

impl From<json::Flaw> for Flaw {
    fn from(flaw: json::Flaw) -> Self {
        Self::new(flaw.at, Why::Json(flaw.why))
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(why) => why.fmt(f),
            Self::NoItems => f.write_str("there is no field items"),
            Self::ItemsTwice => f.write_str("there are two fields items"),
            Self::ItemsAreNoArray => f.write_str("items is not an array"),
            Self::TooManyItems => write!(f, "it has more than {MOST_ITEMS} items"),
            Self::OddLink => f.write_str("the link to the next page is not a text"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<ItemPage, DecodeError> {
        ItemPage::from_json(text.as_bytes())
    }

    fn link(text: &str) -> Option<String> {
        read(text).unwrap().next
    }

    #[test]
    fn items_keep_their_text() {
        let page = read("\u{FEFF}{\"items\":[ {\"id\": 89314404000123456789 },7,null]}").unwrap();
        let items: Vec<_> = page.items.iter().map(|item| item.json().as_str()).collect();
        assert_eq!((items, page.next), (vec![r#"{"id": 89314404000123456789 }"#, "7", "null"], None));
    }

    #[test]
    fn a_link_is_found_in_each_of_its_places_the_first_of_them_counts() {
        for (json, expected) in [
            (r#"{"items":[],"next":"c\/d"}"#, Some("c/d")),
            (r#"{"items":[],"nextPage":"c"}"#, Some("c")),
            (r#"{"items":[],"links":{"next":"c"}}"#, Some("c")),
            (r#"{"items":[],"_links":{"next":{"href":"c"}}}"#, Some("c")),
            (
                r#"{"_links":{"next":{"href":"d"}},"links":{"next":"e"},"nextPage":"f","next":"c","items":[]}"#,
                Some("c"),
            ),
            (r#"{"items":[],"next":null,"nextPage":"","links":{"next":"c"}}"#, Some("c")),
            (r#"{"items":[],"links":[],"_links":{"next":{}}}"#, None),
            (r#"{"items":[],"next":null}"#, None),
            (r#"{"items":[],"prev":"c"}"#, None),
        ] {
            assert_eq!(link(json).as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn a_page_that_cannot_be_read_says_where() {
        for (json, why) in [
            ("[]", "not a page of items: not a JSON object (line 1, column 1)"),
            ("{}", "not a page of items: there is no field items (line 1, column 1)"),
            ("{\n\"items\":{}}", "not a page of items: items is not an array (line 2, column 9)"),
            (
                r#"{"items":[],"items":[]}"#,
                "not a page of items: there are two fields items (line 1, column 13)",
            ),
            (
                r#"{"items":[],"next":2}"#,
                "not a page of items: the link to the next page is not a text (line 1, column 20)",
            ),
            (
                r#"{"items":[],"links":{"next":{"href":"c"}}}"#,
                "not a page of items: the link to the next page is not a text (line 1, column 21)",
            ),
            (r#"{"items":[1"#, "not a page of items: the JSON is cut short (line 1, column 12)"),
        ] {
            assert_eq!(read(json).unwrap_err().to_string(), why, "{json}");
        }
    }

    #[test]
    fn a_page_of_too_many_items_is_refused() {
        let page = |items: usize| read(&format!("{{\"items\":[{}]}}", vec!["1"; items].join(",")));
        assert_eq!(page(10_000).unwrap().items.len(), 10_000);
        assert_eq!(page(10_001).unwrap_err().kind(), ErrorKind::TooLarge);
        let deep = format!("{{\"items\":[{}{}]}}", "[".repeat(126), "]".repeat(126));
        assert_eq!(read(&deep).unwrap_err().kind(), ErrorKind::TooDeep);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_page_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = ItemPage::from_json(&bytes);
        }
    }
}
