//! The worlds of one simulator: one for the default tenant, and one for each other tenant.

use crate::recipe::Recipe;
use crate::request::Request;
use crate::route::Endpoint;
use crate::tokens;
use crate::world::World;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};

/// The maximum number of tenants, so that a client that invents tenant ids cannot fill the memory.
const MAX_TENANTS: usize = 1000;

pub(crate) struct Worlds {
    pub(crate) recipe: Recipe,
    default: RwLock<Arc<World>>,
    /// The worlds of the other tenants; `None` if only the default tenant is known.
    others: Option<RwLock<BTreeMap<String, Arc<World>>>>,
}

impl Worlds {
    pub(crate) fn new(recipe: Recipe, any_tenant: bool) -> Self {
        let default = Arc::new(recipe.world(&recipe.credentials.tenant_id, Arc::default()));
        Self { recipe, default: RwLock::new(default), others: any_tenant.then(RwLock::default) }
    }

    /// Whether any tenant id is accepted.
    pub(crate) fn any_tenant(&self) -> bool {
        self.others.is_some()
    }

    /// The world of the default tenant.
    pub(crate) fn default(&self) -> Arc<World> {
        Arc::clone(&self.default.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the world that a request belongs to. A token request names its tenant in the path, and a call of the API
    /// in its token. Every other request belongs to the default tenant.
    pub(crate) fn of_request(&self, endpoint: &Endpoint<'_>, request: &Request<'_>) -> Arc<World> {
        if !self.any_tenant() {
            return self.default();
        }
        let found = match endpoint {
            Endpoint::Token { tenant } => tenant.as_ref().and_then(|tenant| self.of_tenant(tenant)),
            _ => request.bearer_token().and_then(tokens::tenant).and_then(|tenant| self.known(&tenant)),
        };
        found.unwrap_or_else(|| self.default())
    }

    /// Returns the world of a tenant, which is new if the tenant is. Returns `None` if the tenant is not accepted.
    pub(crate) fn of_tenant(&self, tenant: &str) -> Option<Arc<World>> {
        if let Some(world) = self.known(tenant) {
            return Some(world);
        }
        let mut others = self.others.as_ref()?.write().unwrap_or_else(PoisonError::into_inner);
        if others.len() + 1 >= MAX_TENANTS && !others.contains_key(tenant) {
            return None;
        }
        let world = others
            .entry(tenant.to_owned())
            .or_insert_with(|| Arc::new(self.recipe.world(tenant, Arc::default())));
        Some(Arc::clone(world))
    }

    /// The ids of the tenants that have a world, the default tenant first.
    pub(crate) fn tenants(&self) -> Vec<String> {
        let mut tenants = vec![self.recipe.credentials.tenant_id.clone()];
        if let Some(others) = &self.others {
            tenants.extend(others.read().unwrap_or_else(PoisonError::into_inner).keys().cloned());
        }
        tenants
    }

    /// Replaces the world of a tenant by the world at the start. Its tokens and context switches stay valid, and
    /// uplinks are posted to the same destination, so that clients and receivers go on.
    pub(crate) fn reset(&self, world: &World) {
        let tenant = &world.credentials.tenant_id;
        let fresh = self.recipe.world(tenant, Arc::clone(&world.tokens));
        for (id, customer) in &fresh.customers {
            let switched = world.customers.get(id).is_some_and(|old| old.switched.load(Ordering::Acquire));
            customer.switched.store(switched, Ordering::Release);
        }
        fresh.uplinks.keep_destination(&world.uplinks);
        if *tenant == self.recipe.credentials.tenant_id {
            *self.default.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
        } else if let Some(others) = &self.others {
            others.write().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone(), Arc::new(fresh));
        }
    }

    fn known(&self, tenant: &str) -> Option<Arc<World>> {
        if tenant == self.recipe.credentials.tenant_id {
            return Some(self.default());
        }
        let others = self.others.as_ref()?.read().unwrap_or_else(PoisonError::into_inner);
        others.get(tenant).map(Arc::clone)
    }
}
