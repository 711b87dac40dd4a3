//! `GET {baseUrl}/api/devices` returns one page of all your devices (KPN's beta API documentation).

use http::header::{ACCEPT, CACHE_CONTROL};
use http::{HeaderValue, Method};

use super::Page;
use crate::answer::Answer;
use crate::error::DecodeError;
use crate::input::InputError;
use crate::operation::{Call, Operation};

/// The sort direction of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SortOrder {
    /// `ASC`, the service's default.
    Ascending,
    /// `DESC`.
    Descending,
}

/// A query for devices: a filter, an order, and the number of a page.
///
/// A value that is not set is not sent. The service's defaults are pages of 20, sorted by `name`, ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListDevices {
    search: Option<String>,
    sort_by: Option<String>,
    sort_order: Option<SortOrder>,
    page_size: Option<u32>,
    page: u64,
    no_cache: bool,
}

impl ListDevices {
    pub(crate) const PATH: &str = "/api/devices";

    /// The media type of the response.
    pub(crate) const MEDIA_TYPE: &str = "application/vnd.kpnthings.device.v1.response+json";

    /// Creates a query for the first page of all devices.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lists only devices that match this text. The match is partial and **case-sensitive**.
    pub fn search(mut self, text: impl Into<String>) -> Self {
        self.search = Some(text.into());
        self
    }

    /// Sorts by this property of a device. The service's default is `name`.
    pub fn sort_by(mut self, property: impl Into<String>) -> Self {
        self.sort_by = Some(property.into());
        self
    }

    /// Sets the sort direction.
    pub fn sort_order(mut self, order: SortOrder) -> Self {
        self.sort_order = Some(order);
        self
    }

    /// Sets the number of devices per page, at least 1. The service's default is 20. Its maximum is unknown, and it may
    /// return smaller pages.
    pub fn page_size(mut self, devices: u32) -> Self {
        self.page_size = Some(devices);
        self
    }

    pub(crate) fn names_order(&self) -> bool {
        self.sort_by.is_some() || self.sort_order.is_some()
    }

    pub(crate) fn names_page_size(&self) -> bool {
        self.page_size.is_some()
    }

    pub(crate) fn named_page_size(&self) -> Option<u32> {
        self.page_size
    }

    /// Prevents caches from returning an older response.
    pub(crate) fn no_cache(mut self) -> Self {
        self.no_cache = true;
        self
    }

    /// Sets the number of the page, from 0.
    pub fn page(mut self, number: u64) -> Self {
        self.page = number;
        self
    }
}

impl ListDevices {
    /// The number of the page, from 0.
    pub fn number(&self) -> u64 {
        self.page
    }
}

impl Operation for ListDevices {
    type Output = Page;

    fn encode(&self) -> Result<Call, InputError> {
        let mut call = Call::new(Method::GET, Self::PATH)
            .header(ACCEPT, HeaderValue::from_static(Self::MEDIA_TYPE))
            .query("currentPage", self.page);
        if self.no_cache {
            call = call.header(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        if let Some(size) = self.page_size {
            if size == 0 {
                return Err(InputError::new("page size", "is 0: expected at least 1"));
            }
            call = call.query("pageSize", size);
        }
        if let Some(text) = &self.search {
            call = call.query("search", text);
        }
        if let Some(property) = &self.sort_by {
            if property.is_empty() {
                return Err(InputError::new(
                    "sort property",
                    "is empty: expected the name of a device field, such as name",
                ));
            }
            call = call.query("sortBy", property);
        }
        if let Some(order) = self.sort_order {
            let order = match order {
                SortOrder::Ascending => "ASC",
                SortOrder::Descending => "DESC",
            };
            call = call.query("sortOrder", order);
        }
        Ok(call)
    }

    fn decode(&self, answer: Answer) -> Result<Page, DecodeError> {
        Page::from_body(&answer.headers, &answer.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_set_is_sent() {
        let plain = ListDevices::new().encode().unwrap();
        assert_eq!(plain.target, "/api/devices?currentPage=0");
        let full = ListDevices::new()
            .search("Parking & Ride")
            .sort_by("name")
            .sort_order(SortOrder::Descending)
            .page_size(100)
            .page(3)
            .encode()
            .unwrap();
        assert_eq!(
            full.target,
            "/api/devices?currentPage=3&pageSize=100&search=Parking%20%26%20Ride&sortBy=name&sortOrder=DESC"
        );
    }

    #[test]
    fn a_page_of_nothing_is_refused() {
        assert!(ListDevices::new().page_size(0).encode().is_err());
        assert!(ListDevices::new().sort_by("").encode().is_err());
    }
}
