//! The configuration of a client: its settings, resolved by precedence, and its limits.

use std::cell::RefCell;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use things_core::{Builder, Clock, Config as CoreConfig, Error, Limits, Secret, Settings};

use crate::arguments::positive;
use crate::clock::TestClock;
use crate::error::raise;
use crate::options::{Hook, Masked, Options};

/// Settings that were resolved and checked, and the limits of a client. It holds the secret, but neither shows nor pickles
/// it.
#[pyclass(frozen, module = "kpn_things._native")]
pub(crate) struct Config {
    core: CoreConfig,
    settings: Settings,
    options: Options,
    pool_timeout: Option<Duration>,
    clock: Option<Arc<dyn Clock>>,
}

impl Config {
    pub(crate) fn core(&self) -> &CoreConfig {
        &self.core
    }

    pub(crate) fn clock(&self) -> Option<Arc<dyn Clock>> {
        self.clock.clone()
    }

    pub(crate) fn on_event(&self) -> Option<&Hook> {
        self.options.on_event.as_ref()
    }

    pub(crate) fn max_connections(&self) -> Option<usize> {
        self.options.max_connections
    }

    pub(crate) fn pool_timeout(&self) -> Option<Duration> {
        self.pool_timeout
    }
}

#[pymethods]
impl Config {
    /// Resolves the options. They override `environ`, which overrides a Postman environment file.
    ///
    /// The secrets among the options are masked, and so are `environ`, a mapping such as `os.environ`, and the bytes of a
    /// Postman environment file in `postman`, next to its path.
    #[new]
    #[pyo3(signature = (options, environ=None, postman=None, clock=None))]
    fn new(
        py: Python<'_>,
        options: Options,
        environ: Option<&Bound<'_, Masked>>,
        postman: Option<(String, Bound<'_, Masked>)>,
        clock: Option<&Bound<'_, TestClock>>,
    ) -> PyResult<Self> {
        let mut settings = options.settings();
        if let Some(environ) = environ {
            settings = settings.or(from_environment(py, environ.get().get(py))?);
        }
        settings = settings.or_postman_file(|path| fs::read(path)).map_err(|error| raise(py, &error))?;
        if let Some((path, bytes)) = postman {
            let bytes = bytes.get().get(py).extract()?;
            let file = Settings::from_postman_file(&path, bytes).map_err(|error| raise(py, &error))?;
            settings = settings.or(file);
        }
        let core = options.resolve(py, settings.clone()).map_err(|error| raise(py, &error))?;
        let pool_timeout = options.pool_timeout().map_err(|error| raise(py, &error))?;
        let clock = clock.map(|clock| clock.get().share());
        Ok(Self { core, settings, options, pool_timeout, clock })
    }

    /// The URL of the API.
    #[getter]
    fn base_url(&self) -> String {
        self.core.base_url()
    }

    /// The sub-customer that calls are made for, if a setting names one.
    #[getter]
    fn customer_id(&self) -> Option<&str> {
        self.core.customer().map(|id| id.as_str())
    }

    /// Whether a security context is set. It is a secret, too.
    #[getter]
    fn has_security_context(&self) -> bool {
        self.settings.security_context.is_some()
    }

    /// The options that recreate this configuration, without the secrets.
    fn public<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = (&self.options).into_pyobject(py)?;
        let settings = &self.settings;
        dict.set_item("tenant_id", &settings.tenant_id)?;
        dict.set_item("key_id", &settings.key_id)?;
        dict.set_item("application_id", &settings.application_id)?;
        dict.set_item("grip_base_url", &settings.grip_base_url)?;
        dict.set_item("token_url", &settings.token_url)?;
        dict.set_item("base_url", &settings.base_url)?;
        dict.set_item("customer_id", &settings.customer_id)?;
        dict.set_item("allow_http", Some(&settings.allow_http).filter(|hosts| !hosts.is_empty()))?;
        let absent: Vec<_> = dict.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
        absent.iter().try_for_each(|name| dict.del_item(name))?;
        Ok(dict)
    }

    fn __repr__(&self) -> String {
        let key_id = self.settings.key_id.as_deref().unwrap_or_default();
        format!("Config(base_url={:?}, key_id={key_id:?})", self.base_url())
    }
}

impl Options {
    fn settings(&self) -> Settings {
        Settings {
            tenant_id: self.tenant_id.clone(),
            key_id: self.key_id.clone(),
            key_secret: self.key_secret.clone(),
            application_id: self.application_id.clone(),
            grip_base_url: self.grip_base_url.clone(),
            token_url: self.token_url.clone(),
            base_url: self.base_url.clone(),
            customer_id: self.customer_id.clone(),
            security_context: self.security_context.clone(),
            allow_http: self.allow_http.clone().unwrap_or_default(),
            ..Settings::default()
        }
    }

    fn limits(&self) -> Result<Limits, Error> {
        let mut limits = Limits::default();
        if let Some(seconds) = self.timeout {
            limits.timeout = positive("timeout", seconds).map_err(Error::config)?;
        }
        if let Some(seconds) = self.attempt_timeout {
            limits.attempt_timeout = positive("attempt_timeout", seconds).map_err(Error::config)?;
        }
        if let Some(seconds) = self.connect_timeout {
            limits.connect_timeout = positive("connect_timeout", seconds).map_err(Error::config)?;
        }
        if let Some(policy) = &self.retry {
            limits.retry = policy.get().core();
        }
        if let Some(attempts) = self.max_attempts {
            limits.retry.max_attempts = attempts;
        }
        limits.max_body = self.max_body.unwrap_or(limits.max_body);
        limits.max_pages = self.max_pages.unwrap_or(limits.max_pages);
        Ok(limits)
    }

    fn pool_timeout(&self) -> Result<Option<Duration>, Error> {
        if self.max_connections == Some(0) {
            return Err(Error::config("max_connections is 0: pass at least 1"));
        }
        let pool_timeout = self.pool_timeout.map(|seconds| positive("pool_timeout", seconds));
        pool_timeout.transpose().map_err(Error::config)
    }

    /// The proxy of this process's environment applies, unless an option sets another one or none.
    fn resolve(&self, py: Python<'_>, settings: Settings) -> Result<CoreConfig, Error> {
        let mut builder = Builder::new(settings, Ok)
            .machine(|name| env::var_os(name), |path| fs::read(path))
            .limits(self.limits()?);
        builder = match self.proxy.as_ref().map(Secret::expose) {
            None => builder,
            Some("") => builder.no_proxy(),
            Some(url) => builder.proxy(url),
        };
        builder = builder.user_agent(match self.user_agent.as_deref() {
            None => products(py),
            Some("") => String::new(),
            Some(product) => format!("{product} {}", products(py)),
        });
        match &self.ca_bundle {
            Some(pem) => builder.ca_bundle(Bytes::copy_from_slice(pem)).build(),
            None => builder.build(),
        }
    }
}

/// This package and the interpreter, for the `User-Agent` header.
fn products(py: Python<'_>) -> String {
    let version = py.version_info();
    let (major, minor, patch) = (version.major, version.minor, version.patch);
    concat!("kpn-things-python/", env!("CARGO_PKG_VERSION")).to_owned()
        + &format!(" Python/{major}.{minor}.{patch}")
}

fn from_environment(py: Python<'_>, environ: &Bound<'_, PyAny>) -> PyResult<Settings> {
    let trouble = RefCell::new(None);
    let lookup = |name: &str| -> Option<OsString> {
        let found = environ.call_method1("get", (name,)).and_then(|value| value.extract());
        found.unwrap_or_else(|error| {
            trouble.replace(Some(error));
            None
        })
    };
    let settings = Settings::from_environment(lookup).map_err(|error| raise(py, &error));
    trouble.into_inner().map_or(settings, Err)
}
