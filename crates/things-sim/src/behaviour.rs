//! The choices of a simulator where the real service's behaviour is unknown or varies.

use crate::current::CurrentBehaviour;
use crate::quirk::{ListingBehaviour, Retirement};
use serde_json::Value;
use std::time::Duration;

/// The response to an accepted downlink. KPN's response is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DownlinkAnswer {
    /// 201 and an object.
    #[default]
    CreatedObject,
    /// 200 and an object.
    OkObject,
    /// 201 and an empty body.
    CreatedEmpty,
    /// 204.
    NoContent,
    /// 202 and the plain text `Accepted`.
    AcceptedText,
}

/// The response to a context switch. KPN's response is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SwitchAnswer {
    /// 200 and an object.
    #[default]
    OkObject,
    /// 200 and an empty body.
    OkEmpty,
    /// 204.
    NoContent,
}

/// The field `expires_in` of a token response.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum ExpiresIn {
    /// Seconds as a number: `"expires_in":3600`.
    #[default]
    Number,
    /// Seconds as text: `"expires_in":"3600"`.
    Text,
    /// The field is absent.
    Absent,
    /// This value, whatever the real lifetime.
    Verbatim(Value),
}

/// All choices of one simulator.
#[derive(Debug, Clone)]
pub(crate) struct Behaviour {
    /// Whether the key has access to the service KPN Things.
    pub(crate) access: bool,
    pub(crate) token_life: Duration,
    pub(crate) expires_in: ExpiresIn,
    pub(crate) downlink_answer: DownlinkAnswer,
    /// Whether a downlink must be for a device of the fleet.
    pub(crate) strict_devices: bool,
    pub(crate) switch_answer: SwitchAnswer,
    pub(crate) listing: ListingBehaviour,
    pub(crate) current: CurrentBehaviour,
    pub(crate) retirement: Retirement,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            access: true,
            token_life: Duration::from_secs(3600),
            expires_in: ExpiresIn::default(),
            downlink_answer: DownlinkAnswer::default(),
            strict_devices: false,
            switch_answer: SwitchAnswer::default(),
            listing: ListingBehaviour::default(),
            current: CurrentBehaviour::default(),
            retirement: Retirement::default(),
        }
    }
}
