//! What calls came to, for Python's `logging.getLogger("kpn_things")`.

use std::time::Instant;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use things_core::{Error, Outcome};

use crate::callback::call_method;

const DEBUG: u8 = 10;
const WARNING: u8 = 30;

/// A call that has begun, if anybody wants to read of it.
pub(crate) struct Note(Option<(String, Instant)>);

impl Note {
    /// Notes the beginning of a call.
    pub(crate) fn begin(py: Python<'_>, what: impl FnOnce() -> String) -> PyResult<Self> {
        let wanted: bool = call_method(logger(py)?, "isEnabledFor", (DEBUG,))?.extract()?;
        Ok(Self(wanted.then(|| (what(), Instant::now()))))
    }

    /// Logs the end of the call. That the outcome of a downlink is unknown is logged in any case.
    pub(crate) fn end<T>(self, py: Python<'_>, result: &Result<T, Error>) -> PyResult<()> {
        match (self.0, result) {
            (_, Err(error)) if error.outcome() == Some(Outcome::Unknown) => warn(py, &error.to_string()),
            (Some(_), Err(error)) => log(py, DEBUG, &error.to_string()),
            (Some((what, start)), Ok(_)) => {
                log(py, DEBUG, &format!("{what}: done in {:.1?}", start.elapsed()))
            }
            (None, _) => Ok(()),
        }
    }
}

/// Logs what the user should know.
pub(crate) fn warn(py: Python<'_>, text: &str) -> PyResult<()> {
    log(py, WARNING, text)
}

fn log(py: Python<'_>, level: u8, text: &str) -> PyResult<()> {
    call_method(logger(py)?, "log", (level, "%s", text)).map(drop)
}

fn logger(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static LOGGER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = || {
        let logging = py.import("logging")?;
        let logger = logging.call_method1("getLogger", ("kpn_things",))?;
        // Where logging is not set up, Python would print warnings.
        logger.call_method1("addHandler", (logging.call_method0("NullHandler")?,))?;
        Ok::<_, PyErr>(logger.unbind())
    };
    Ok(LOGGER.get_or_try_init(py, make)?.bind(py))
}
