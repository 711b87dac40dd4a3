//! The state that all connections share, and the way from a request to its answer.

use crate::api::{self, DownlinkAnswer, SwitchAnswer};
use crate::credentials::SimCredentials;
use crate::fault::Faults;
use crate::fleet::{Fleet, SortShape};
use crate::grip::{self, ExpiresIn, Tokens};
use crate::http::{Request, Response};
use crate::record::{Downlinks, Requests};
use crate::route::{Calls, Endpoint};
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) credentials: SimCredentials,
    pub(crate) behaviour: Behaviour,
    pub(crate) tokens: Tokens,
    pub(crate) fleet: Fleet,
    pub(crate) customers: HashMap<String, Customer>,
    pub(crate) faults: Faults,
    pub(crate) calls: Calls,
    pub(crate) requests: Requests,
    pub(crate) downlinks: Downlinks,
}

/// What was chosen where the real service's answer is unknown or can vary.
#[derive(Debug, Clone)]
pub(crate) struct Behaviour {
    /// The key has the service KPN Things.
    pub(crate) access: bool,
    pub(crate) token_life: Duration,
    pub(crate) expires_in: ExpiresIn,
    pub(crate) page_size_cap: Option<usize>,
    pub(crate) sort_shape: SortShape,
    pub(crate) downlink_answer: DownlinkAnswer,
    pub(crate) switch_answer: SwitchAnswer,
}

/// A sub-customer that the key may act for.
pub(crate) struct Customer {
    pub(crate) fleet: Fleet,
    /// The key did its context switch.
    pub(crate) switched: AtomicBool,
}

impl World {
    pub(crate) fn answer(&self, endpoint: &Endpoint<'_>, request: &Request<'_>, response: &mut Response) {
        match endpoint {
            Endpoint::Token { tenant } => grip::token(self, tenant.as_deref(), request, response),
            Endpoint::Login => grip::login_page(response),
            Endpoint::Unknown => api::not_found(self, request, response),
            Endpoint::Devices
            | Endpoint::Downlinks
            | Endpoint::ContextSwitch { .. }
            | Endpoint::UnknownApi => {
                api::answer(self, endpoint, request, response);
            }
        }
    }
}
