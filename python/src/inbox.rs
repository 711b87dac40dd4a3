//! The inbox of a receiver, for `kpn_things.uplink.Inbox`. All methods block.

use std::time::SystemTime;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use things_store::inbox::{self, Inbox as CoreInbox, InboxError, InboxOptions, Message, NewMessage, Source};

use crate::item::time_to_python;
use crate::uplink::raise;

/// An inbox by its name. Each method opens it for as long as it takes.
#[pyclass(frozen, module = "kpn_things._native")]
pub(crate) struct Messages {
    name: String,
}

impl Messages {
    /// Does something with the inbox, without holding the interpreter.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut dyn CoreInbox) -> Result<T, InboxError> + Send,
    ) -> PyResult<T> {
        py.detach(|| work(&mut *inbox::read_inbox_from_env(&self.name)?))
            .map_err(|error| raise(py, "InboxError", &error.to_string()))
    }
}

#[pymethods]
impl Messages {
    #[new]
    fn new(py: Python<'_>, name: String) -> PyResult<Self> {
        things_store::is_postgres(&name).map_err(|error| raise(py, "InboxError", &error.to_string()))?;
        Ok(Self { name })
    }

    /// The path, or the URL without its password.
    #[getter]
    fn name(&self) -> String {
        things_store::without_password(&self.name)
    }

    /// Up to `most` messages after an id. Each is a tuple of the fields of `kpn_things.uplink.Message`.
    fn read<'py>(&self, py: Python<'py>, after: u64, most: usize) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let messages = self.with(py, |inbox| inbox.read(after, most))?;
        messages.into_iter().map(|message| message_to_python(py, message)).collect()
    }

    /// The id of the last message that a consumer is done with.
    fn cursor(&self, py: Python<'_>, consumer: &str) -> PyResult<u64> {
        self.with(py, |inbox| inbox.cursor(consumer))
    }

    /// Records that a consumer is done with all messages up to this one.
    fn advance(&self, py: Python<'_>, consumer: &str, id: u64) -> PyResult<()> {
        self.with(py, |inbox| inbox.advance(consumer, id))
    }

    /// The number of messages, and the id of the newest.
    fn counts(&self, py: Python<'_>) -> PyResult<(u64, u64)> {
        let counts = self.with(py, |inbox| inbox.counts())?;
        Ok((counts.messages, counts.last_id))
    }

    /// Stores a message as a receiver does, and returns its id, for tests. `None` if it is a duplicate.
    fn append(
        &self,
        py: Python<'_>,
        received: SystemTime,
        label: Option<String>,
        headers: Vec<(String, Vec<u8>)>,
        body: Vec<u8>,
    ) -> PyResult<Option<u64>> {
        let message = NewMessage { received, source: Source::Http, label, headers, body };
        let append = || {
            let mut inbox = inbox::open_inbox_from_env(&self.name, &InboxOptions::default())?;
            inbox.append(&[message])
        };
        let appended = py.detach(append).map_err(|error| raise(py, "InboxError", &error.to_string()))?;
        Ok(appended.first().and_then(|appended| appended.id))
    }
}

fn message_to_python<'py>(py: Python<'py>, message: Message) -> PyResult<Bound<'py, PyTuple>> {
    let headers = message.headers.iter().map(|(name, value)| (name, PyBytes::new(py, value)));
    let headers = PyTuple::new(py, headers.collect::<Vec<_>>())?;
    let received = time_to_python(py, message.received)?;
    let body = PyBytes::new(py, &message.body);
    (message.id, received, message.source.as_str(), message.label, headers, body).into_pyobject(py)
}
