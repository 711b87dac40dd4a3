//! What a receiver counts, as Prometheus reads it.

use std::fmt;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The content type of [`Metrics::encode`], which Prometheus and OpenTelemetry collectors understand.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// One label and its value. The values are few: statuses, reasons, and the labels of the secrets.
type Label = [(&'static str, String); 1];

#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) requests: Family<Label, Counter>,
    pub(crate) refused: Family<Label, Counter>,
    pub(crate) verified: Family<Label, Counter>,
    pub(crate) stored: Counter,
    pub(crate) duplicates: Counter,
    pub(crate) failed_commits: Counter,
    pub(crate) commit: Histogram,
    pub(crate) queue: Gauge,
    pub(crate) body: Counter<u64, AtomicU64>,
    pub(crate) connections: Gauge,
    pub(crate) replaced: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("things_receiver");
        // From half a millisecond, which is a fast disk, to more than any request waits.
        let commit = Histogram::new([
            0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
        ]);
        let (requests, refused, verified) = (Family::default(), Family::default(), Family::default());
        let (stored, duplicates, failed_commits) =
            (Counter::default(), Counter::default(), Counter::default());
        let (queue, connections) = (Gauge::default(), Gauge::default());
        let (body, replaced) = (Counter::default(), Counter::default());
        registry.register("requests", "Responses by status", Family::clone(&requests));
        registry.register("refused", "Messages that were not accepted, by reason", Family::clone(&refused));
        registry.register(
            "verified",
            "Messages with a correct token, by the label of its secret",
            Family::clone(&verified),
        );
        registry.register("stored", "Messages that the inbox stored", Counter::clone(&stored));
        registry.register(
            "duplicates",
            "Messages that the inbox had already stored",
            Counter::clone(&duplicates),
        );
        registry.register(
            "failed_commits",
            "Transactions that the inbox could not commit",
            Counter::clone(&failed_commits),
        );
        registry.register_with_unit(
            "commit",
            "Time of a transaction of the inbox",
            Unit::Seconds,
            commit.clone(),
        );
        registry.register("queue", "Messages that wait for the inbox", Gauge::clone(&queue));
        registry.register_with_unit("body", "Bytes of received bodies", Unit::Bytes, Counter::clone(&body));
        registry.register("connections", "Open connections", Gauge::clone(&connections));
        registry.register(
            "replaced_connections",
            "Connections that were closed in favor of others, because they sent too slowly",
            Counter::clone(&replaced),
        );
        Self {
            registry,
            requests,
            refused,
            verified,
            stored,
            duplicates,
            failed_commits,
            commit,
            queue,
            body,
            connections,
            replaced,
        }
    }

    /// Counts one more of a family.
    pub(crate) fn count(family: &Family<Label, Counter>, name: &'static str, value: impl Into<String>) {
        family.get_or_create(&[(name, value.into())]).inc();
    }

    /// All of them in the text format of OpenMetrics.
    pub(crate) fn encode(&self) -> Result<String, fmt::Error> {
        let mut encoded = String::new();
        text::encode(&mut encoded, &self.registry)?;
        Ok(encoded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_is_in_the_text_under_its_name() {
        let metrics = Metrics::new();
        Metrics::count(&metrics.requests, "status", "204");
        Metrics::count(&metrics.verified, "label", "retiring");
        metrics.stored.inc();
        metrics.commit.observe(0.003);
        let text = metrics.encode().unwrap();
        for line in [
            "things_receiver_requests_total{status=\"204\"} 1",
            "things_receiver_verified_total{label=\"retiring\"} 1",
            "things_receiver_stored_total 1",
            "things_receiver_duplicates_total 0",
            "things_receiver_commit_seconds_bucket{le=\"0.0025\"} 0",
            "things_receiver_commit_seconds_bucket{le=\"0.005\"} 1",
            "things_receiver_queue 0",
            "things_receiver_body_bytes_total 0",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
