//! The progress of a call while other threads make it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use pyo3::prelude::*;
use things_core::{Exchange, Fate, Operation, Pause, Retirement, Stage, Stopped, TransportError, Watch};

use crate::call::{Endpoint, Reply, outcome};
use crate::error::{raise, snake_case};
use crate::event::{self, Announcements, Event, Reporter, Sink};

/// The outcome of a call that its caller stopped. A call that can be made twice has none.
fn outcome_of(stopped: Stopped, endpoint: &Endpoint) -> Option<&'static str> {
    endpoint.at_most_once().then_some(match stopped {
        Stopped::Unsent => "not_sent",
        Stopped::InFlight => "unknown",
        Stopped::Accepted => "accepted",
    })
}

/// Follows the requests of a call, or of a listing.
pub(crate) struct Following {
    operation: &'static str,
    fate: Fate,
    sink: Option<Sink>,
    announcements: Arc<Announcements>,
}

impl Following {
    pub(crate) fn new(
        operation: &'static str,
        fate: Fate,
        sink: Option<Sink>,
        announcements: Arc<Announcements>,
    ) -> Arc<Self> {
        Arc::new(Self { operation, fate, sink, announcements })
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
        self.fate.is_wanted()
    }

    fn sending(&self, exchange: &Exchange) -> bool {
        self.fate.sending(exchange)
    }

    fn replied(&self, exchange: &Exchange, reply: &Result<Response<Bytes>, TransportError>, took: Duration) {
        self.fate.replied(exchange, reply, took);
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

    fn announced(&self, retirement: &Retirement) {
        self.announcements.add(retirement.to_string());
    }

    fn pausing(&self, pause: &Pause, wait: Duration) {
        self.fate.pausing(pause, wait);
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
    let logged = Announcements::log(py);
    let outcome = outcome(endpoint, &result);
    if let Err(interrupt) = logged.and(report(py, endpoint, &result, elapsed, reporter)) {
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
    let outcome = outcome_of(stopped, endpoint);
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
