//! The uplinks of one tenant: where they go, and the outcome of each.

use super::destination::{Destination, Target};
use super::error::UplinkError;
use super::log::{Counts, Log, PostedUplink, UplinkAttempt, UplinkOutcome};
use super::pack;
use super::post::Post;
use super::poster::Poster;
use super::spec::{Measured, Measurement, UplinkSpec};
use crate::faults::Faults;
use crate::observer::Observer;
use crate::senml;
use crate::waiting::Until;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

/// The settings of the uplinks of every tenant.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) poster: Arc<Poster>,
    pub(crate) destination: Option<Destination>,
    /// Whether a device answers a downlink with an uplink.
    pub(crate) answers: bool,
    pub(crate) keep: usize,
    pub(crate) observer: Option<Observer<PostedUplink>>,
}

pub(crate) struct Uplinks {
    poster: Arc<Poster>,
    target: Mutex<Option<Arc<Target>>>,
    pub(super) faults: Arc<Faults>,
    answers: bool,
    log: Log,
    observer: Option<Observer<PostedUplink>>,
}

impl Uplinks {
    /// Returns the uplinks of a tenant. The destination was checked before; one that is wrong is none.
    pub(crate) fn new(outgoing: &Outgoing, faults: Arc<Faults>) -> Self {
        let destination = outgoing.destination.as_ref();
        let target = destination.and_then(|destination| destination.open().ok()).map(Arc::new);
        Self {
            poster: Arc::clone(&outgoing.poster),
            target: Mutex::new(target),
            faults,
            answers: outgoing.answers,
            log: Log::new(outgoing.keep),
            observer: outgoing.observer.clone(),
        }
    }

    /// Posts the coming uplinks to this destination. `None` posts them nowhere.
    pub(crate) fn set_destination(&self, destination: Option<&Destination>) -> Result<(), UplinkError> {
        let target = destination.map(Destination::open).transpose()?.map(Arc::new);
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
        Ok(())
    }

    /// Posts the coming uplinks to the destination of an earlier world.
    pub(crate) fn keep_destination(&self, earlier: &Self) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = earlier.target();
    }

    /// Posts an uplink on another thread, and returns its number.
    pub(crate) fn post(self: &Arc<Self>, spec: &UplinkSpec) -> Result<u64, UplinkError> {
        let target = self.target().ok_or_else(|| {
            UplinkError::new(
                "the simulator has no destination: set the URL and the secret to post uplinks to",
            )
        })?;
        let number = self.log.number();
        let body = pack::write(spec, number, SystemTime::now())?.into_bytes();
        self.log.add(PostedUplink {
            number,
            device: senml::base_name(&body),
            body: body.clone(),
            attempts: Vec::new(),
            outcome: UplinkOutcome::Pending,
        });
        let post = Post {
            uplinks: Arc::clone(self),
            target,
            number,
            body: body.into(),
            attempts: 0,
            duplicate: false,
        };
        let added = self.poster.add(Instant::now(), move |poster| post.run(poster));
        added.map_err(|error| UplinkError::new(format!("no thread can be started: {error}")))?;
        Ok(number)
    }

    /// Waits until an uplink was delivered or discarded, and returns it. Returns `None` if it is no longer kept.
    pub(crate) fn wait_for(&self, until: Until<'_>, number: u64) -> Option<PostedUplink> {
        self.log.wait_for(until, number);
        self.log.find(number)
    }

    /// Answers a downlink by an uplink of its device with the same content, if this is switched on.
    pub(crate) fn answer(self: &Arc<Self>, port: Option<&str>, downlink: &[u8]) {
        if self.answers && self.target().is_some() {
            // A record with a value that no uplink can have is not answered.
            let _ = self.post(&echo(port, downlink));
        }
    }

    /// Posts the pack of a device of your own unchanged, if answers are switched on.
    pub(crate) fn forward(self: &Arc<Self>, pack: &[u8]) {
        if self.answers && self.target().is_some() {
            let _ = self.post(&UplinkSpec::body(String::from_utf8_lossy(pack)));
        }
    }

    pub(super) fn note(&self, number: u64, attempt: UplinkAttempt, outcome: UplinkOutcome) {
        let noted = self.log.note(number, attempt, outcome);
        if let (Some(observer), Some(uplink)) = (&self.observer, noted) {
            observer.observe(&uplink);
        }
    }

    /// Waits until this many uplinks were delivered or discarded. Returns false if they were not in time.
    pub(crate) fn wait(&self, until: Until<'_>, count: u64) -> bool {
        self.log.wait(until, count)
    }

    pub(crate) fn newest(&self) -> Vec<PostedUplink> {
        self.log.newest()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.log.counts()
    }

    pub(crate) fn clear(&self) {
        self.log.clear();
    }

    /// The number of posts that wait for a thread.
    pub(super) fn waiting(&self) -> usize {
        self.poster.waiting()
    }

    fn target(&self) -> Option<Arc<Target>> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The uplink of a device that repeats what it received: the payload of a raw downlink, or the values of its records.
fn echo(port: Option<&str>, downlink: &[u8]) -> UplinkSpec {
    let records: Vec<Value> = serde_json::from_slice(downlink).unwrap_or_default();
    let mut spec = UplinkSpec {
        device: senml::base_name(downlink).unwrap_or_default(),
        port: port.and_then(|port| port.parse().ok()),
        ..UplinkSpec::default()
    };
    for record in &records {
        let text = |field: &str| record.get(field).and_then(Value::as_str);
        let name = text("n").unwrap_or_default();
        if name == "payloadHex" {
            spec.payload = hex::decode(text("vs").unwrap_or_default()).ok();
            continue;
        }
        let value = record.get("v").and_then(Value::as_f64).map(Measured::Number);
        let value = value.or_else(|| record.get("vb")?.as_bool().map(Measured::Boolean));
        let value = value.or_else(|| Some(Measured::Text(text("vs")?.to_owned())));
        let value = value.or_else(|| Some(Measured::Data { data: text("vd")?.to_owned() }));
        if let Some(value) = value {
            let unit = text("u").map(str::to_owned);
            spec.measurements.push(Measurement { name: name.to_owned(), unit, value });
        }
    }
    spec
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_repeats_what_it_received() {
        let raw = br#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","n":"payloadHex","vs":"01FF"}]"#;
        let expected = UplinkSpec::lora("urn:dev:DEVEUI:0059AC0000181EB6:", 7, [0x01, 0xFF]);
        assert_eq!(echo(Some("7"), raw), expected);
        let own = br#"[{"bn":"urn:dev:IMEI:1:"},{"n":"open","vb":true},{"n":"level","u":"%","v":5}]"#;
        let open = Measurement { name: "open".to_owned(), unit: None, value: Measured::Boolean(true) };
        let expected =
            UplinkSpec::measured("urn:dev:IMEI:1:", [open, Measurement::number("level", "%", 5.0)]);
        assert_eq!(echo(None, own), expected);
    }
}
