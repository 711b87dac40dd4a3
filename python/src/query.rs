//! A listing that has not started, for either client.

use std::time::Duration;

use pyo3::prelude::*;
use things_core::{Devices, FeedClient, ListDevices, Pages, SortOrder, Verified};

use crate::arguments::{duration, seconds};

/// Which devices to list, in which order, and how.
#[pyclass(frozen, generic, module = "kpn_things._native")]
pub(crate) struct Query {
    list: ListDevices,
    window: usize,
    timeout: Option<Duration>,
    deadline: Option<Duration>,
    kind: Kind,
}

/// The kind of a listing.
enum Kind {
    /// Pages as the service returns them. A strict listing refuses pages that contradict each other.
    Pages { strict: bool },
    /// Devices in batches, proven complete.
    Verified { vouched: bool },
}

#[pymethods]
impl Query {
    /// The pages of a listing.
    #[staticmethod]
    #[expect(clippy::too_many_arguments, reason = "they are the keyword arguments of Python")]
    fn pages(
        search: Option<String>,
        sort_by: Option<String>,
        descending: Option<bool>,
        page_size: Option<u32>,
        first_page: u64,
        window: usize,
        #[pyo3(from_py_with = seconds)] timeout: Option<f64>,
        #[pyo3(from_py_with = seconds)] deadline: Option<f64>,
        strict: bool,
    ) -> PyResult<Self> {
        let mut list = ListDevices::new().page(first_page);
        if let Some(text) = search {
            list = list.search(text);
        }
        if let Some(property) = sort_by {
            list = list.sort_by(property);
        }
        if let Some(descending) = descending {
            list = list.sort_order(if descending { SortOrder::Descending } else { SortOrder::Ascending });
        }
        if let Some(size) = page_size {
            list = list.page_size(size);
        }
        Ok(Self {
            list,
            window,
            timeout: timeout.map(|seconds| duration("timeout", seconds)).transpose()?,
            deadline: deadline.map(|seconds| duration("deadline", seconds)).transpose()?,
            kind: Kind::Pages { strict },
        })
    }

    /// The same devices in batches, by a listing that proves it is complete.
    fn verified(&self, vouched: bool) -> Self {
        Self {
            list: self.list.clone(),
            window: self.window,
            timeout: self.timeout,
            deadline: self.deadline,
            kind: Kind::Verified { vouched },
        }
    }

    fn __repr__(&self) -> String {
        let kind = match self.kind {
            Kind::Pages { .. } => "pages",
            Kind::Verified { .. } => "verified",
        };
        format!("Query({kind}, {:?}, window={})", self.list, self.window)
    }
}

/// A listing that a client has started.
pub(crate) enum Listing<C: FeedClient> {
    Pages(C::Items<Pages>),
    Verified(C::Items<Verified>),
}

impl Query {
    /// Starts the listing with the devices of a client.
    pub(crate) fn start<C: FeedClient>(&self, devices: Devices<C>) -> Listing<C> {
        let mut devices = devices.query(self.list.clone()).window(self.window);
        if let Some(timeout) = self.timeout {
            devices = devices.timeout(timeout);
        }
        if let Some(deadline) = self.deadline {
            devices = devices.deadline(deadline);
        }
        match self.kind {
            Kind::Pages { strict: false } => Listing::Pages(devices.pages()),
            Kind::Pages { strict: true } => Listing::Pages(devices.strict().pages()),
            Kind::Verified { vouched: false } => Listing::Verified(devices.verified().batches()),
            Kind::Verified { vouched: true } => {
                Listing::Verified(devices.verified().vouch_for_order().batches())
            }
        }
    }
}
