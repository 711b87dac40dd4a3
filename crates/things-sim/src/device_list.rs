//! The list of devices without a server.

use crate::change::Change;
use crate::fleet::Fleet;
use crate::listing::Listing;
use crate::quirk::ListingBehaviour;
use crate::response::Response;
use std::borrow::Cow;
use std::fmt;

/// The devices of an account, listed page by page without a server, for tests with a clock of their own.
///
/// ```
/// use things_sim::{Change, Sim};
///
/// let mut devices = Sim::builder().devices(45).device_list();
/// let page = devices.page("sortBy=uuid&pageSize=20&currentPage=2")?;
/// assert!(page.contains(r#""last":true,"totalPages":3,"totalElements":45"#));
/// devices.change(&Change::Remove(5));
/// assert!(devices.page("currentPage=2")?.contains(r#""totalElements":40"#));
/// # Ok::<(), String>(())
/// ```
pub struct DeviceList {
    fleet: Fleet,
    behaviour: ListingBehaviour,
    response: Response,
}

impl DeviceList {
    pub(crate) fn new(fleet: Fleet, behaviour: ListingBehaviour) -> Self {
        Self { fleet, behaviour, response: Response::new() }
    }

    /// Makes the changes that are due before this request, and returns the page for this query as JSON.
    ///
    /// # Errors
    ///
    /// Returns the reason of a 400.
    pub fn page(&mut self, query: &str) -> Result<Cow<'_, str>, String> {
        let listing = Listing::read(query, &self.behaviour)?;
        self.response.begin(200, None);
        self.fleet.write_page(&listing, &self.behaviour, &mut self.response);
        Ok(String::from_utf8_lossy(self.response.body()))
    }

    /// Changes the devices now.
    pub fn change(&self, change: &Change) {
        self.fleet.change(change);
    }

    /// The ids of the devices, in the order of the devices' names.
    pub fn uuids(&self) -> Vec<String> {
        self.fleet.uuids()
    }
}

impl fmt::Debug for DeviceList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceList").field("devices", &self.fleet.count()).finish_non_exhaustive()
    }
}
