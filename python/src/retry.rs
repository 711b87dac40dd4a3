//! The retry policy of a client.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use things_core::RetryPolicy as Core;

use crate::arguments::refuse;

/// When a client makes another attempt at a call that failed, and how long it waits before that.
///
/// A downlink is retried only if the service provably did not act on it, whatever the policy says.
#[pyclass(frozen, eq, module = "kpn_things")]
#[derive(PartialEq)]
pub(crate) struct RetryPolicy(Core);

impl RetryPolicy {
    fn numbers(&self) -> (u32, f64, f64, f64) {
        (self.max_attempts(), self.base_delay(), self.max_delay(), self.max_retry_after())
    }

    pub(crate) fn core(&self) -> Core {
        self.0
    }
}

#[pymethods]
impl RetryPolicy {
    #[new]
    #[pyo3(signature = (*, max_attempts=3, base_delay=0.2, max_delay=10.0, max_retry_after=120.0))]
    fn new(max_attempts: u32, base_delay: f64, max_delay: f64, max_retry_after: f64) -> PyResult<Self> {
        let duration = |name: &str, seconds: f64| {
            Duration::try_from_secs_f64(seconds).map_err(|_| {
                refuse(format!("{name} is {seconds:?}: pass a finite number of seconds, 0 or more"))
            })
        };
        if max_attempts == 0 {
            return Err(refuse("max_attempts is 0: pass at least 1, which means no retry".into()));
        }
        Ok(Self(Core {
            max_attempts,
            base_delay: duration("base_delay", base_delay)?,
            max_delay: duration("max_delay", max_delay)?,
            max_retry_after: duration("max_retry_after", max_retry_after)?,
        }))
    }

    /// Maximum number of attempts per call, including the first.
    #[getter]
    fn max_attempts(&self) -> u32 {
        self.0.max_attempts
    }

    /// Seconds to wait before the second attempt. Each further wait is up to twice as long.
    #[getter]
    fn base_delay(&self) -> f64 {
        self.0.base_delay.as_secs_f64()
    }

    /// The longest wait in seconds that the client itself chooses.
    #[getter]
    fn max_delay(&self) -> f64 {
        self.0.max_delay.as_secs_f64()
    }

    /// The longest `Retry-After` in seconds that the client waits for. A longer one ends the call with an error.
    #[getter]
    fn max_retry_after(&self) -> f64 {
        self.0.max_retry_after.as_secs_f64()
    }

    fn __repr__(&self) -> String {
        format!(
            "RetryPolicy(max_attempts={}, base_delay={:?}, max_delay={:?}, max_retry_after={:?})",
            self.max_attempts(),
            self.base_delay(),
            self.max_delay(),
            self.max_retry_after()
        )
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.numbers().into_pyobject(py)?.hash()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        Ok((slf.get_type().getattr("_of")?, slf.get().numbers().into_pyobject(slf.py())?))
    }

    /// Creates a policy from a pickle.
    #[staticmethod]
    fn _of(max_attempts: u32, base_delay: f64, max_delay: f64, max_retry_after: f64) -> PyResult<Self> {
        Self::new(max_attempts, base_delay, max_delay, max_retry_after)
    }
}
