//! The shared parts of the listings of both clients.

use std::sync::{Arc, Mutex, MutexGuard};

use pyo3::prelude::*;
use things_core::{DeviceFeed, Feed, Fleet as CoreFleet, Pages, Verified};

use crate::device::Device;
use crate::event::{self, Announcements};
use crate::fleet::Fleet;
use crate::lock::lock;
use crate::page::Page;
use crate::report::{ListingReport, Proof};

/// A feed, and its items as Python gets them.
pub(crate) trait Source: Feed {
    fn to_python(py: Python<'_>, item: Self::Item) -> PyResult<Py<PyAny>>;

    /// The state of the listing so far: a fleet without its devices.
    fn state(&self) -> CoreFleet;
}

impl Source for Pages {
    fn to_python(py: Python<'_>, page: Self::Item) -> PyResult<Py<PyAny>> {
        Ok(Bound::new(py, Page::new(page))?.into_any().unbind())
    }

    fn state(&self) -> CoreFleet {
        self.fleet(Vec::new())
    }
}

impl Source for Verified {
    fn to_python(py: Python<'_>, devices: Self::Item) -> PyResult<Py<PyAny>> {
        Ok(Device::all(py, &Arc::new(devices))?.into_any().unbind())
    }

    fn state(&self) -> CoreFleet {
        self.fleet(Vec::new())
    }
}

/// The state of a listing so far. It can be read while the next items are fetched.
#[derive(Clone, Default)]
pub(crate) struct Known(Arc<Mutex<CoreFleet>>);

impl Known {
    /// Takes over the state of the feed.
    pub(crate) fn update(&self, news: News) {
        *self.lock() = news.fleet;
    }

    pub(crate) fn report(&self) -> ListingReport {
        ListingReport::from_core(&self.lock().report)
    }

    pub(crate) fn proof(&self) -> Option<Proof> {
        self.lock().proof.map(Proof::from_core)
    }

    /// The fleet of all devices that were listed.
    pub(crate) fn fleet(&self, devices: &Bound<'_, PyAny>) -> PyResult<Fleet> {
        let known = self.lock().clone();
        Fleet::from_core(devices, &known)
    }

    fn lock(&self) -> MutexGuard<'_, CoreFleet> {
        lock(&self.0)
    }
}

/// The state of a feed after items were taken.
pub(crate) struct News {
    /// The fleet without its devices.
    fleet: CoreFleet,
    /// A warning for the user, at the end of the listing.
    warning: Option<String>,
}

impl News {
    pub(crate) fn of(feed: &impl Source, ended: bool) -> Self {
        let warning = if ended { feed.warning() } else { None };
        Self { fleet: feed.state(), warning }
    }

    /// Logs the announcements of the end of an endpoint, and the warning, if there is one.
    pub(crate) fn log(&self, py: Python<'_>) -> PyResult<()> {
        Announcements::log(py)?;
        self.warning.as_ref().map_or(Ok(()), |warning| event::warn(py, warning, None, None))
    }
}
