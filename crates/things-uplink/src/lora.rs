//! A raw uplink of a LoRa device.

use std::fmt;

use things_senml::{Measurement, Time, Value};

use crate::error::{FieldError, FieldErrorKind};
use crate::fields::Fields;
use crate::hex::{self, NotHex};

/// A raw uplink of a LoRa device: the payload, and what the network reports about it.
///
/// A field that is not in the message is `None`. A field that cannot be read is an error that names its record, and all
/// others stay readable. The names of the records were seen in messages of KPN Things; KPN does not document them.
#[derive(Clone, Copy)]
pub struct Lora<'u>(pub(crate) Fields<'u>);

pub(crate) const PAYLOAD: &str = "payload";

/// The names of the records that are part of a raw uplink.
pub(crate) const NAMES: [&str; 10] =
    [PAYLOAD, "port", "FCntUp", "FCntDn", "LrrRSSI", "LrrSNR", "LrrESP", "SpFact", "SubBand", "timeOrigin"];

impl<'u> Lora<'u> {
    /// The bytes of the payload, from hex digits of either case.
    ///
    /// # Errors
    ///
    /// Returns an error if the payload is not hex, or if there are several.
    pub fn payload(&self) -> Result<Vec<u8>, FieldError> {
        let text = self.0.text(PAYLOAD)?.unwrap_or_default();
        hex::decode(text).map_err(|error| {
            let why = match error {
                NotHex::At(at) => FieldErrorKind::NotHex { at },
                NotHex::Odd(digits) => FieldErrorKind::OddHex { digits },
            };
            self.0.error(PAYLOAD, why)
        })
    }

    /// The LoRaWAN port (`port`), 0 to 255, which may be written as `1.0`.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not a whole number from 0 to 255.
    pub fn port(&self) -> Result<Option<u8>, FieldError> {
        let port = self.0.whole("port", u8::MAX.into())?;
        Ok(port.and_then(|port| u8::try_from(port).ok()))
    }

    /// The uplink frame counter (`FCntUp`).
    ///
    /// # Errors
    ///
    /// Returns an error if it is not a whole number of 32 bits.
    pub fn frame_counter_up(&self) -> Result<Option<u32>, FieldError> {
        self.0.whole("FCntUp", u32::MAX)
    }

    /// The downlink frame counter (`FCntDn`).
    ///
    /// # Errors
    ///
    /// Returns an error if it is not a whole number of 32 bits.
    pub fn frame_counter_down(&self) -> Result<Option<u32>, FieldError> {
        self.0.whole("FCntDn", u32::MAX)
    }

    /// The received signal strength at the gateway (`LrrRSSI`), as it was reported.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not a number.
    pub fn rssi(&self) -> Result<Option<f64>, FieldError> {
        self.0.number("LrrRSSI")
    }

    /// The signal-to-noise ratio at the gateway (`LrrSNR`), as it was reported.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not a number.
    pub fn snr(&self) -> Result<Option<f64>, FieldError> {
        self.0.number("LrrSNR")
    }

    /// The estimated signal power at the gateway (`LrrESP`), as it was reported.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not a number.
    pub fn esp(&self) -> Result<Option<f64>, FieldError> {
        self.0.number("LrrESP")
    }

    /// The spreading factor (`SpFact`), as it was reported.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not a whole number from 0 to 255.
    pub fn spreading_factor(&self) -> Result<Option<u8>, FieldError> {
        let factor = self.0.whole("SpFact", u8::MAX.into())?;
        Ok(factor.and_then(|factor| u8::try_from(factor).ok()))
    }

    /// The sub-band (`SubBand`), uninterpreted.
    ///
    /// # Errors
    ///
    /// Returns an error if there are several.
    pub fn sub_band(&self) -> Result<Option<&'u Value>, FieldError> {
        self.0.value("SubBand")
    }

    /// Where the time comes from (`timeOrigin`), uninterpreted.
    ///
    /// # Errors
    ///
    /// Returns an error if there are several.
    pub fn time_origin(&self) -> Result<Option<&'u Value>, FieldError> {
        self.0.value("timeOrigin")
    }

    /// The time of the payload.
    ///
    /// # Errors
    ///
    /// Returns an error if there are several payloads.
    pub fn time(&self) -> Result<Option<&'u Time>, FieldError> {
        Ok(self.0.find(PAYLOAD)?.map(Measurement::time))
    }

    /// Name and measurement of every other record of the device next to payload and port, known or not.
    pub fn metadata(&self) -> impl Iterator<Item = (&'u str, &'u Measurement)> + use<'u> {
        self.0.all().filter(|(name, _)| !matches!(*name, PAYLOAD | "port"))
    }
}

/// Shows the port, not the payload.
impl fmt::Debug for Lora<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lora").field("port", &self.port()).finish_non_exhaustive()
    }
}
