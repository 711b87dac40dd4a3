//! A running simulator.

use crate::change::ChangeRule;
use crate::credentials::SimCredentials;
use crate::device::DeviceSpec;
use crate::own_device::OwnDevice;
use crate::pack_log::ReceivedPack;
use crate::record::{ReceivedDownlink, ReceivedRequest};
use crate::route::Route;
use crate::rule::FaultRule;
use crate::server::Server;
use crate::uplink::{Destination, PostedUplink, UplinkError, UplinkSpec};
use crate::waiting::Until;
use crate::world::World;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The id of the sub-customer that a simulator has by default. It owns [`DEFAULT_CUSTOMER_DEVICES`] devices.
pub const DEFAULT_CUSTOMER: &str = "79658ca8-f1ba-4c25-b824-93813e9fba76";

/// The number of devices of the default sub-customer.
pub const DEFAULT_CUSTOMER_DEVICES: usize = 3;

/// Longer than the posts of an uplink and their pauses take.
const LONGEST_POST: Duration = Duration::from_secs(24 * 60 * 60);

/// A running simulator: GRIP and KPN Things behind one port. Dropping it stops it.
pub struct Sim {
    server: Arc<Server>,
}

impl Sim {
    pub(crate) fn new(server: Arc<Server>) -> Self {
        Self { server }
    }

    /// The world of the default tenant.
    fn world(&self) -> Arc<World> {
        self.server.worlds.default()
    }

    /// The base URL of both GRIP and the API, by default `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.server.worlds.recipe.url
    }

    /// The address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr
    }

    /// The API key that it accepts.
    pub fn credentials(&self) -> &SimCredentials {
        &self.server.worlds.recipe.credentials
    }

    /// The environment variables that point a client at it, including the secret.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mut variables = self.credentials().environment(self.url());
        let host = self.server.worlds.recipe.allow_http.clone();
        variables.extend(host.map(|host| ("KPN_THINGS_ALLOW_HTTP", host)));
        variables
    }

    /// The certificate authority that clients must trust if the simulator serves https.
    pub fn ca_file(&self) -> Option<&Path> {
        self.server.worlds.recipe.ca_file.as_deref()
    }

    /// The same settings as a Postman environment file, including the secret.
    pub fn postman_environment(&self) -> String {
        self.credentials().postman_environment(self.url())
    }

    /// The newest downlinks that it accepted, oldest first; see
    /// [`SimBuilder::keep_downlinks`](crate::SimBuilder::keep_downlinks).
    pub fn downlinks(&self) -> Vec<ReceivedDownlink> {
        self.world().downlinks.newest()
    }

    /// The number of downlinks that it accepted since it started, including those that it no longer keeps.
    pub fn downlinks_received(&self) -> u64 {
        self.world().downlinks.received()
    }

    /// The number of requests that it received on a route, whether it responded or not.
    pub fn calls(&self, route: Route) -> u64 {
        self.world().calls.of(route)
    }

    /// The number of requests that it received, whether it responded or not.
    pub fn calls_total(&self) -> u64 {
        Route::ALL.into_iter().map(|route| self.calls(route)).sum()
    }

    /// The newest requests, oldest first; see [`SimBuilder::keep_requests`](crate::SimBuilder::keep_requests).
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.world().requests.newest(&self.credentials().key_secret)
    }

    /// Adds a fault. Its calls are counted from now on.
    pub fn add_fault(&self, rule: FaultRule) {
        self.world().faults.add(rule);
    }

    /// Removes the first fault that is equal to this one. Returns false if there is none.
    pub fn remove_fault(&self, rule: &FaultRule) -> bool {
        self.world().faults.remove(rule)
    }

    /// Removes every fault. Calls that are stalled stay stalled.
    pub fn clear_faults(&self) {
        self.world().faults.clear();
    }

    /// Revokes every token issued so far.
    pub fn revoke_tokens(&self) {
        self.world().tokens.revoke();
    }

    /// The number of tokens that it issued.
    pub fn tokens_issued(&self) -> u64 {
        self.world().tokens.issued()
    }

    /// The ids of the granted sub-customers, sorted.
    pub fn customers(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.world().customers.keys().cloned().collect();
        ids.sort_unstable();
        ids
    }

    /// Forgets every context switch. Calls for a sub-customer get a 403 until the client switches again.
    pub fn forget_context_switches(&self) {
        for customer in self.world().customers.values() {
            customer.switched.store(false, Ordering::Release);
        }
    }

    /// Adds a device to the account and returns its id. A device with the same id is replaced.
    pub fn add_device(&self, device: DeviceSpec) -> String {
        self.world().fleet.add(device.into())
    }

    /// Removes a device from the account. Returns false if there is no device with this id.
    pub fn remove_device(&self, uuid: &str) -> bool {
        self.world().fleet.remove(uuid)
    }

    /// Adds a change of the account's devices. Its list requests are counted from now on.
    pub fn add_change(&self, rule: ChangeRule) {
        self.world().fleet.add_change(rule);
    }

    /// The number of devices of the account.
    pub fn device_count(&self) -> usize {
        self.world().fleet.count()
    }

    /// The ids of the account's devices, in the order of the devices' names.
    pub fn device_uuids(&self) -> Vec<String> {
        self.world().fleet.uuids()
    }

    /// Posts an uplink to the destination, and returns it as soon as it was delivered or discarded, after at most three
    /// posts. It is [`Pending`](crate::UplinkOutcome::Pending) only if the simulator stops in the meantime.
    ///
    /// # Errors
    ///
    /// Returns the reason if there is no destination, if the content is wrong, or if no thread can be started. A
    /// destination that does not respond is no error.
    pub fn post_uplink(&self, uplink: &UplinkSpec) -> Result<PostedUplink, UplinkError> {
        let world = self.world();
        let number = world.uplinks.post(uplink)?;
        let stopping = || self.server.is_stopping();
        let until = Until { deadline: Instant::now() + LONGEST_POST, stopping: &stopping };
        let posted = world.uplinks.wait_for(until, number);
        posted.ok_or_else(|| UplinkError::new("the uplink was posted, and is no longer kept"))
    }

    /// Posts an uplink to the destination on another thread, and returns its number.
    ///
    /// # Errors
    ///
    /// Returns an error under the conditions of [`post_uplink`](Self::post_uplink).
    pub fn queue_uplink(&self, uplink: &UplinkSpec) -> Result<u64, UplinkError> {
        self.world().uplinks.post(uplink)
    }

    /// Waits until this many uplinks were delivered or discarded since the start. Returns false if they were not in time.
    pub fn wait_for_uplinks(&self, count: u64, timeout: Duration) -> bool {
        let stopping = || self.server.is_stopping();
        self.world().uplinks.wait(Until { deadline: Instant::now() + timeout, stopping: &stopping }, count)
    }

    /// The newest uplinks that it posted, oldest first; see [`SimBuilder::keep_uplinks`](crate::SimBuilder::keep_uplinks).
    pub fn uplinks(&self) -> Vec<PostedUplink> {
        self.world().uplinks.newest()
    }

    /// Posts the coming uplinks to this destination. `None` posts them nowhere.
    ///
    /// # Errors
    ///
    /// Returns the reason if the destination cannot be used.
    pub fn set_uplink_destination(&self, destination: Option<&Destination>) -> Result<(), UplinkError> {
        self.world().uplinks.set_destination(destination)
    }

    /// The devices of your own, in the order of their UUIDs.
    pub fn own_devices(&self) -> Vec<OwnDevice> {
        self.world().own_devices.list()
    }

    /// Sets the downlink in the response to the next pack of a device of your own. Returns false if there is no device
    /// with this UUID.
    pub fn set_downlink_in_response(&self, uuid: &str, downlink: impl Into<Vec<u8>>) -> bool {
        self.world().own_devices.set_downlink(uuid, downlink.into())
    }

    /// The newest packs that devices of your own posted, oldest first; see
    /// [`SimBuilder::keep_uplinks`](crate::SimBuilder::keep_uplinks).
    pub fn packs(&self) -> Vec<ReceivedPack> {
        self.world().packs.newest()
    }

    /// Restores the devices, changes and faults of the start, and forgets all records. Tokens and context switches stay
    /// valid, so that clients go on.
    pub fn reset(&self) {
        self.server.worlds.reset(&self.world());
    }

    /// Blocks until another thread calls [`Sim::stop`].
    pub fn wait(&self) {
        self.server.wait();
    }

    /// Closes the listener and every connection, including stalled ones, and ends their threads.
    pub fn stop(&self) {
        self.server.stop();
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim")
            .field("url", &self.url())
            .field("devices", &self.device_count())
            .finish_non_exhaustive()
    }
}
