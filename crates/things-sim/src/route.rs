//! Routes and endpoints: the meaning of a path.

use crate::current::Resource;
use crate::request::decode;
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

/// The routes that counters and faults distinguish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// `POST /v2/{tenant}/oidc/idp/c1/token` and `POST /api/v3/idp/oidc/token`.
    Token,
    /// `GET /api/devices`.
    Devices,
    /// `POST /api/actuator/downlinks`.
    Downlinks,
    /// `GET /api/v1/lifecycle/clients/{clientId}/context-switch`.
    ContextSwitch,
    /// `POST /ingestion/ip/senml/v1`.
    Ingestion,
    /// Every other path, those of the current API included.
    Other,
}

impl Route {
    /// Every route.
    pub const ALL: [Self; 6] =
        [Self::Token, Self::Devices, Self::Downlinks, Self::ContextSwitch, Self::Ingestion, Self::Other];

    /// The route's name, as in `devices` and `context-switch`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Devices => "devices",
            Self::Downlinks => "downlinks",
            Self::ContextSwitch => "context-switch",
            Self::Ingestion => "ingestion",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Route {
    type Err = UnknownRoute;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|route| route.name() == text).ok_or_else(|| UnknownRoute(text.to_owned()))
    }
}

/// An error for a text that is not the name of a [`Route`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRoute(String);

impl fmt::Display for UnknownRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text) = self;
        write!(f, "unknown route `{text}`: use token, devices, downlinks, context-switch, ingestion or other")
    }
}

impl std::error::Error for UnknownRoute {}

/// The endpoint of a path, with the parameters in the path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Endpoint<'a> {
    Token {
        /// `None` on the path without a tenant.
        tenant: Option<Cow<'a, str>>,
    },
    Login,
    Devices,
    Downlinks,
    ContextSwitch {
        customer: Cow<'a, str>,
    },
    Ingestion,
    /// A resource of the current API.
    Current(Resource),
    /// A path below `/api` that is not simulated.
    UnknownApi,
    Unknown,
}

impl<'a> Endpoint<'a> {
    pub(crate) fn of(path: &'a str) -> Self {
        match path {
            "/api/devices" => return Self::Devices,
            "/api/actuator/downlinks" => return Self::Downlinks,
            _ => {}
        }
        if let Some(resource) = Resource::of(path) {
            return Self::Current(resource);
        }
        // Split before decoding, so that an escaped slash stays in its segment.
        let segments: Option<Vec<Cow<'a, str>>> =
            path.split('/').skip(1).map(|segment| decode(segment, false)).collect();
        let mut segments = segments.unwrap_or_default();
        let parts: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
        match parts.as_slice() {
            ["v2", _, "oidc", "idp", "c1", "token"] => Self::Token { tenant: Some(segments.swap_remove(1)) },
            ["api", "v3", "idp", "oidc", "token"] => Self::Token { tenant: None },
            ["login"] => Self::Login,
            ["ingestion", "ip", "senml", "v1"] => Self::Ingestion,
            ["api", "devices"] => Self::Devices,
            ["api", "actuator", "downlinks"] => Self::Downlinks,
            ["api", "v1", "lifecycle", "clients", _, "context-switch"] => {
                Self::ContextSwitch { customer: segments.swap_remove(4) }
            }
            ["api", ..] => Self::UnknownApi,
            _ => Self::Unknown,
        }
    }

    pub(crate) fn route(&self) -> Route {
        match self {
            Self::Token { .. } => Route::Token,
            Self::Devices => Route::Devices,
            Self::Downlinks => Route::Downlinks,
            Self::ContextSwitch { .. } => Route::ContextSwitch,
            Self::Ingestion => Route::Ingestion,
            Self::Login | Self::Current(_) | Self::UnknownApi | Self::Unknown => Route::Other,
        }
    }
}

/// The number of requests per route.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    token: AtomicU64,
    devices: AtomicU64,
    downlinks: AtomicU64,
    context_switch: AtomicU64,
    ingestion: AtomicU64,
    other: AtomicU64,
}

impl Calls {
    pub(crate) fn count(&self, route: Route) {
        self.counter(route).fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn clear(&self) {
        Route::ALL.into_iter().for_each(|route| self.counter(route).store(0, Ordering::Relaxed));
    }

    pub(crate) fn of(&self, route: Route) -> u64 {
        self.counter(route).load(Ordering::Relaxed)
    }

    fn counter(&self, route: Route) -> &AtomicU64 {
        match route {
            Route::Token => &self.token,
            Route::Devices => &self.devices,
            Route::Downlinks => &self.downlinks,
            Route::ContextSwitch => &self.context_switch,
            Route::Ingestion => &self.ingestion,
            Route::Other => &self.other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_endpoints() {
        assert_eq!(
            Endpoint::of("/v2/a%2Fb/oidc/idp/c1/token"),
            Endpoint::Token { tenant: Some("a/b".into()) }
        );
        assert_eq!(Endpoint::of("/api/v3/idp/oidc/token"), Endpoint::Token { tenant: None });
        assert_eq!(Endpoint::of("/api/devices"), Endpoint::Devices);
        assert_eq!(Endpoint::of("/api/device%73"), Endpoint::Devices);
        assert_eq!(Endpoint::of("/api/devices/"), Endpoint::UnknownApi);
        assert_eq!(Endpoint::of("/api/actuator/downlinks"), Endpoint::Downlinks);
        let switch = Endpoint::of("/api/v1/lifecycle/clients/a%2F..+b/context-switch");
        assert_eq!(switch, Endpoint::ContextSwitch { customer: "a/..+b".into() });
        assert_eq!(Endpoint::of("/lora/downlinks"), Endpoint::Current(Resource::LoraDownlinks));
        assert_eq!(Endpoint::of("/ingestion/ip/senml/v1"), Endpoint::Ingestion);
        assert_eq!(Endpoint::of("/"), Endpoint::Unknown);
        assert_eq!(Endpoint::of("/%zz"), Endpoint::Unknown);
    }
}
