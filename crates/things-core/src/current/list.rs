//! `GET {baseUrl}/devices` and the other resources of the current API: one page of items.

use http::header::ACCEPT;
use http::{HeaderValue, Method};

use super::{Filter, ItemPage, Resource};
use crate::answer::Answer;
use crate::downlinks::DeviceUrn;
use crate::error::DecodeError;
use crate::input::InputError;
use crate::operation::{Call, Operation};

/// A query for the items of a resource: filters, an order, and where to start.
///
/// A value that is not set is not sent. The service's own default is pages of 50 items.
///
/// ```
/// use things_core::{Filter, ListResource, Resource};
///
/// let query = ListResource::new(Resource::Devices)
///     .filter(Filter::Q, "parking")
///     .filter(Filter::CreatedSince, "2026-01-31T09:30:00Z")
///     .sort("createdAt,-name");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListResource {
    resource: Resource,
    filters: Vec<(Filter, String)>,
    sort: Option<String>,
    limit: Option<u32>,
    start: Start,
}

/// Where the page starts.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Start {
    First,
    Cursor(String),
    /// A cursor that is percent-encoded already.
    EncodedCursor(String),
    /// The URL of the page, which a link names.
    Url(String),
}

impl ListResource {
    /// Problem details (RFC 9457) are probably the form of the errors.
    const ACCEPTED: &str = "application/json, application/problem+json";

    /// Creates a query for the first page of all items.
    pub fn new(resource: Resource) -> Self {
        Self { resource, filters: Vec::new(), sort: None, limit: None, start: Start::First }
    }

    /// Creates a query for the downlinks of a device that were created since a time in ISO 8601, to look for one whose
    /// outcome is unknown.
    ///
    /// The device is found by its URN, as it was sent. Case matters.
    pub fn downlinks_of(device: &DeviceUrn, since: impl Into<String>) -> Self {
        Self::new(Resource::Downlinks)
            .filter(Filter::Q, device.to_string())
            .filter(Filter::CreatedSince, since)
    }

    /// Lists only items that match. A filter that is set again is replaced, apart from
    /// [`DeviceSpecificationId`](Filter::DeviceSpecificationId), which is a list.
    ///
    /// The call fails before anything is sent if the resource does not take the filter, or if the value cannot be right.
    pub fn filter(mut self, filter: Filter, value: impl Into<String>) -> Self {
        if !filter.is_list() {
            self.filters.retain(|(other, _)| *other != filter);
        }
        self.filters.push((filter, value.into()));
        self
    }

    /// Sorts by fields with commas in between. A `-` in front of a field sorts it in descending order:
    /// `createdAt,-name`.
    pub fn sort(mut self, fields: impl Into<String>) -> Self {
        self.sort = Some(fields.into());
        self
    }

    /// Sets the number of items per page, at least 1. The service's default is 50. Its maximum is unknown, and it may
    /// return smaller or larger pages.
    pub fn limit(mut self, items: u32) -> Self {
        self.limit = Some(items);
        self
    }

    /// Starts at this cursor, for example to continue a listing that was interrupted.
    pub fn cursor(mut self, cursor: impl Into<String>) -> Self {
        self.start = Start::Cursor(cursor.into());
        self
    }

    /// The resource.
    pub fn resource(&self) -> Resource {
        self.resource
    }

    /// The same query from a cursor that is percent-encoded already.
    pub(crate) fn encoded_cursor(&self, cursor: String) -> Self {
        Self { start: Start::EncodedCursor(cursor), ..self.clone() }
    }

    /// The page at this URL, which has all the rest of the query.
    pub(crate) fn at(&self, url: String) -> Self {
        Self { start: Start::Url(url), ..self.clone() }
    }
}

impl Operation for ListResource {
    type Output = ItemPage;

    fn encode(&self) -> Result<Call, InputError> {
        let path = self.resource.path();
        let mut call = Call::new(Method::GET, if let Start::Url(url) = &self.start { url } else { path })
            .header(ACCEPT, HeaderValue::from_static(Self::ACCEPTED));
        if let Start::Url(_) = self.start {
            return Ok(call);
        }
        for filter in Filter::ALL {
            for (_, value) in self.filters.iter().filter(|(set, _)| *set == filter) {
                if !self.resource.takes(filter) {
                    return Err(InputError::new(filter.name(), format!("is not a filter of {path}")));
                }
                filter.check(value)?;
                call = call.query(filter.name(), value);
            }
        }
        if let Some(sort) = &self.sort {
            check_sort(sort)?;
            call = call.query("sort", sort);
        }
        if let Some(limit) = self.limit {
            if limit == 0 {
                return Err(InputError::new("limit", "is 0: expected at least 1"));
            }
            call = call.query("limit", limit);
        }
        match &self.start {
            Start::Cursor(cursor) if cursor.is_empty() => {
                Err(InputError::new("cursor", "is empty: leave it out to start at the first page"))
            }
            Start::Cursor(cursor) => Ok(call.query("cursor", cursor)),
            Start::EncodedCursor(cursor) => Ok(call.encoded_query("cursor", cursor)),
            Start::First | Start::Url(_) => Ok(call),
        }
    }

    fn decode(&self, answer: Answer) -> Result<ItemPage, DecodeError> {
        ItemPage::from_body(&answer.headers, &answer.body)
    }
}

/// Rejects a list of fields that cannot be right.
fn check_sort(sort: &str) -> Result<(), InputError> {
    for field in sort.split(',') {
        let name = field.strip_prefix('-').unwrap_or(field);
        if name.is_empty() || name.starts_with(['-', '+']) || name.contains(char::is_whitespace) {
            return Err(InputError::new(
                "sort",
                format!("is {sort:?}: expected fields with commas in between, such as createdAt,-name"),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(query: &ListResource) -> Result<String, String> {
        query.encode().map(|call| call.target).map_err(|error| error.to_string())
    }

    #[test]
    fn only_what_is_set_is_sent() {
        let plain = ListResource::new(Resource::LoraBindings);
        let call = plain.encode().unwrap();
        assert_eq!((call.method.as_str(), call.target.as_str()), ("GET", "/lora/bindings"));
        assert_eq!(call.headers[ACCEPT], "application/json, application/problem+json");
        let full = ListResource::new(Resource::Devices)
            .filter(Filter::DeviceSpecificationId, "s-1")
            .filter(Filter::Barcode, "old")
            .filter(Filter::Barcode, "b 1")
            .filter(Filter::DeviceSpecificationId, "s-2")
            .filter(Filter::Q, "a&b")
            .filter(Filter::ProjectId, "p-1")
            .filter(Filter::ClientId, "c-1")
            .filter(Filter::ModifiedSince, "2026-01-02")
            .filter(Filter::CreatedBefore, "2026-01-31T09:30:00+01:00")
            .sort("createdAt,-name")
            .limit(7)
            .cursor("a/b=");
        assert_eq!(full.resource(), Resource::Devices);
        assert_eq!(
            target(&full).unwrap(),
            "/devices?createdBefore=2026-01-31T09%3A30%3A00%2B01%3A00&modifiedSince=2026-01-02&q=a%26b&clientId=c-1\
             &projectId=p-1&barcode=b%201&deviceSpecificationId=s-1&deviceSpecificationId=s-2\
             &sort=createdAt%2C-name&limit=7&cursor=a%2Fb%3D"
        );
        let encoded = full.encoded_cursor("a%2Bb".into());
        assert!(target(&encoded).unwrap().ends_with("&limit=7&cursor=a%2Bb"));
        assert_eq!(target(&full.at("https://x.example/y".into())).unwrap(), "https://x.example/y");
    }

    #[test]
    fn a_filter_of_another_resource_is_refused() {
        let query = ListResource::new(Resource::Downlinks).filter(Filter::DeviceId, "d-1");
        assert_eq!(target(&query).unwrap_err(), "deviceId is not a filter of /downlinks");
        let query = ListResource::new(Resource::LoraDownlinks).filter(Filter::DeviceId, "d-1");
        assert_eq!(target(&query).unwrap(), "/lora/downlinks?deviceId=d-1");
    }

    #[test]
    fn what_cannot_be_right_is_refused() {
        let devices = || ListResource::new(Resource::Devices);
        for (query, why) in [
            (devices().limit(0), "limit is 0"),
            (devices().sort(""), "sort is \"\""),
            (devices().sort("name,"), "sort is \"name,\""),
            (devices().sort("name, id"), "such as createdAt,-name"),
            (devices().sort("--name"), "such as createdAt,-name"),
            (devices().cursor(""), "cursor is empty"),
            (devices().filter(Filter::Q, ""), "q is empty"),
            (devices().filter(Filter::Barcode, ""), "barcode is empty"),
            (devices().filter(Filter::ClientId, "c-1\n"), "clientId ends in a line break"),
            (devices().filter(Filter::CreatedSince, "yesterday"), "createdSince is \"yesterday\""),
        ] {
            let error = target(&query).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn the_downlinks_of_a_device_are_found_by_its_urn() {
        let device = "0059ac0000181eb6".parse().unwrap();
        assert_eq!(
            target(&ListResource::downlinks_of(&device, "2026-01-31T09:30:00Z")).unwrap(),
            "/downlinks?createdSince=2026-01-31T09%3A30%3A00Z&q=urn%3Adev%3ADEVEUI%3A0059AC0000181EB6%3A"
        );
    }
}
