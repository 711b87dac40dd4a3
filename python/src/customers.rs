//! The listings of several sub-customers.

use std::mem;
use std::sync::Arc;

use pyo3::prelude::*;
use things_core::{
    CustomerFleet, CustomerFleets, CustomerId, DeviceFeed, Error, Fleet as CoreFleet, ForCustomers,
    ListDevices,
};

use crate::device::Device;
use crate::error::raise;
use crate::fleet::Fleet;
use crate::listing::Source;

/// The ids of sub-customers, each once.
#[pyclass(frozen, module = "kpn_things._native")]
pub(crate) struct Customers(Vec<CustomerId>);

#[pymethods]
impl Customers {
    /// Checks the ids.
    #[new]
    fn new(py: Python<'_>, ids: Vec<String>) -> PyResult<Self> {
        let customers = ForCustomers::new((), ids).map_err(|error| raise(py, &error))?;
        Ok(Self(customers.customers().to_vec()))
    }
}

impl Customers {
    pub(crate) fn ids(&self) -> Vec<CustomerId> {
        self.0.clone()
    }
}

/// Items are tuples of the id, the fleet and the exception, of which one is `None`.
impl<F> Source for CustomerFleets<F>
where
    F: DeviceFeed<Operation = ListDevices, Commit = std::convert::Infallible>,
{
    fn to_python(py: Python<'_>, item: CustomerFleet) -> PyResult<Py<PyAny>> {
        let customer = item.customer.as_str();
        let item = match item.result {
            Ok(fleet) => (customer, Some(fleet_to_python(py, fleet)?), None::<()>).into_pyobject(py)?,
            Err(error) => (customer, None::<Fleet>, Some(exception(py, &error)?)).into_pyobject(py)?,
        };
        Ok(item.into_any().unbind())
    }

    /// A fleet is known by its item.
    fn state(&self) -> CoreFleet {
        CoreFleet::default()
    }
}

fn fleet_to_python(py: Python<'_>, mut fleet: CoreFleet) -> PyResult<Fleet> {
    let devices = Device::all(py, &Arc::new(mem::take(&mut fleet.devices)))?;
    Fleet::from_core(devices.as_any(), &fleet)
}

fn exception<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let exception = raise(py, error).into_value(py).into_bound(py).into_any();
    if let Some(incomplete) = error.incomplete() {
        exception.setattr("devices", Device::all(py, &Arc::new(incomplete.devices.clone()))?)?;
    }
    Ok(exception)
}
