//! Writes a page of items, and the link to the next one.

use super::behaviour::{NextField, NextLink};
use super::item::Row;
use super::query::{Query, Start};
use crate::request::Request;
use crate::response::Response;
use crate::world::World;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Writes the page of these rows that the query asks for.
pub(super) fn write(
    world: &World,
    query: &Query,
    rows: &[Row],
    request: &Request<'_>,
    response: &mut Response,
) {
    let behaviour = &world.behaviour.current;
    let Start { page, offset } = query.start;
    let count = if behaviour.empty_items == Some(page) { 0 } else { query.limit };
    let start = offset.min(rows.len());
    let end = offset.saturating_add(count).min(rows.len()).max(start);
    response.begin(200, Some("application/json"));
    response.push(br#"{"items":["#);
    for (place, row) in rows.get(start..end).unwrap_or_default().iter().enumerate() {
        if place > 0 {
            response.push(b",");
        }
        response.push(row.read(behaviour.progress).as_bytes());
    }
    response.push(b"]");
    let next = match () {
        () if end < rows.len() => Some(Start { page: page + 1, offset: end }),
        () if behaviour.next_loop => Some(Start::default()),
        () => None,
    };
    if let Some(next) = next {
        let link = Value::from(link(world, behaviour.next_link, next, request));
        let (field, value) = match behaviour.next_field {
            NextField::Next => ("next", link),
            NextField::NextPage => ("nextPage", link),
            NextField::Links => ("links", json!({ "next": link })),
            NextField::Hal => ("_links", json!({ "next": { "href": link } })),
        };
        // Writing into memory does not fail.
        let _ = write!(response, r#","{field}":{value}"#);
    }
    response.push(b"}");
}

/// The link to a place in the listing, with all other parameters of the request.
fn link(world: &World, form: NextLink, start: Start, request: &Request<'_>) -> String {
    let cursor = start.cursor();
    let encoded: String = cursor.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'+' | b'/' | b'=' => text.push_str(&format!("%{byte:02X}")),
            byte => text.push(byte.into()),
        }
        text
    });
    let parameters = |name: &str| {
        let others =
            request.query().split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
        let pairs: Vec<String> = others.map(str::to_owned).chain([format!("{name}={encoded}")]).collect();
        pairs.join("&")
    };
    let path = request.path();
    let with_port = |port: u16| {
        let url = &world.url;
        // The authority of a URL of the simulator always ends in its port.
        let host = url.rsplit_once(':').map_or(url.as_str(), |(host, _)| host);
        format!("{host}:{port}{path}")
    };
    match form {
        NextLink::Url => format!("{}{path}?{}", world.url, parameters("cursor")),
        NextLink::Path => format!("{path}?{}", parameters("cursor")),
        NextLink::Query => format!("?{}", parameters("cursor")),
        NextLink::Cursor => cursor,
        NextLink::Port(port) => format!("{}?{}", with_port(port), parameters("cursor")),
        NextLink::PortWithoutCursor(port) => format!("{}?{}", with_port(port), parameters("after")),
    }
}
