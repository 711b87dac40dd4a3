//! The simulator as its users see it.

use crate::api::{DownlinkAnswer, SwitchAnswer};
use crate::credentials::SimCredentials;
use crate::device::{DeviceSpec, Generator};
use crate::fault::{FaultRule, Faults};
use crate::fleet::{Churn, Fleet, SortShape};
use crate::grip::{ExpiresIn, Tokens};
use crate::random::{Random, seed_for};
use crate::record::{Downlinks, ReceivedDownlink, ReceivedRequest, Requests};
use crate::route::{Calls, Route};
use crate::server::Server;
use crate::world::{Behaviour, Customer, World};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The id of the sub-customer that a simulator has by default; it owns [`DEFAULT_CUSTOMER_DEVICES`] devices.
pub const DEFAULT_CUSTOMER: &str = "79658ca8-f1ba-4c25-b824-93813e9fba76";

/// How many devices the default sub-customer has.
pub const DEFAULT_CUSTOMER_DEVICES: usize = 3;

/// A running simulator: GRIP and KPN Things behind one port on loopback. It stops when it is dropped.
pub struct Sim {
    server: Arc<Server>,
}

impl Sim {
    /// A simulator to be set up.
    pub fn builder() -> SimBuilder {
        SimBuilder::default()
    }

    /// `http://127.0.0.1:PORT`, the base URL of GRIP and of the API alike.
    pub fn url(&self) -> &str {
        &self.server.world.url
    }

    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr
    }

    /// The API key it knows.
    pub fn credentials(&self) -> &SimCredentials {
        &self.server.world.credentials
    }

    /// The environment variables that point a client at it, secret included.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        self.credentials().environment(self.url())
    }

    /// The same as a Postman environment file, secret included.
    pub fn postman_environment(&self) -> String {
        self.credentials().postman_environment(self.url())
    }

    /// The newest downlinks it accepted, oldest first; see [`SimBuilder::keep_downlinks`].
    pub fn downlinks(&self) -> Vec<ReceivedDownlink> {
        self.server.world.downlinks.newest()
    }

    /// How many downlinks it accepted since its start, those no longer kept included.
    pub fn downlinks_received(&self) -> u64 {
        self.server.world.downlinks.received()
    }

    /// How many requests this route received, answered or not.
    pub fn calls(&self, route: Route) -> u64 {
        self.server.world.calls.of(route)
    }

    /// How many requests it received, answered or not.
    pub fn calls_total(&self) -> u64 {
        Route::ALL.into_iter().map(|route| self.calls(route)).sum()
    }

    /// The newest requests, oldest first; see [`SimBuilder::keep_requests`].
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.server.world.requests.newest(&self.credentials().key_secret)
    }

    /// Adds a fault; its calls are counted from now on.
    pub fn add_fault(&self, rule: FaultRule) {
        self.server.world.faults.add(rule);
    }

    /// Takes every fault away. Calls that are stalled stay so.
    pub fn clear_faults(&self) {
        self.server.world.faults.clear();
    }

    /// Revokes every token issued so far.
    pub fn revoke_tokens(&self) {
        self.server.world.tokens.revoke();
    }

    /// How many tokens it issued.
    pub fn tokens_issued(&self) -> u64 {
        self.server.world.tokens.issued()
    }

    /// The ids of the granted sub-customers, sorted.
    pub fn customers(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.server.world.customers.keys().cloned().collect();
        ids.sort_unstable();
        ids
    }

    /// Forgets every context switch: a call for a sub-customer answers 403 until it is switched to again.
    pub fn forget_context_switches(&self) {
        for customer in self.server.world.customers.values() {
            customer.switched.store(false, Ordering::Release);
        }
    }

    /// Adds a device to the key's own fleet, in place of one of the same id. Answers its id.
    pub fn add_device(&self, device: DeviceSpec) -> String {
        self.server.world.fleet.add(device)
    }

    /// Removes a device from the key's own fleet; false when there is none of this id.
    pub fn remove_device(&self, uuid: &str) -> bool {
        self.server.world.fleet.remove(uuid)
    }

    /// How many devices the key's own fleet has now.
    pub fn device_count(&self) -> usize {
        self.server.world.fleet.count()
    }

    /// The ids of the key's own fleet as it is now, in the order of the devices' names.
    pub fn device_uuids(&self) -> Vec<String> {
        self.server.world.fleet.uuids()
    }

    /// Blocks until [`Sim::stop`] is called from another thread.
    pub fn wait(&self) {
        self.server.wait();
    }

    /// Closes the listener and every connection, stalled ones included, and ends their threads.
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

/// Sets up a [`Sim`].
#[derive(Debug, Clone)]
pub struct SimBuilder {
    devices: usize,
    added: Vec<DeviceSpec>,
    eui: bool,
    seed: u64,
    port: u16,
    credentials: Option<SimCredentials>,
    customers: Vec<(String, usize)>,
    churn: Option<Churn>,
    faults: Vec<FaultRule>,
    keep_requests: usize,
    keep_downlinks: usize,
    behaviour: Behaviour,
}

impl Default for SimBuilder {
    fn default() -> Self {
        Self {
            devices: 100,
            added: Vec::new(),
            eui: true,
            seed: 0,
            port: 0,
            credentials: None,
            customers: vec![(DEFAULT_CUSTOMER.to_owned(), DEFAULT_CUSTOMER_DEVICES)],
            churn: None,
            faults: Vec::new(),
            keep_requests: 1000,
            keep_downlinks: 1_000_000,
            behaviour: Behaviour {
                access: true,
                token_life: Duration::from_secs(3600),
                expires_in: ExpiresIn::default(),
                page_size_cap: None,
                sort_shape: SortShape::default(),
                downlink_answer: DownlinkAnswer::default(),
                switch_answer: SwitchAnswer::default(),
            },
        }
    }
}

impl SimBuilder {
    /// How many devices are made up for the key's own fleet. Default: 100.
    #[must_use]
    pub fn devices(mut self, count: usize) -> Self {
        self.devices = count;
        self
    }

    /// Adds this device to the key's own fleet, beside those made up.
    #[must_use]
    pub fn device(mut self, device: DeviceSpec) -> Self {
        self.added.push(device);
        self
    }

    /// Whether about half of the made up devices have the undocumented field `eui`. Default: they do.
    #[must_use]
    pub fn eui(mut self, some_have_it: bool) -> Self {
        self.eui = some_have_it;
        self
    }

    /// The seed of devices, credentials, churn and chance. Default: 0.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The port on 127.0.0.1. Default: 0, any free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The API key to know, in place of one made up from the seed.
    #[must_use]
    pub fn credentials(mut self, credentials: SimCredentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// The key gets tokens, but has no access to KPN Things: every call of the API answers 302.
    #[must_use]
    pub fn without_access(mut self) -> Self {
        self.behaviour.access = false;
        self
    }

    /// Grants a sub-customer with so many devices of its own, beside the default one.
    #[must_use]
    pub fn customer(mut self, id: impl Into<String>, devices: usize) -> Self {
        self.customers.push((id.into(), devices));
        self
    }

    /// Takes the sub-customers away that were granted so far, the default one included.
    #[must_use]
    pub fn no_customers(mut self) -> Self {
        self.customers.clear();
        self
    }

    /// How long a token lives. Default: 3600 s, as documented. With zero every token is expired when it comes.
    #[must_use]
    pub fn token_life(mut self, life: Duration) -> Self {
        self.behaviour.token_life = life;
        self
    }

    /// How a token answer tells the token's life. Default: [`ExpiresIn::Number`].
    #[must_use]
    pub fn expires_in(mut self, expires_in: ExpiresIn) -> Self {
        self.behaviour.expires_in = expires_in;
        self
    }

    /// The largest page; who asks for more gets this many, and its `size` says so. At least 1. Default: none.
    #[must_use]
    pub fn page_size_cap(mut self, devices: usize) -> Self {
        self.behaviour.page_size_cap = Some(devices.max(1));
        self
    }

    /// The shape of the `sort` field. Default: [`SortShape::Array`].
    #[must_use]
    pub fn sort_shape(mut self, shape: SortShape) -> Self {
        self.behaviour.sort_shape = shape;
        self
    }

    /// How a downlink is answered. Default: [`DownlinkAnswer::CreatedObject`].
    #[must_use]
    pub fn downlink_answer(mut self, answer: DownlinkAnswer) -> Self {
        self.behaviour.downlink_answer = answer;
        self
    }

    /// How a context switch is answered. Default: [`SwitchAnswer::OkObject`].
    #[must_use]
    pub fn switch_answer(mut self, answer: SwitchAnswer) -> Self {
        self.behaviour.switch_answer = answer;
        self
    }

    /// Lets devices come and go between the pages of the key's own fleet. Default: they stay.
    #[must_use]
    pub fn churn(mut self, churn: Churn) -> Self {
        self.churn = Some(churn);
        self
    }

    /// Adds a fault.
    #[must_use]
    pub fn fault(mut self, rule: FaultRule) -> Self {
        self.faults.push(rule);
        self
    }

    /// How many of the newest requests are kept for [`Sim::requests`]. Default: 1000.
    #[must_use]
    pub fn keep_requests(mut self, count: usize) -> Self {
        self.keep_requests = count;
        self
    }

    /// How many of the newest downlinks are kept for [`Sim::downlinks`]. Default: 1,000,000.
    #[must_use]
    pub fn keep_downlinks(mut self, count: usize) -> Self {
        self.keep_downlinks = count;
        self
    }

    /// Binds the port and serves.
    ///
    /// # Errors
    ///
    /// When the port cannot be had, or no thread can be started.
    pub fn start(self) -> io::Result<Sim> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))?;
        let addr = listener.local_addr()?;
        let fleet = |name: &str, count, churn| {
            Fleet::new(count, Generator::new(seed_for(self.seed, name), self.eui), churn)
        };
        let own = fleet("devices", self.devices, self.churn);
        for device in self.added {
            own.add(device);
        }
        let customers = self.customers.into_iter().map(|(id, count)| {
            let customer = Customer { fleet: fleet(&id, count, None), switched: AtomicBool::new(false) };
            (id, customer)
        });
        let world = World {
            url: format!("http://{addr}"),
            credentials: self
                .credentials
                .unwrap_or_else(|| SimCredentials::from_seed(seed_for(self.seed, "credentials"))),
            behaviour: self.behaviour,
            tokens: Tokens::new(),
            fleet: own,
            customers: customers.collect(),
            faults: Faults::new(self.faults, Random::new(seed_for(self.seed, "faults"))),
            calls: Calls::default(),
            requests: Requests::new(self.keep_requests),
            downlinks: Downlinks::new(self.keep_downlinks),
        };
        Ok(Sim { server: Server::start(listener, addr, world)? })
    }
}
