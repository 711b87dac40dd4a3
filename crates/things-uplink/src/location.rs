//! A location of a device.

use std::fmt;
use std::time::{Duration, SystemTime};

use things_senml::Value;

use crate::error::{FieldError, FieldErrorKind};
use crate::fields::Fields;

/// A location of a device.
///
/// A field that is not in the message is `None`. The names of the records were seen in messages of KPN Things; KPN does not
/// document them.
#[derive(Clone, Copy)]
pub struct Location<'u>(pub(crate) Fields<'u>);

/// The names of the records that are part of a location.
pub(crate) const NAMES: [&str; 7] =
    ["latitude", "longitude", "radius", "locMethod", "locAccuracy", LOC_TIME, "locOrigin"];

const LOC_TIME: &str = "locTime";

impl<'u> Location<'u> {
    /// The latitude in degrees, -90 to 90.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not a number, or beyond a pole.
    pub fn latitude(&self) -> Result<Option<f64>, FieldError> {
        self.0.within("latitude", 90.0)
    }

    /// The longitude in degrees, -180 to 180.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not a number, or out of range.
    pub fn longitude(&self) -> Result<Option<f64>, FieldError> {
        self.0.within("longitude", 180.0)
    }

    /// The radius, as it was reported. [`Uplink::measurements`](crate::Uplink::measurements) has its unit.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not a number.
    pub fn radius(&self) -> Result<Option<f64>, FieldError> {
        self.0.number("radius")
    }

    /// When the device was there (`locTime`): seconds since 1970 as a number, or milliseconds as a text.
    ///
    /// Both forms are in use, the text in older messages. Seconds are rounded to microseconds, because a double has no more.
    ///
    /// # Errors
    ///
    /// Returns an error if it is neither, or a time that the system cannot represent.
    pub fn time(&self) -> Result<Option<SystemTime>, FieldError> {
        let Some(measurement) = self.0.find(LOC_TIME)? else { return Ok(None) };
        let error = |why| FieldError::new(measurement.record(), LOC_TIME, why);
        let since_1970 = match measurement.value() {
            Some(Value::Number(number)) if !self.0.was_text(measurement) => {
                let microseconds = (number.to_f64() * 1e6).round();
                // Casts of floats saturate, and what is out of range is refused below.
                (0.0..1e18).contains(&microseconds).then(|| Duration::from_micros(microseconds as u64))
            }
            Some(Value::Number(number)) => number.as_str().parse().ok().map(Duration::from_millis),
            Some(Value::String(text)) => text.parse().ok().map(Duration::from_millis),
            _ => return Err(error(FieldErrorKind::NotNumber)),
        };
        let time = since_1970.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
        time.map(Some).ok_or(error(FieldErrorKind::OutOfRange))
    }

    /// How the location was found (`locMethod`), uninterpreted.
    ///
    /// # Errors
    ///
    /// Returns an error if there are several.
    pub fn method(&self) -> Result<Option<&'u Value>, FieldError> {
        self.0.value("locMethod")
    }

    /// The accuracy (`locAccuracy`), uninterpreted.
    ///
    /// # Errors
    ///
    /// Returns an error if there are several.
    pub fn accuracy(&self) -> Result<Option<&'u Value>, FieldError> {
        self.0.value("locAccuracy")
    }

    /// Where the location comes from (`locOrigin`), uninterpreted.
    ///
    /// # Errors
    ///
    /// Returns an error if there are several.
    pub fn origin(&self) -> Result<Option<&'u Value>, FieldError> {
        self.0.value("locOrigin")
    }
}

/// Shows no coordinates.
impl fmt::Debug for Location<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Location").finish_non_exhaustive()
    }
}
