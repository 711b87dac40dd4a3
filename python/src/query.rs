//! A listing that has not started, for either client.

use std::time::Duration;

use pyo3::prelude::*;
use things_core::{
    CustomerFleets, CustomerId, Devices, Error, FeedClient, ForCustomers, ListDevices, Pages, SortOrder,
    Verified,
};

use crate::arguments::{duration, seconds};
use crate::customers::Customers;

/// Which devices to list, in which order, and how.
#[pyclass(frozen, generic, module = "kpn_things._native")]
#[derive(Clone)]
pub(crate) struct Query {
    list: ListDevices,
    window: usize,
    timeout: Option<Duration>,
    deadline: Option<Duration>,
    kind: Kind,
    search: Option<String>,
    /// The sub-customers whose devices are listed, if there are several.
    customers: Option<Vec<CustomerId>>,
}

/// The kind of a listing.
#[derive(Clone, Copy)]
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
        if let Some(text) = &search {
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
            search,
            customers: None,
        })
    }

    /// The same devices in batches, by a listing that proves it is complete.
    fn verified(&self, vouched: bool) -> Self {
        Self { kind: Kind::Verified { vouched }, ..self.clone() }
    }

    /// The same listing for each of several sub-customers.
    fn of_customers(&self, customers: &Bound<'_, Customers>) -> Self {
        Self { customers: Some(customers.get().ids()), ..self.clone() }
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
    PagesOfCustomers(C::Items<CustomerFleets<Pages>>),
    VerifiedOfCustomers(C::Items<CustomerFleets<Verified>>),
}

impl Query {
    /// Starts the listing with a client.
    pub(crate) fn start<C: FeedClient + Clone>(&self, client: C) -> Result<Listing<C>, Error> {
        Ok(match &self.customers {
            None => {
                let devices = self.set_up(Devices::new(client));
                match self.kind {
                    Kind::Pages { .. } => Listing::Pages(devices.pages()),
                    Kind::Verified { vouched: false } => Listing::Verified(devices.verified().batches()),
                    Kind::Verified { vouched: true } => {
                        Listing::Verified(devices.verified().vouch_for_order().batches())
                    }
                }
            }
            Some(customers) => {
                let devices = self.set_up(ForCustomers::new(client, customers)?.devices());
                match self.kind {
                    Kind::Pages { .. } => Listing::PagesOfCustomers(devices.fleets()),
                    Kind::Verified { vouched: false } => {
                        Listing::VerifiedOfCustomers(devices.verified().fleets())
                    }
                    Kind::Verified { vouched: true } => {
                        Listing::VerifiedOfCustomers(devices.verified().vouch_for_order().fleets())
                    }
                }
            }
        })
    }

    /// Sets the options of the listing.
    fn set_up<C>(&self, devices: Devices<C>) -> Devices<C> {
        let mut devices = devices.query(self.list.clone()).window(self.window);
        if let Some(timeout) = self.timeout {
            devices = devices.timeout(timeout);
        }
        if let Some(deadline) = self.deadline {
            devices = devices.deadline(deadline);
        }
        match self.kind {
            Kind::Pages { strict: true } => devices.strict(),
            _ => devices,
        }
    }

    /// What the listing lists: the base URL, the search and the sub-customer.
    pub(crate) fn subject(&self, client: &impl FeedClient) -> (String, Option<String>, Option<String>) {
        let session = client.session();
        let customer = session.customer().map(ToString::to_string);
        (session.config().base_url(), self.search.clone(), customer)
    }
}
