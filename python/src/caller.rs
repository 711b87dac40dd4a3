//! The shared parts of both callers: a connection, and the scope of their calls.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use things_core::{CustomerId, Downlink, Error, InputError, RetryPolicy as CorePolicy, Watch};

use crate::arguments::duration;
use crate::config::Config;
use crate::connection::Connection;
use crate::error::raise;
use crate::event::Reporter;
use crate::options::Hook;
use crate::retry::RetryPolicy;

/// The client of a transport.
pub(crate) trait Driver: Clone {
    fn open(config: &Config) -> Result<Self, Error>;
    fn for_customer(&self, customer: &CustomerId) -> Result<Self, Error>;
    fn without_customer(&self) -> Self;
    fn with_timeout(&self, timeout: Duration) -> Self;
    fn with_retry(&self, policy: CorePolicy) -> Result<Self, Error>;
    fn with_watch(&self, watch: Arc<dyn Watch>) -> Self;
    fn referenced<'a>(&self, downlink: &'a Downlink) -> Cow<'a, Downlink>;
}

/// Implements [`Driver`] by the methods of a client that have the same names.
macro_rules! driver {
    ($client:ty, $open:expr) => {
        impl crate::caller::Driver for $client {
            fn open(config: &crate::config::Config) -> Result<Self, things_core::Error> {
                $open(config)
            }

            fn for_customer(&self, customer: &things_core::CustomerId) -> Result<Self, things_core::Error> {
                <$client>::for_customer(self, customer.clone())
            }

            fn without_customer(&self) -> Self {
                <$client>::without_customer(self)
            }

            fn with_timeout(&self, timeout: std::time::Duration) -> Self {
                <$client>::with_timeout(self, timeout)
            }

            fn with_retry(&self, policy: things_core::RetryPolicy) -> Result<Self, things_core::Error> {
                <$client>::with_retry(self, policy)
            }

            fn with_watch(&self, watch: std::sync::Arc<dyn things_core::Watch>) -> Self {
                <$client>::with_watch(self, watch)
            }

            fn referenced<'a>(
                &self,
                downlink: &'a things_core::Downlink,
            ) -> std::borrow::Cow<'a, things_core::Downlink> {
                <$client>::referenced(self, downlink)
            }
        }
    };
}

pub(crate) use driver;

/// A connection, with the sub-customer and the options of its calls. Scopes of one client share the connection.
#[derive(Clone)]
pub(crate) struct Scope<C> {
    pub(crate) connection: Arc<Connection<C>>,
    customer: Option<CustomerId>,
    timeout: Option<Duration>,
    retry: Option<CorePolicy>,
    on_event: Option<Hook>,
}

impl<C: Driver> Scope<C> {
    pub(crate) fn new(config: &Bound<'_, Config>) -> Self {
        let customer = config.get().core().customer().cloned();
        let on_event = config.get().on_event().cloned();
        let connection = Arc::new(Connection::new(config.clone().unbind()));
        Self { connection, customer, timeout: None, retry: None, on_event }
    }

    pub(crate) fn for_customer(&self, py: Python<'_>, id: &str) -> PyResult<Self> {
        let customer = id.parse().map_err(|error: InputError| raise(py, &error.into()))?;
        Ok(Self { customer: Some(customer), ..self.clone() })
    }

    pub(crate) fn without_customer(&self) -> Self {
        Self { customer: None, ..self.clone() }
    }

    pub(crate) fn with_options(
        &self,
        timeout: Option<f64>,
        retry: Option<&RetryPolicy>,
        on_event: Option<Hook>,
    ) -> PyResult<Self> {
        let mut scope = self.clone();
        if let Some(seconds) = timeout {
            scope.timeout = Some(duration("timeout", seconds)?);
        }
        scope.retry = retry.map(RetryPolicy::core).or(scope.retry);
        scope.on_event = on_event.or(scope.on_event);
        Ok(scope)
    }

    /// Returns the client of this process, with the settings of this scope.
    pub(crate) fn client(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<C> {
        let mut client = self.connection.client(py)?;
        client = match &self.customer {
            Some(customer) => client.for_customer(customer).map_err(|error| raise(py, &error))?,
            None => client.without_customer(),
        };
        let timeout = timeout.map(|seconds| duration("timeout", seconds)).transpose()?;
        if let Some(timeout) = timeout.or(self.timeout) {
            client = client.with_timeout(timeout);
        }
        if let Some(policy) = self.retry {
            client = client.with_retry(policy).map_err(|error| raise(py, &error))?;
        }
        Ok(client)
    }

    /// The account of the calls in this scope, for the ledger of a run.
    pub(crate) fn account(&self) -> String {
        self.connection.config().account_for(self.customer.as_ref())
    }

    /// The time limit of a call in this scope.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(self.connection.config().limits().timeout)
    }

    /// Returns a reporter of events, if the user's function or the log needs one.
    pub(crate) fn reporter(&self, py: Python<'_>) -> PyResult<Option<Reporter>> {
        Reporter::new(py, self.on_event.as_ref())
    }
}
