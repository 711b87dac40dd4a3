//! Devices of your own, which post SenML to the ingestion endpoint.

use crate::random::{Random, seed_for};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

const ALPHABET: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A device of your own: it posts to `/ingestion/ip/senml/v1`, and signs with its own secret. `Debug` does not show the
/// secret.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnDevice {
    /// The UUID in its base name, `urn:dev:DVNUUID:<uuid>:`.
    pub uuid: String,
    /// The secret: 30 to 100 letters and digits.
    pub secret: String,
}

impl OwnDevice {
    /// The device that a simulator has by default.
    pub(crate) fn from_seed(seed: u64) -> Self {
        let mut random = Random::new(seed_for(seed, "own-device"));
        Self { uuid: random.uuid(), secret: random.text(ALPHABET, 40) }
    }

    /// Checks the secret against `^[0-9a-zA-Z]{30,100}$`, as KPN documents it.
    ///
    /// # Errors
    ///
    /// Returns the reason. It does not contain the secret.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { uuid, secret } = self;
        let valid = (30..=100).contains(&secret.len()) && secret.bytes().all(|b| b.is_ascii_alphanumeric());
        if uuid.is_empty() || uuid.contains([':', ' ']) {
            return Err(format!("`{}` is not the UUID of a device", uuid.escape_debug()));
        }
        match valid {
            true => Ok(()),
            false => Err(format!("the secret of the device {uuid} must have 30 to 100 letters and digits")),
        }
    }
}

impl fmt::Debug for OwnDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnDevice").field("uuid", &self.uuid).field("secret", &"***").finish()
    }
}

/// The devices of your own of one tenant.
pub(crate) struct OwnDevices(Mutex<BTreeMap<String, State>>);

struct State {
    secret: String,
    /// The downlink in the response to the next pack.
    downlink: Option<Vec<u8>>,
}

impl OwnDevices {
    pub(crate) fn new(devices: &[OwnDevice]) -> Self {
        let own = Self(Mutex::default());
        devices.iter().for_each(|device| own.add(device.clone()));
        own
    }

    /// Adds a device. A device with the same UUID is replaced.
    pub(crate) fn add(&self, OwnDevice { uuid, secret }: OwnDevice) {
        self.state().insert(uuid, State { secret, downlink: None });
    }

    pub(crate) fn list(&self) -> Vec<OwnDevice> {
        let device =
            |(uuid, state): (&String, &State)| OwnDevice { uuid: uuid.clone(), secret: state.secret.clone() };
        self.state().iter().map(device).collect()
    }

    pub(crate) fn secret(&self, uuid: &str) -> Option<String> {
        self.state().get(uuid).map(|device| device.secret.clone())
    }

    /// Sets the downlink in the response to the next pack of a device. Returns false if there is no such device.
    pub(crate) fn set_downlink(&self, uuid: &str, downlink: Vec<u8>) -> bool {
        let mut devices = self.state();
        let device = devices.get_mut(uuid);
        device.map(|device| device.downlink = Some(downlink)).is_some()
    }

    /// Returns the downlink of a device, once.
    pub(crate) fn take_downlink(&self, uuid: &str) -> Option<Vec<u8>> {
        self.state().get_mut(uuid)?.downlink.take()
    }

    fn state(&self) -> MutexGuard<'_, BTreeMap<String, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_device_is_valid_and_shows_no_secret() {
        let device = OwnDevice::from_seed(5);
        device.check().unwrap();
        assert_eq!(device, OwnDevice::from_seed(5));
        assert!(!format!("{device:?}").contains(&device.secret));
    }

    #[test]
    fn a_wrong_secret_is_refused_without_showing_it() {
        for secret in ["short".to_owned(), "a".repeat(101), format!("{}-", "a".repeat(40))] {
            let error = OwnDevice { uuid: "u-1".to_owned(), secret: secret.clone() }.check().unwrap_err();
            assert!(error.contains("u-1") && !error.contains(&secret), "{error}");
        }
        assert!(OwnDevice { uuid: String::new(), secret: "a".repeat(40) }.check().is_err());
    }
}
