//! What a client is made of: settings in their layers, and bounds.

use std::cell::RefCell;
use std::ffi::OsString;
use std::sync::Arc;
use std::{env, fs};

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use things_core::{Builder, Clock, Config as CoreConfig, Error, Limits, Secret, Settings, file_text};

use crate::arguments::{positive, seconds};
use crate::clock::TestClock;
use crate::error::raise;

/// Settings that were resolved and checked, and the bounds of a client. Holds the secret; shows and pickles it not.
#[pyclass(frozen, module = "kpn_things._native")]
pub(crate) struct Config {
    core: CoreConfig,
    settings: Settings,
    bounds: Bounds,
    clock: Option<Arc<dyn Clock>>,
}

/// The bounds as they were given, for a pickle.
#[derive(Clone)]
struct Bounds {
    timeout: Option<f64>,
    attempt_timeout: Option<f64>,
    connect_timeout: Option<f64>,
    max_attempts: Option<u32>,
    max_body: Option<usize>,
    max_pages: Option<u64>,
    ca_bundle: Option<Bytes>,
    /// Empty for none, whatever the environment says.
    proxy: Option<Secret>,
    user_agent: Option<String>,
}

impl Config {
    pub(crate) fn core(&self) -> &CoreConfig {
        &self.core
    }

    pub(crate) fn clock(&self) -> Option<Arc<dyn Clock>> {
        self.clock.clone()
    }
}

#[pymethods]
impl Config {
    /// Lays the arguments over the environment, if one is given, and that over a Postman environment file.
    ///
    /// `postman` holds the path and the bytes of such a file. `environment` is a mapping such as `os.environ`, whose
    /// `KPN_THINGS_POSTMAN_ENVIRONMENT` is read too. `retry` holds milliseconds, for tests.
    #[new]
    #[pyo3(signature = (
        *, environment=None, postman=None, tenant_id=None, key_id=None, key_secret=None, application_id=None,
        grip_base_url=None, token_url=None, base_url=None, customer_id=None, security_context=None, timeout=None,
        attempt_timeout=None, connect_timeout=None, max_attempts=None, max_body=None, max_pages=None, ca_bundle=None,
        proxy=None, user_agent=None, allow_http=None, retry=None, clock=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are the keyword arguments of Python")]
    fn new(
        py: Python<'_>,
        environment: Option<&Bound<'_, PyAny>>,
        postman: Option<(String, Vec<u8>)>,
        tenant_id: Option<String>,
        key_id: Option<String>,
        key_secret: Option<String>,
        application_id: Option<String>,
        grip_base_url: Option<String>,
        token_url: Option<String>,
        base_url: Option<String>,
        customer_id: Option<String>,
        security_context: Option<String>,
        #[pyo3(from_py_with = seconds)] timeout: Option<f64>,
        #[pyo3(from_py_with = seconds)] attempt_timeout: Option<f64>,
        #[pyo3(from_py_with = seconds)] connect_timeout: Option<f64>,
        max_attempts: Option<u32>,
        max_body: Option<usize>,
        max_pages: Option<u64>,
        ca_bundle: Option<Vec<u8>>,
        proxy: Option<String>,
        user_agent: Option<String>,
        allow_http: Option<Vec<String>>,
        retry: Option<(u64, u64, u64)>,
        clock: Option<&Bound<'_, TestClock>>,
    ) -> PyResult<Self> {
        let mut settings = Settings {
            tenant_id,
            key_id,
            key_secret: key_secret.map(Secret::from),
            application_id,
            grip_base_url,
            token_url,
            base_url,
            customer_id,
            security_context: security_context.map(Secret::from),
            allow_http: allow_http.unwrap_or_default(),
            postman_environment: None,
        };
        if let Some(environment) = environment {
            settings = settings.or(from_environment(py, environment)?);
        }
        settings = settings.or_postman_file(|path| fs::read(path)).map_err(|error| raise(py, &error))?;
        if let Some((path, bytes)) = postman {
            let file = file_text(&format!("the Postman environment file {path}"), bytes)
                .and_then(|text| Settings::from_postman(text.expose()));
            settings = settings.or(file.map_err(|error| raise(py, &error))?);
        }
        let ca_bundle = ca_bundle.map(Bytes::from);
        let bounds = Bounds {
            timeout,
            attempt_timeout,
            connect_timeout,
            max_attempts,
            max_body,
            max_pages,
            ca_bundle,
            proxy: proxy.map(Secret::from),
            user_agent,
        };
        let mut limits = bounds.limits().map_err(|error| raise(py, &error))?;
        if let Some((base_delay, max_delay, max_retry_after)) = retry {
            let ms = std::time::Duration::from_millis;
            limits.retry.base_delay = ms(base_delay);
            limits.retry.max_delay = ms(max_delay);
            limits.retry.max_retry_after = ms(max_retry_after);
        }
        let core = resolve(settings.clone(), limits, &bounds).map_err(|error| raise(py, &error))?;
        Ok(Self { core, settings, bounds, clock: clock.map(|clock| clock.get().share()) })
    }

    /// Where the API is.
    #[getter]
    fn base_url(&self) -> String {
        self.core.base_url()
    }

    /// The id of the API key.
    #[getter]
    fn key_id(&self) -> Option<&str> {
        self.settings.key_id.as_deref()
    }

    /// The sub-customer that calls are made for, if settings name one.
    #[getter]
    fn customer_id(&self) -> Option<&str> {
        self.core.customer().map(|id| id.as_str())
    }

    /// Whether a security context is set; it is a secret, too.
    #[getter]
    fn has_security_context(&self) -> bool {
        self.settings.security_context.is_some()
    }

    /// The keyword arguments that make the same again, of which secrets are some.
    fn options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = self.public(py)?;
        set(&dict, "key_secret", self.settings.key_secret.as_ref().map(Secret::expose))?;
        set(&dict, "security_context", self.settings.security_context.as_ref().map(Secret::expose))?;
        set(&dict, "proxy", self.bounds.proxy.as_ref().map(Secret::expose))?;
        Ok(dict)
    }

    /// The same, but for what is secret.
    fn public<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (settings, bounds) = (&self.settings, &self.bounds);
        let dict = PyDict::new(py);
        set(&dict, "tenant_id", settings.tenant_id.as_ref())?;
        set(&dict, "key_id", settings.key_id.as_ref())?;
        set(&dict, "application_id", settings.application_id.as_ref())?;
        set(&dict, "grip_base_url", settings.grip_base_url.as_ref())?;
        set(&dict, "token_url", settings.token_url.as_ref())?;
        set(&dict, "base_url", settings.base_url.as_ref())?;
        set(&dict, "customer_id", settings.customer_id.as_ref())?;
        set(&dict, "timeout", bounds.timeout)?;
        set(&dict, "attempt_timeout", bounds.attempt_timeout)?;
        set(&dict, "connect_timeout", bounds.connect_timeout)?;
        set(&dict, "max_attempts", bounds.max_attempts)?;
        set(&dict, "max_body", bounds.max_body)?;
        set(&dict, "max_pages", bounds.max_pages)?;
        set(&dict, "ca_bundle", bounds.ca_bundle.as_deref())?;
        // With a password it is a secret.
        let proxy = bounds.proxy.as_ref().map(Secret::expose);
        set(&dict, "proxy", proxy.filter(|proxy| !proxy.contains('@')))?;
        set(&dict, "user_agent", bounds.user_agent.as_ref())?;
        set(&dict, "allow_http", Some(&settings.allow_http).filter(|hosts| !hosts.is_empty()))?;
        Ok(dict)
    }

    fn __repr__(&self) -> String {
        format!("Config(base_url={:?}, key_id={:?})", self.base_url(), self.key_id().unwrap_or_default())
    }
}

impl Bounds {
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
        if let Some(attempts) = self.max_attempts {
            limits.retry.max_attempts = attempts;
        }
        limits.max_body = self.max_body.unwrap_or(limits.max_body);
        limits.max_pages = self.max_pages.unwrap_or(limits.max_pages);
        Ok(limits)
    }
}

/// The proxy of this process's environment applies unless another one, or none, is given.
fn resolve(settings: Settings, limits: Limits, bounds: &Bounds) -> Result<CoreConfig, Error> {
    let mut builder =
        Builder::new(settings, Ok).machine(|name| env::var_os(name), |path| fs::read(path)).limits(limits);
    builder = match bounds.proxy.as_ref().map(Secret::expose) {
        None => builder,
        Some("") => builder.no_proxy(),
        Some(url) => builder.proxy(url),
    };
    if let Some(product) = &bounds.user_agent {
        builder = builder.user_agent(product);
    }
    match &bounds.ca_bundle {
        Some(pem) => builder.ca_bundle(pem.clone()).build(),
        None => builder.build(),
    }
}

fn set<'py>(dict: &Bound<'py, PyDict>, name: &str, value: Option<impl IntoPyObject<'py>>) -> PyResult<()> {
    value.map_or(Ok(()), |value| dict.set_item(name, value))
}

fn from_environment(py: Python<'_>, environment: &Bound<'_, PyAny>) -> PyResult<Settings> {
    let trouble = RefCell::new(None);
    let lookup = |name: &str| -> Option<OsString> {
        let found = environment.call_method1("get", (name,)).and_then(|value| value.extract());
        found.unwrap_or_else(|error| {
            trouble.replace(Some(error));
            None
        })
    };
    let settings = Settings::from_environment(lookup).map_err(|error| raise(py, &error));
    trouble.into_inner().map_or(settings, Err)
}
