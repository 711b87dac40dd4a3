//! Resolves packs: from bytes to measurements in one pass (RFC 8428, section 4.6).

mod bases;
mod pass;

pub(crate) use pass::Pass;

use std::fmt;

use crate::error::Error;
use crate::json;
use crate::leniency::Leniency;
use crate::measurement::Measurement;
use crate::pack::Pack;
use crate::value::Number;

/// Resolves packs: applies base values, and turns relative times into absolute ones (RFC 8428, section 4.6).
///
/// A resolver is strict: it refuses what RFC 8428 forbids, unless it is [`lenient`](Self::lenient).
///
/// ```
/// use things_senml::{Resolver, Value};
///
/// let pack = br#"[
///     {"bn": "urn:dev:DEVEUI:0059AC0000181EB6:", "bt": 1.58565075E9},
///     {"n": "temperature", "u": "Cel", "v": 21.50},
///     {"n": "button", "vb": true, "t": -5}
/// ]"#;
/// let resolved = Resolver::new(1_700_000_000.0).resolve_json(pack)?;
/// let [temperature, button] = resolved.measurements() else { panic!("not two measurements") };
/// assert_eq!(temperature.name(), "urn:dev:DEVEUI:0059AC0000181EB6:temperature");
/// assert_eq!(temperature.value(), Some(&Value::Number("21.50".parse()?)));
/// assert_eq!(temperature.unit(), Some("Cel"));
/// assert_eq!(button.time().as_str(), "1585650745");
/// assert_eq!(button.record(), 2);
/// # Ok::<(), things_senml::Error>(())
/// ```
#[derive(Clone)]
pub struct Resolver {
    now: Number,
    lenient: bool,
    understood: Vec<String>,
}

impl Resolver {
    /// Creates a strict resolver. `now` is in seconds since 1970: relative times are added to it, and a record without a time
    /// has it as its time (section 4.5.3).
    ///
    /// A `now` that is not finite counts as 0.
    pub fn new(now: f64) -> Self {
        Self::at(Number::try_from(now).unwrap_or(Number::from(0)))
    }

    /// Creates a strict resolver like [`new`](Self::new), with a `now` whose digits are kept.
    pub fn at(now: Number) -> Self {
        Self { now, lenient: false, understood: Vec::new() }
    }

    /// Sets whether the resolver tolerates what devices and services really send, and reports each use in
    /// [`Resolved::leniencies`]:
    ///
    /// - A string value that is a finite JSON number, such as `"vs":"33.0"`, is read as a number. The number keeps the
    ///   characters of the string. So nothing is lost if the string was, for example, a payload in hex. While a base value
    ///   (`bv`) is in force the string stays a string, because nothing shows whether the number already contains it.
    /// - A secondary unit (RFC 8798) may be in a pack of any version.
    pub fn lenient(mut self, yes: bool) -> Self {
        self.lenient = yes;
        self
    }

    /// Adds fields ending in `_` that the caller understands. Any other such field is an error (section 4.4), and these are in
    /// [`Measurement::extra`].
    pub fn understood(mut self, fields: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.understood.extend(fields.into_iter().map(Into::into));
        self
    }

    /// Reads and resolves a pack in JSON. A leading byte order mark is skipped.
    ///
    /// # Errors
    ///
    /// Returns an error that names the first wrong record. Its [kind](Error::kind) shows what is wrong.
    pub fn resolve_json(&self, json: &[u8]) -> Result<Resolved, Error> {
        // A short record has about 40 bytes.
        let mut pass = Pass::new(self, json.len() / 40);
        json::read::pack(json, &mut pass)?;
        pass.finish()
    }

    /// Reads and resolves a pack in CBOR (section 6). Integers, floating-point numbers of all widths, big integers and decimal
    /// fractions are numbers. Arrays, maps and strings may be of unknown length.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`resolve_json`](Self::resolve_json).
    #[cfg(feature = "cbor")]
    pub fn resolve_cbor(&self, cbor: &[u8]) -> Result<Resolved, Error> {
        // A short record has about 16 bytes.
        let mut pass = Pass::new(self, cbor.len() / 16);
        crate::cbor::read(cbor, &mut pass)?;
        pass.finish()
    }
}

/// Shows the settings.
impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver")
            .field("now", &self.now)
            .field("lenient", &self.lenient)
            .field("understood", &self.understood)
            .finish()
    }
}

/// A resolved pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    version: u64,
    base_name: Option<String>,
    base_time: Option<Number>,
    records: usize,
    measurements: Vec<Measurement>,
    leniencies: Vec<Leniency>,
}

impl Resolved {
    /// The measurements, in the order of their records. A record of base fields alone is not a measurement.
    pub fn measurements(&self) -> &[Measurement] {
        &self.measurements
    }

    /// Takes the measurements out.
    pub fn into_measurements(self) -> Vec<Measurement> {
        self.measurements
    }

    /// What a lenient resolver tolerated. Empty if the resolver is strict.
    pub fn leniencies(&self) -> &[Leniency] {
        &self.leniencies
    }

    /// The version of SenML (`bver`): 10 unless the pack has another one.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The first base name (`bn`) of the pack, also if the pack has no measurements.
    pub fn base_name(&self) -> Option<&str> {
        self.base_name.as_deref()
    }

    /// The first base time (`bt`) of the pack, as it was written.
    pub fn base_time(&self) -> Option<&Number> {
        self.base_time.as_ref()
    }

    /// Returns a pack of the resolved records, in chronological order (section 4.6). Each has its full name and its absolute time,
    /// and the version if that is not 10.
    ///
    /// # Errors
    ///
    /// Returns [`ErrorKind::Empty`](crate::ErrorKind::Empty) if there are no measurements, and
    /// [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) if the JSON has more than [`Pack::MAX_BYTES`].
    pub fn to_pack(&self) -> Result<Pack, Error> {
        let mut in_order: Vec<_> = self.measurements.iter().collect();
        in_order.sort_by(|one, other| one.time().as_f64().total_cmp(&other.time().as_f64()));
        let version = (self.version != bases::VERSION).then(|| Number::from(self.version));
        let mut json = String::from("[");
        for measurement in in_order {
            if json.len() > 1 {
                json.push(',');
            }
            json::encode::record(&measurement.to_record(version.clone()), &mut json);
        }
        json.push(']');
        Pack::of_records(json, self.measurements.len())
    }

    /// The number of records, those of base fields alone included.
    pub fn records(&self) -> usize {
        self.records
    }
}

#[cfg(test)]
mod tests;
