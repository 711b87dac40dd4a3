//! The listings of the current API that a client offers.

use std::marker::PhantomData;
use std::time::Duration;

use super::FeedClient;
use crate::current::{Filter, Item, ListResource, ListedDownlink, Project, Resource};
use crate::error::Error;
use crate::listing::Cursor;

/// The read side of KPN's current API.
///
/// It is inferred from the part of the documentation that can be read without an account, and has never met the real
/// service. Items are returned as the service's own JSON; only documented fields have methods.
#[derive(Debug, Clone)]
pub struct Current<C>(C);

impl<C: FeedClient + Clone> Current<C> {
    /// Creates the listings that `client` can read.
    pub fn new(client: C) -> Self {
        Self(client)
    }

    /// Lists `/devices`.
    pub fn devices(&self) -> Items<C> {
        self.list(ListResource::new(Resource::Devices))
    }

    /// Lists `/device-groups`.
    pub fn device_groups(&self) -> Items<C> {
        self.list(ListResource::new(Resource::DeviceGroups))
    }

    /// Lists `/projects`.
    pub fn projects(&self) -> Items<C, Project> {
        self.list(ListResource::new(Resource::Projects))
    }

    /// Lists `/downlinks`, those of every connection.
    pub fn downlinks(&self) -> Items<C, ListedDownlink> {
        self.list(ListResource::new(Resource::Downlinks))
    }

    /// Lists `/lora/downlinks`.
    pub fn lora_downlinks(&self) -> Items<C, ListedDownlink> {
        self.list(ListResource::new(Resource::LoraDownlinks))
    }

    /// Lists `/mqtt/downlinks`.
    pub fn mqtt_downlinks(&self) -> Items<C, ListedDownlink> {
        self.list(ListResource::new(Resource::MqttDownlinks))
    }

    /// Lists `/lora/bindings`.
    pub fn lora_bindings(&self) -> Items<C> {
        self.list(ListResource::new(Resource::LoraBindings))
    }

    /// Lists `/http/bindings`.
    pub fn http_bindings(&self) -> Items<C> {
        self.list(ListResource::new(Resource::HttpBindings))
    }

    /// Lists `/mqtt/bindings`.
    pub fn mqtt_bindings(&self) -> Items<C> {
        self.list(ListResource::new(Resource::MqttBindings))
    }

    /// Lists what this query selects, as items or as a typed view of them.
    pub fn list<T: From<Item> + Send + 'static>(&self, query: ListResource) -> Items<C, T> {
        Items { client: self.0.clone(), query, timeout: None, deadline: None, views: PhantomData }
    }
}

/// A query for the items of a resource. It sends no request before [`stream`](Items::stream) or a `for` loop.
///
/// Pages are requested one after the other, each once the items of the page before it were read. A listing can contain an
/// item twice, or miss one, if items are created or deleted meanwhile.
#[must_use]
#[derive(Debug, Clone)]
pub struct Items<C, T = Item> {
    client: C,
    query: ListResource,
    timeout: Option<Duration>,
    deadline: Option<Duration>,
    views: PhantomData<fn() -> T>,
}

impl<C: FeedClient, T: From<Item> + Send + 'static> Items<C, T> {
    /// Lists only items that match. A filter that is set again is replaced, apart from
    /// [`DeviceSpecificationId`](Filter::DeviceSpecificationId), which is a list.
    ///
    /// The listing fails before anything is sent if the resource does not take the filter, or if the value cannot be
    /// right.
    pub fn filter(mut self, filter: Filter, value: impl Into<String>) -> Self {
        self.query = self.query.filter(filter, value);
        self
    }

    /// Sorts by fields with commas in between. A `-` in front of a field sorts it in descending order:
    /// `createdAt,-name`.
    pub fn sort(mut self, fields: impl Into<String>) -> Self {
        self.query = self.query.sort(fields);
        self
    }

    /// Sets the number of items per page, at least 1. The service's default is 50; it may return smaller or larger pages.
    pub fn limit(mut self, items: u32) -> Self {
        self.query = self.query.limit(items);
        self
    }

    /// Starts at this cursor, for example to continue a listing that was interrupted.
    pub fn cursor(mut self, cursor: impl Into<String>) -> Self {
        self.query = self.query.cursor(cursor);
        self
    }

    /// Sets the time limit per page, including its token and its retries. The default is the client's time limit per
    /// call.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the time limit for all pages together, counted from the start of the listing. By default there is none.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Returns the items one by one, in order. A `for` loop over a blocking client's listing does the same.
    pub fn stream(self) -> C::Items<Cursor<T>> {
        let client = self.client.with_times(self.timeout, self.deadline);
        let cursor = client.session().cursor(self.query);
        client.items(cursor)
    }
}

impl<C: FeedClient, T: From<Item> + Send + 'static> IntoIterator for Items<C, T>
where
    C::Items<Cursor<T>>: Iterator<Item = Result<T, Error>>,
{
    type Item = Result<T, Error>;
    type IntoIter = C::Items<Cursor<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.stream()
    }
}
