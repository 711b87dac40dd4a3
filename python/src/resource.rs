//! A listing of the current API that has not started, for either client.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyString;
use things_core::{
    Current, Cursor, FeedClient, Filter, Fleet as CoreFleet, Item, ListResource, ListedDownlink, Resource,
};

use crate::arguments::{duration, refuse, seconds};
use crate::error::raise;
use crate::listing::Source;

/// Which items of a resource to list, and in which order.
#[pyclass(frozen, module = "kpn_things._native")]
pub(crate) struct ResourceQuery {
    list: ListResource,
    timeout: Option<Duration>,
    deadline: Option<Duration>,
}

#[pymethods]
impl ResourceQuery {
    /// Creates a query for the resource at this path. Each filter is the name of its query parameter and a value.
    #[new]
    fn new(
        path: &str,
        filters: Vec<(String, String)>,
        sort: Option<String>,
        limit: Option<u32>,
        cursor: Option<String>,
        #[pyo3(from_py_with = seconds)] timeout: Option<f64>,
        #[pyo3(from_py_with = seconds)] deadline: Option<f64>,
    ) -> PyResult<Self> {
        let resource = Resource::ALL.into_iter().find(|resource| resource.path() == path);
        let mut list = ListResource::new(resource.ok_or_else(|| refuse(format!("no resource {path}")))?);
        for (name, value) in filters {
            let filter = Filter::ALL.into_iter().find(|filter| filter.name() == name);
            list = list.filter(filter.ok_or_else(|| refuse(format!("no filter {name}")))?, value);
        }
        if let Some(fields) = sort {
            list = list.sort(fields);
        }
        if let Some(items) = limit {
            list = list.limit(items);
        }
        if let Some(cursor) = cursor {
            list = list.cursor(cursor);
        }
        Ok(Self {
            list,
            timeout: timeout.map(|seconds| duration("timeout", seconds)).transpose()?,
            deadline: deadline.map(|seconds| duration("deadline", seconds)).transpose()?,
        })
    }

    fn __repr__(&self) -> String {
        format!("ResourceQuery({})", self.list.resource().path())
    }
}

impl ResourceQuery {
    /// Starts the listing with a client.
    pub(crate) fn start<C: FeedClient + Clone>(&self, client: C) -> C::Items<Cursor> {
        let mut items = Current::new(client).list::<Item>(self.list.clone());
        if let Some(timeout) = self.timeout {
            items = items.timeout(timeout);
        }
        if let Some(deadline) = self.deadline {
            items = items.deadline(deadline);
        }
        items.stream()
    }
}

impl Source for Cursor {
    /// An item is the text of its JSON.
    fn to_python(py: Python<'_>, item: Item) -> PyResult<Py<PyAny>> {
        Ok(PyString::new(py, &item.json().without_half_surrogates()).into_any().unbind())
    }

    /// Nothing is known about a whole fleet.
    fn state(&self) -> CoreFleet {
        CoreFleet::default()
    }
}

/// Returns the field and the state of a downlink that has a documented state.
#[pyfunction]
pub(crate) fn downlink_state(py: Python<'_>, json: &str) -> PyResult<Option<(String, &'static str)>> {
    let item = Item::from_json(json).map_err(|error| raise(py, &error.into()))?;
    let downlink = ListedDownlink::from(item);
    Ok(downlink.state_field().zip(downlink.state().map(|state| state.name())))
}
