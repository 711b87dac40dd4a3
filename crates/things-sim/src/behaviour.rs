//! The choices of a simulator where the real service's behaviour is unknown or varies.

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
    /// This value, whatever the real lifetime is.
    Verbatim(Value),
}

/// The field `sort` of a page. Its shape differs by version of Spring Data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortShape {
    /// An array of orders, as in KPN's sample.
    #[default]
    Array,
    /// `null`.
    Null,
    /// `{"sorted":true,"unsorted":false,"empty":false}`, as newer versions of Spring Data write it.
    Object,
}

/// All choices of one simulator.
#[derive(Debug, Clone)]
pub(crate) struct Behaviour {
    /// The key has the service KPN Things.
    pub(crate) access: bool,
    pub(crate) token_life: Duration,
    pub(crate) expires_in: ExpiresIn,
    pub(crate) page_size_cap: Option<usize>,
    pub(crate) sort_shape: SortShape,
    pub(crate) downlink_answer: DownlinkAnswer,
    pub(crate) switch_answer: SwitchAnswer,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            access: true,
            token_life: Duration::from_secs(3600),
            expires_in: ExpiresIn::default(),
            page_size_cap: None,
            sort_shape: SortShape::default(),
            downlink_answer: DownlinkAnswer::default(),
            switch_answer: SwitchAnswer::default(),
        }
    }
}
