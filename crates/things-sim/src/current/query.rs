//! The parameters of a request: which items it selects, in which order, and where the page starts.

use super::item::Row;
use super::resource::Resource;
use super::timestamp;
use crate::request::query_pairs;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::cmp::Ordering;
use std::time::SystemTime;

/// The number of items per page, if the request names none (KPN's documentation).
const DEFAULT_LIMIT: usize = 50;

/// Cursors begin with characters that a query has to escape, and that a link could be confused with.
const MARK: [u8; 3] = [0xFB, 0xFF, 0xFE];

pub(super) struct Query {
    resource: Resource,
    created_before: Option<SystemTime>,
    created_since: Option<SystemTime>,
    modified_before: Option<SystemTime>,
    modified_since: Option<SystemTime>,
    /// The other filters, with their values.
    filters: Vec<(String, String)>,
    /// The fields to sort by, and whether they descend.
    sort: Vec<(String, bool)>,
    pub(super) limit: usize,
    pub(super) start: Start,
}

/// A place in a listing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Start {
    /// The number of the page, from 0.
    pub(super) page: usize,
    /// The number of items before the page.
    pub(super) offset: usize,
}

impl Start {
    /// The cursor of this place.
    pub(super) fn cursor(self) -> String {
        let place = format!("{}.{}", self.page, self.offset);
        BASE64_STANDARD.encode([&MARK, place.as_bytes()].concat())
    }

    fn read(cursor: &str) -> Option<Self> {
        let bytes = BASE64_STANDARD.decode(cursor).ok()?;
        let place = std::str::from_utf8(bytes.strip_prefix(&MARK)?).ok()?;
        let (page, offset) = place.split_once('.')?;
        Some(Self { page: page.parse().ok()?, offset: offset.parse().ok()? })
    }
}

impl Query {
    /// Reads the parameters of a query.
    ///
    /// # Errors
    ///
    /// Returns the reason of a 400.
    pub(super) fn read(resource: Resource, query: &str) -> Result<Self, String> {
        let mut this = Self {
            resource,
            created_before: None,
            created_since: None,
            modified_before: None,
            modified_since: None,
            filters: Vec::new(),
            sort: Vec::new(),
            limit: DEFAULT_LIMIT,
            start: Start::default(),
        };
        for pair in query_pairs(query) {
            let (name, value) = pair.ok_or("the query is not percent-encoded UTF-8")?;
            let time =
                || timestamp::read(&value).ok_or(format!("{name} must be a date or a time in ISO 8601"));
            match name.as_ref() {
                "createdBefore" => this.created_before = Some(time()?),
                "createdSince" => this.created_since = Some(time()?),
                "modifiedBefore" => this.modified_before = Some(time()?),
                "modifiedSince" => this.modified_since = Some(time()?),
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| *limit > 0);
                    this.limit = limit.ok_or("limit must be a whole number from 1")?;
                }
                "cursor" => this.start = Start::read(&value).ok_or("cursor is not valid")?,
                "sort" => this.sort = value.split(',').map(order).collect(),
                "clientId" | "projectId" => this.filters.push((name.into(), value.into())),
                name if resource.filters().contains(&name) => {
                    this.filters.push((name.to_owned(), value.into()));
                }
                name => return Err(format!("unknown parameter {name}")),
            }
        }
        Ok(this)
    }

    /// Returns the rows that match, in order.
    ///
    /// # Errors
    ///
    /// Returns the reason of a 400.
    pub(super) fn select(&self, rows: Vec<Row>) -> Result<Vec<Row>, String> {
        let mut rows: Vec<Row> = rows.into_iter().filter(|row| self.matches(row)).collect();
        let is_missing = |field: &str| !rows.is_empty() && rows.iter().all(|row| row.text(field).is_none());
        if let Some((field, _)) = self.sort.iter().find(|(field, _)| is_missing(field)) {
            return Err(format!("sort: there is no field {field}"));
        }
        if !self.sort.is_empty() {
            rows.sort_by(|a, b| self.compare(a, b));
        }
        Ok(rows)
    }

    fn compare(&self, a: &Row, b: &Row) -> Ordering {
        self.sort.iter().fold(Ordering::Equal, |order, (field, descending)| {
            order.then_with(|| {
                let order = a.text(field).cmp(&b.text(field));
                if *descending { order.reverse() } else { order }
            })
        })
    }

    fn matches(&self, row: &Row) -> bool {
        let (created, modified) = row.times();
        let in_time = self.created_before.is_none_or(|time| created < time)
            && self.created_since.is_none_or(|time| created >= time)
            && self.modified_before.is_none_or(|time| modified < time)
            && self.modified_since.is_none_or(|time| modified >= time);
        in_time && self.filters.iter().all(|(name, value)| self.passes(row, name, value))
    }

    fn passes(&self, row: &Row, name: &str, value: &str) -> bool {
        let is = |field: &str, value: &str| row.text(field).as_deref() == Some(value);
        match name {
            "q" if self.resource.is_of_downlinks() => {
                let has = |field: &str| row.text(field).is_some_and(|text| text.contains(value));
                // That `q` finds a reference is a guess.
                is("tagValue", value) || has("networkId") || has("message") || is("externalReference", value)
            }
            "q" => {
                let wanted = value.to_lowercase();
                let has =
                    |field: &str| row.text(field).is_some_and(|text| text.to_lowercase().contains(&wanted));
                has("name") || has("description")
            }
            // One of the values of a list is enough.
            "deviceSpecificationId" => {
                self.filters.iter().any(|(other, value)| other == name && is(name, value))
            }
            name => is(name, value),
        }
    }
}

/// Reads a field of `sort`.
fn order(field: &str) -> (String, bool) {
    match field.strip_prefix('-') {
        Some(field) => (field.to_owned(), true),
        None => (field.to_owned(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let start = Start { page: 3, offset: 150 };
        assert_eq!(start.cursor(), "+//+My4xNTA=");
        assert_eq!(Start::read(&start.cursor()), Some(start));
        assert_eq!(Start::read("150"), None);
    }
}
