//! The progress of a call while other threads make it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use pyo3::prelude::*;
use things_core::{Exchange, Operation, Pause, Stage, TransportError, Watch};

use crate::call::{Endpoint, Reply, outcome};
use crate::error::{raise, snake_case};
use crate::event::{self, Event, Reporter, Sink};

/// The progress of a call that must not be made twice. The thread that makes the call and the one that stops it agree
/// on it: a request is sent either before the call is stopped, or not at all.
#[derive(Clone, Default)]
pub(crate) struct Fate(Arc<AtomicU8>);

/// Nothing was sent, or the service provably did not act on it.
const UNSENT: u8 = 0;
/// The request may have arrived.
const IN_FLIGHT: u8 = 1;
/// The service accepted it.
const ACCEPTED: u8 = 2;
/// The caller stopped the call before it was sent.
const STOPPED: u8 = 3;
/// The caller has the result, or knows that it gets none.
const DELIVERED: u8 = 4;

impl Fate {
    /// Stops the call. Returns how far it had come, or `None` if its caller has the result.
    pub(crate) fn stop(&self) -> Option<Stopped> {
        match self.0.swap(STOPPED, Ordering::SeqCst) {
            DELIVERED => None,
            IN_FLIGHT => Some(Stopped::InFlight),
            ACCEPTED => Some(Stopped::Accepted),
            _ => Some(Stopped::Unsent),
        }
    }

    /// Records that the caller has the result.
    pub(crate) fn delivered(&self) {
        self.0.store(DELIVERED, Ordering::SeqCst);
    }

    /// Records the progress of the call, unless it was stopped.
    fn reach(&self, state: u8) -> bool {
        let reached = |before| (before != STOPPED).then_some(state);
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, reached).is_ok()
    }

    fn is_stopped(&self) -> bool {
        self.0.load(Ordering::SeqCst) == STOPPED
    }

    /// Records the result of the call, before it is sent to the caller.
    pub(crate) fn ended(&self, endpoint: &Endpoint, result: &Result<Reply, things_core::Error>) {
        self.reach(match outcome(endpoint, result) {
            Some("accepted") => ACCEPTED,
            Some("unknown") => IN_FLIGHT,
            _ => UNSENT,
        });
    }
}

/// How far a call had come when its caller stopped it. Only a call that must not be made twice is ever in flight.
#[derive(Clone, Copy)]
pub(crate) enum Stopped {
    Unsent,
    InFlight,
    Accepted,
}

impl Stopped {
    fn outcome(self, endpoint: &Endpoint) -> Option<&'static str> {
        match self {
            Self::Unsent => endpoint.at_most_once().then_some("not_sent"),
            Self::InFlight => Some("unknown"),
            Self::Accepted => Some("accepted"),
        }
    }
}

/// Follows the requests of a call, or of a listing.
pub(crate) struct Following {
    operation: &'static str,
    fate: Fate,
    sink: Option<Sink>,
}

impl Following {
    pub(crate) fn new(operation: &'static str, fate: Fate, sink: Option<Sink>) -> Arc<Self> {
        Arc::new(Self { operation, fate, sink })
    }

    fn event(&self, kind: &'static str, stage: Stage, method: &http::Method, url: String) -> Event {
        Event {
            kind,
            operation: self.operation,
            stage: match stage {
                Stage::Token => "token",
                Stage::ContextSwitch => "context_switch",
                _ => "call",
            },
            method: Some(method.as_str().to_owned()),
            url: Some(url),
            ..Event::default()
        }
    }
}

impl Watch for Following {
    fn is_wanted(&self) -> bool {
        !self.fate.is_stopped()
    }

    fn sending(&self, exchange: &Exchange) -> bool {
        // After an attempt, another request proves that the service did not act on the first one.
        self.fate.reach(if exchange.acts() { IN_FLIGHT } else { UNSENT })
    }

    fn replied(&self, exchange: &Exchange, reply: &Result<Response<Bytes>, TransportError>, took: Duration) {
        if exchange.acts() && reply.as_ref().is_ok_and(|response| response.status().is_success()) {
            self.fate.reach(ACCEPTED);
        }
        if let Some(sink) = &self.sink {
            sink(Event {
                status: reply.as_ref().ok().map(|response| response.status().as_u16()),
                error: reply.as_ref().err().map(|error| snake_case(&format!("{:?}", error.kind()))),
                attempt: exchange.attempt(),
                elapsed: took,
                ..self.event("request", exchange.stage(), exchange.method(), exchange.url())
            });
        }
    }

    fn pausing(&self, pause: &Pause, wait: Duration) {
        self.fate.reach(UNSENT);
        if let Some(sink) = &self.sink {
            sink(Event {
                attempt: pause.attempts(),
                wait: Some(wait),
                ..self.event("retry", pause.stage(), pause.method(), pause.url())
            });
        }
    }
}

/// Reports the end of a call, and creates its Python result or exception.
pub(crate) fn settle(
    py: Python<'_>,
    endpoint: &Endpoint,
    result: Result<Reply, things_core::Error>,
    elapsed: Duration,
    reporter: Option<&Reporter>,
) -> PyResult<Py<PyAny>> {
    let outcome = outcome(endpoint, &result);
    if let Err(interrupt) = report(py, endpoint, &result, elapsed, reporter) {
        if let Some(outcome @ ("accepted" | "unknown")) = outcome {
            tell(py, endpoint, outcome, &interrupt);
        }
        return Err(interrupt);
    }
    result.map_err(|error| raise(py, &error))?.into_python(py)
}

/// Reports the end of a call, and warns if its outcome is unknown.
fn report(
    py: Python<'_>,
    endpoint: &Endpoint,
    result: &Result<Reply, things_core::Error>,
    elapsed: Duration,
    reporter: Option<&Reporter>,
) -> PyResult<()> {
    let outcome = outcome(endpoint, result);
    if let Some(reporter) = reporter {
        let error = result.as_ref().err();
        reporter.report(
            py,
            Event {
                kind: "call",
                operation: endpoint.name(),
                stage: "call",
                method: error.and_then(|error| Some(error.method()?.as_str().to_owned())),
                url: error.and_then(|error| Some(error.url()?.to_owned())),
                status: match result {
                    Ok(reply) => reply.status(),
                    Err(error) => error.status().map(|status| status.as_u16()),
                },
                error: error.map(things_core::Error::to_string),
                attempt: match result {
                    Ok(reply) => reply.attempts(),
                    Err(error) => error.attempts(),
                },
                elapsed,
                outcome,
                external_reference: endpoint.external_reference().map(str::to_owned),
                ..Event::default()
            },
        )?;
    }
    match (result, outcome) {
        (Err(error), Some("unknown")) => {
            event::warn(py, &error.to_string(), outcome, error.external_reference())
        }
        _ => Ok(()),
    }
}

/// Reports a call that its caller stopped: warns if it was too late, and ends the call's events.
pub(crate) fn report_stop(
    py: Python<'_>,
    endpoint: &Endpoint,
    stopped: Stopped,
    elapsed: Duration,
    reporter: Option<&Reporter>,
    interrupt: Option<&PyErr>,
) -> PyResult<()> {
    let outcome = stopped.outcome(endpoint);
    let reference = endpoint.external_reference();
    let warned = match (outcome, interrupt) {
        (Some(outcome @ ("accepted" | "unknown")), Some(interrupt)) => {
            tell(py, endpoint, outcome, interrupt);
            Ok(())
        }
        (Some(outcome @ ("accepted" | "unknown")), None) => {
            warn_of_stop(py, endpoint, reference, outcome).map(drop)
        }
        _ => Ok(()),
    };
    let Some(reporter) = reporter else { return warned };
    let event = Event {
        kind: "call",
        operation: endpoint.name(),
        stage: "call",
        error: Some("the caller stopped it".to_owned()),
        elapsed,
        outcome,
        external_reference: reference.map(str::to_owned),
        ..Event::default()
    };
    warned.and(reporter.report(py, event))
}

/// Warns about a call that was interrupted too late, and adds the warning to the exception as a note.
fn tell(py: Python<'_>, endpoint: &Endpoint, outcome: &str, interrupt: &PyErr) {
    let told = warn_of_stop(py, endpoint, endpoint.external_reference(), outcome).and_then(|text| {
        // Python 3.10 has no notes.
        let add_note = interrupt.value(py).getattr_opt("add_note")?;
        add_note.map_or(Ok(()), |add_note| add_note.call1((text,)).map(drop))
    });
    if let Err(error) = told {
        error.write_unraisable(py, None);
    }
}

/// Warns about a call that its caller stopped too late. Returns the warning.
pub(crate) fn warn_of_stop(
    py: Python<'_>,
    endpoint: &Endpoint,
    reference: Option<&str>,
    outcome: &str,
) -> PyResult<String> {
    let named = reference.map(|reference| format!(", reference {reference:?}")).unwrap_or_default();
    let what = endpoint.describe();
    let text = match outcome {
        "accepted" => {
            format!("{what}{named} was accepted by the service, but its caller had stopped waiting for it")
        }
        _ => format!(
            "{what}{named} may have arrived: its caller stopped it while the request was in flight; \
             look for it in the portal before you send it again"
        ),
    };
    event::warn(py, &text, Some(outcome), reference)?;
    Ok(text)
}
