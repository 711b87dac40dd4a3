//! What a client does for several sub-customers.

use super::devices::{Devices, FeedClient, VerifiedDevices};
use crate::customers::CustomerId;
use crate::error::Error;
use crate::listing::{CustomerFleets, Pages, Verified};

/// A client that acts for several sub-customers, one after the other. `for_customers` of a client creates it.
///
/// All of them share one access token. The context switch to a customer is made before the first call for it.
#[must_use]
#[derive(Debug, Clone)]
pub struct ForCustomers<C> {
    client: C,
    customers: Vec<CustomerId>,
}

impl<C: Clone> ForCustomers<C> {
    /// Creates a client for these customers.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`Input`](crate::ErrorKind::Input) if an id is not valid, or is given twice.
    pub fn new<I>(client: C, ids: impl IntoIterator<Item = I>) -> Result<Self, Error>
    where
        I: TryInto<CustomerId>,
        Error: From<I::Error>,
    {
        let ids = ids.into_iter().map(|id| id.try_into().map_err(Error::from));
        let customers = ids.collect::<Result<Vec<_>, _>>()?;
        CustomerId::check_different(&customers)?;
        Ok(Self { client, customers })
    }

    /// The customers.
    pub fn customers(&self) -> &[CustomerId] {
        &self.customers
    }

    /// Returns the listings of all customers. See [`Devices`] for their options; the window is that of all customers
    /// together.
    ///
    /// [`fleets`](Devices::fleets) starts them.
    pub fn devices(&self) -> Devices<Self> {
        Devices::new(self.clone())
    }
}

impl<C: FeedClient> Devices<ForCustomers<C>> {
    /// Returns the devices of each customer at once, in the order of the ids.
    ///
    /// The error of one customer, such as a 403, is in its [`result`](crate::CustomerFleet::result), and the others go on.
    /// An error of the account ends the listings: GRIP refused the token, or an option is invalid.
    pub fn fleets(self) -> C::Items<CustomerFleets<Pages>> {
        let Devices { client: ForCustomers { client, customers }, query, window, timeout, deadline, strict } =
            self;
        let client = client.with_times(timeout, deadline);
        let session = client.session().clone();
        let start = move || session.pages(query.clone(), window).strict(strict);
        client.items(CustomerFleets::new(customers, window, start))
    }
}

impl<C: FeedClient> VerifiedDevices<ForCustomers<C>> {
    /// Returns the devices of each customer at once, in the order of the ids. Each fleet has its own
    /// [`proof`](crate::Fleet::proof). If one cannot be proven complete, its error is in its
    /// [`result`](crate::CustomerFleet::result), and the others go on.
    pub fn fleets(self) -> C::Items<CustomerFleets<Verified>> {
        let Self { devices, vouched } = self;
        let Devices { client: ForCustomers { client, customers }, query, window, timeout, deadline, .. } =
            devices;
        let client = client.with_times(timeout, deadline);
        let session = client.session().clone();
        let start = move || {
            let verified = session.verified(query.clone(), window);
            if vouched { verified.vouch_for_order() } else { verified }
        };
        client.items(CustomerFleets::new(customers, window, start))
    }
}
