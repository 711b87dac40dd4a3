//! The settings of a running simulator, from which every tenant's world is made.

use crate::behaviour::Behaviour;
use crate::credentials::SimCredentials;
use crate::faults::Faults;
use crate::fleet::Fleet;
use crate::own_device::{OwnDevice, OwnDevices};
use crate::pack_log::PackLog;
use crate::random::{Random, seed_for};
use crate::record::{Downlinks, Requests};
use crate::route::Calls;
use crate::rule::FaultRule;
use crate::tokens::Tokens;
use crate::uplink::{Outgoing, Uplinks};
use crate::world::{Customer, World};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub(crate) struct Recipe {
    pub(crate) url: String,
    /// The host that clients must allow plain http to.
    pub(crate) allow_http: Option<String>,
    /// The certificate that clients must trust.
    pub(crate) ca_file: Option<PathBuf>,
    /// The API key, with the id of the default tenant. It is valid for every tenant.
    pub(crate) credentials: SimCredentials,
    pub(crate) behaviour: Behaviour,
    pub(crate) seed: u64,
    pub(crate) account: Fleet,
    pub(crate) customers: Vec<(String, Fleet)>,
    pub(crate) faults: Vec<FaultRule>,
    pub(crate) keep_requests: usize,
    pub(crate) keep_downlinks: usize,
    pub(crate) outgoing: Outgoing,
    pub(crate) own_devices: Vec<OwnDevice>,
}

impl Recipe {
    /// Returns the world of a tenant at the start. The tokens may be those of an earlier world.
    pub(crate) fn world(&self, tenant: &str, tokens: Arc<Tokens>) -> World {
        let customer = |(id, fleet): &(String, Fleet)| {
            (id.clone(), Customer { fleet: fleet.copy(), switched: AtomicBool::new(false) })
        };
        let faults = Arc::new(Faults::new(self.faults.clone(), Random::new(seed_for(self.seed, "faults"))));
        World {
            url: self.url.clone(),
            credentials: SimCredentials { tenant_id: tenant.to_owned(), ..self.credentials.clone() },
            behaviour: self.behaviour.clone(),
            tokens,
            fleet: self.account.copy(),
            customers: self.customers.iter().map(customer).collect(),
            uplinks: Arc::new(Uplinks::new(&self.outgoing, Arc::clone(&faults))),
            faults,
            calls: Calls::default(),
            requests: Requests::new(self.keep_requests),
            downlinks: Downlinks::new(self.keep_downlinks),
            own_devices: OwnDevices::new(&self.own_devices),
            packs: PackLog::new(self.outgoing.keep),
        }
    }
}
