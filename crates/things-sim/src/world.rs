//! The state of one tenant, which all connections share.

use crate::behaviour::Behaviour;
use crate::credentials::SimCredentials;
use crate::faults::Faults;
use crate::fleet::Fleet;
use crate::own_device::OwnDevices;
use crate::pack_log::PackLog;
use crate::record::{Downlinks, Requests};
use crate::route::Calls;
use crate::tokens::Tokens;
use crate::uplink::Uplinks;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) credentials: SimCredentials,
    pub(crate) behaviour: Behaviour,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) fleet: Fleet,
    pub(crate) customers: HashMap<String, Customer>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) calls: Calls,
    pub(crate) requests: Requests,
    pub(crate) downlinks: Downlinks,
    pub(crate) uplinks: Arc<Uplinks>,
    pub(crate) own_devices: OwnDevices,
    pub(crate) packs: PackLog,
}

/// A sub-customer that the key may act for.
pub(crate) struct Customer {
    pub(crate) fleet: Fleet,
    /// Whether the key has switched to this customer's context.
    pub(crate) switched: AtomicBool,
}
