//! `things api --all`: the items of all pages, byte for byte.
//!
//! Two ways to page are known. `GET /api/devices` has numbered pages (KPN's documentation): `content`, `last`, and the query
//! `currentPage`. The current API has `items` and probably a link `next`, which is a URL or a bare cursor.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use things_core::{Error, ErrorKind};
use things_ureq::Client;

use super::request::Request;
use crate::console::Console;
use crate::failure::Failure;

/// Requests every page, and prints all items as one JSON array with an item per line.
pub(super) fn print_all(client: &Client, first: Request, console: &mut Console<'_>) -> Result<(), Failure> {
    let mut written = 0;
    let result = print_pages(client, first, console, &mut written);
    if result.is_err() && written > 0 {
        console.flush()?;
        console.complain(format_args!("the output is incomplete: it ends after {written} items"));
    }
    result
}

fn print_pages(
    client: &Client,
    first: Request,
    console: &mut Console<'_>,
    written: &mut u64,
) -> Result<(), Failure> {
    let mut seen = HashSet::from([first.target()]);
    let mut next = Some(Step::to(first.clone()));
    let mut separator = "[\n";
    while let Some(step) = next {
        let answer = step.take(client)?;
        let body = answer.redacted_body();
        let page = Page::read(&body)?;
        for item in page.items()? {
            console.out().write_all(separator.as_bytes())?;
            console.out().write_all(item.get().as_bytes())?;
            separator = ",\n";
            *written += 1;
        }
        console.flush()?;
        next = page.next(&step.request, &first)?;
        if let Some(step) = &next
            && !seen.insert(step.request.target())
        {
            let again = step.request.target();
            return Err(Failure::Local(format!(
                "the service links to a page that was read already: {again}"
            )));
        }
    }
    Ok(match *written {
        0 => writeln!(console.out(), "[]"),
        _ => writeln!(console.out(), "\n]"),
    }?)
}

/// The request for a page.
struct Step {
    request: Request,
    /// The request to make if the first one must not be made, because its link leads to another server.
    instead: Option<Request>,
}

impl Step {
    fn to(request: Request) -> Self {
        Self { request, instead: None }
    }

    fn take(&self, client: &Client) -> Result<things_core::Answer, Error> {
        match (client.request(&self.request.call()), &self.instead) {
            (Err(error), Some(instead)) if error.kind() == ErrorKind::Input => {
                client.request(&instead.call())
            }
            (result, _) => result,
        }
    }
}

/// The known fields of a page. A field of an unexpected type counts as missing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    #[serde(borrow)]
    content: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
    #[serde(default)]
    last: Value,
    #[serde(default)]
    number: Value,
    #[serde(default)]
    total_pages: Value,
    /// Newer versions of Spring have the numbers here.
    #[serde(default)]
    page: Value,
    #[serde(default)]
    next: Value,
    #[serde(default)]
    next_page: Value,
    #[serde(default)]
    links: Value,
    #[serde(default, rename = "_links")]
    hal_links: Value,
}

impl<'a> Page<'a> {
    fn read(body: &'a [u8]) -> Result<Self, Failure> {
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        serde_json::from_slice(body)
            .map_err(|error| Failure::Local(format!("the response is not a page in JSON: {error}")))
    }

    fn items(&self) -> Result<&[&'a RawValue], Failure> {
        self.content.as_deref().or(self.items.as_deref()).ok_or_else(|| {
            Failure::Local(
                "the response is not a page: it has neither `content` nor `items`\n\
                 hint: leave --all out to see the response"
                    .into(),
            )
        })
    }

    /// The request for the page after this one, if there is one.
    fn next(&self, request: &Request, first: &Request) -> Result<Option<Step>, Failure> {
        match &self.content {
            Some(content) => self.next_number(content.is_empty(), request),
            None => Ok(self.link().map(|link| follow(link, first))),
        }
    }

    fn next_number(&self, is_empty: bool, request: &Request) -> Result<Option<Step>, Failure> {
        let requested = request.query("currentPage").and_then(|number| number.parse().ok()).unwrap_or(0);
        let number = self.count(&self.number, "number");
        if let Some(number) = number.filter(|number| *number != requested) {
            return Err(Failure::Local(format!("page {requested} was requested, and page {number} came")));
        }
        let is_last = match (self.count(&self.total_pages, "totalPages"), self.last.as_bool()) {
            (Some(pages), _) => requested + 1 >= pages,
            (None, Some(is_last)) => is_last || is_empty,
            (None, None) => is_empty,
        };
        match is_last {
            true => Ok(None),
            false if !request.is_device_list() => Err(Failure::Local(
                "there are more pages, and only /api/devices is documented to have numbered pages".into(),
            )),
            false => Ok(Some(Step::to(request.with_query("currentPage", &(requested + 1).to_string())))),
        }
    }

    /// A number at the top level, or in the field `page`.
    fn count(&self, top: &Value, name: &str) -> Option<u64> {
        top.as_u64().or_else(|| self.page.get(name)?.as_u64())
    }

    /// The link to the next page, in one of the places where it may be.
    fn link(&self) -> Option<&str> {
        [
            Some(&self.next),
            Some(&self.next_page),
            self.links.get("next"),
            self.hal_links.get("next").and_then(|next| next.get("href")),
        ]
        .into_iter()
        .flatten()
        .find_map(Value::as_str)
        .filter(|link| !link.is_empty())
    }
}

/// The request that a link leads to: a URL, a path, a query, or a bare cursor.
fn follow(link: &str, first: &Request) -> Step {
    let cursor = link.split(['?', '&']).skip(1).find_map(|part| part.strip_prefix("cursor="));
    // The cursor in a URL is encoded already.
    let instead = cursor.map(|cursor| first.with_encoded_query("cursor", cursor));
    if link.contains("://") || link.starts_with('/') {
        Step { request: first.at(link), instead }
    } else if link.contains('?') {
        match instead {
            Some(request) => Step::to(request),
            None => Step::to(first.at(link)),
        }
    } else {
        Step::to(first.with_query("cursor", link))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(link: &str) -> String {
        let first = Request::get("/devices?limit=2&cursor=old", &[("q", "a b")]);
        follow(link, &first).request.target()
    }

    #[test]
    fn a_link_is_a_url_a_path_a_query_or_a_cursor() {
        for (link, expected) in [
            (
                "https://api.kpnthings.com/devices?cursor=a%2Bb",
                "https://api.kpnthings.com/devices?cursor=a%2Bb",
            ),
            ("/devices?cursor=a%2Bb&limit=2", "/devices?cursor=a%2Bb&limit=2"),
            ("?cursor=a%2Bb", "/devices?limit=2&cursor=a%2Bb&q=a b"),
            ("devices?page=3", "devices?page=3"),
            ("a+b/c==", "/devices?limit=2&q=a b&cursor=a+b/c=="),
        ] {
            assert_eq!(target(link), expected, "{link}");
        }
    }

    #[test]
    fn a_link_is_found_in_each_of_its_places() {
        for json in [
            r#"{"items":[],"next":"c"}"#,
            r#"{"items":[],"next":null,"nextPage":"c"}"#,
            r#"{"items":[],"links":{"next":"c"}}"#,
            r#"{"items":[],"links":[],"_links":{"next":{"href":"c"}}}"#,
        ] {
            assert_eq!(Page::read(json.as_bytes()).ok().unwrap().link(), Some("c"), "{json}");
        }
        for json in [r#"{"items":[]}"#, r#"{"items":[],"next":""}"#, r#"{"items":[],"next":null}"#] {
            assert_eq!(Page::read(json.as_bytes()).ok().unwrap().link(), None, "{json}");
        }
    }
}
