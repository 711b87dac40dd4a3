//! Decides when a call is retried, after how long, and when not. These are pure functions.

use std::time::Duration;

use crate::status::{Meaning, Retry};
use crate::transport::TransportErrorKind;

/// The effect of a retry on the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Replay {
    /// The call only reads, so it can be retried at any time.
    Safe,
    /// Two calls have the same effect as one, so the call is retried on failure.
    Idempotent,
    /// Each call has an effect of its own, like a downlink. It is retried only if the service provably did not process
    /// the first attempt.
    Never,
}

/// The reason why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There was no usable response.
    Transport(TransportErrorKind),
    /// There was a response with this meaning, and perhaps a `Retry-After`.
    Status(Meaning, Option<Duration>),
}

impl Failure {
    /// Whether the service may have acted on the request. It has not if nothing could be sent, or if the status proves
    /// it.
    pub(crate) fn may_have_acted(self) -> bool {
        match self {
            Self::Transport(kind) => !kind.is_unsent(),
            Self::Status(meaning, _) => meaning.may_have_acted(),
        }
    }

    /// The wait that the service requested, if it had no room for the request.
    pub(crate) fn asked_wait(self) -> Option<Duration> {
        match self {
            Self::Status(meaning, wait) if meaning.is_throttled() => wait,
            _ => None,
        }
    }
}

/// The decision after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Retry after this long.
    After(Duration),
    /// Do not retry.
    Stop(Stop),
}

/// The reason why a call is not retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stop {
    /// A retry would get the same response.
    Final,
    /// The call may have been processed, and must not be processed twice.
    MayHaveArrived,
    /// All attempts are used up.
    AttemptsExhausted,
    /// The server requests a wait of more than [`RetryPolicy::max_retry_after`].
    RetryAfterTooLong,
    /// The session has used up its retry budget of one retry per six calls.
    BudgetExhausted,
    /// The next attempt could not start before the deadline.
    Deadline,
}

/// The number of attempts per call, and the waits between them.
///
/// The wait doubles from `base_delay` up to `max_delay`, with full jitter over its upper half. It is never shorter than
/// the server's `Retry-After`.
///
/// End a literal with `..Default::default()`, because later versions may add fields.
///
/// ```
/// use things_core::RetryPolicy;
///
/// let once = RetryPolicy { max_attempts: 1, ..Default::default() };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Maximum number of attempts per call, including the first: 3 by default, at least 1.
    pub max_attempts: u32,
    /// The wait before the second attempt: 200 ms by default.
    pub base_delay: Duration,
    /// The longest wait that the client itself chooses: 10 s by default.
    pub max_delay: Duration,
    /// The longest `Retry-After` that the client waits for: 120 s by default. A longer one ends the call with an error
    /// that contains it.
    pub max_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            base_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(10),
            max_retry_after: Duration::from_secs(120),
        }
    }
}

impl RetryPolicy {
    /// Returns why no call can be made under this policy.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        (self.max_attempts == 0).then_some("the number of attempts is 0: nothing could be sent")
    }

    /// Decides after attempt number `attempt` (from 1) of a call. `jitter` is from 0 to 1.
    ///
    /// | failure | `Safe`, `Idempotent` | `Never` |
    /// |---|---|---|
    /// | could not connect | retry | retry: nothing was sent |
    /// | the proxy refused | stop | stop |
    /// | timeout, interrupted | retry | stop: it may have arrived |
    /// | response too large, other | stop | stop |
    /// | 429, 503 with `Retry-After` | retry | retry: rejected before processing |
    /// | 408, 500, 502, 503, 504 | retry | stop: it may have arrived |
    /// | any other status | stop | stop |
    pub(crate) fn decide(&self, replay: Replay, attempt: u32, failure: Failure, jitter: f64) -> Decision {
        if let Some(stop) = no_retry(replay, failure) {
            return Decision::Stop(stop);
        }
        let asked = match failure {
            Failure::Status(_, asked) => asked.unwrap_or_default(),
            Failure::Transport(_) => Duration::ZERO,
        };
        if asked > self.max_retry_after {
            return Decision::Stop(Stop::RetryAfterTooLong);
        }
        if attempt >= self.max_attempts {
            return Decision::Stop(Stop::AttemptsExhausted);
        }
        Decision::After(self.backoff(attempt, jitter).max(asked))
    }

    /// The wait after attempt number `attempt` (from 1), between half and all of the doubled delay.
    fn backoff(&self, attempt: u32, jitter: f64) -> Duration {
        let doublings = attempt.saturating_sub(1).min(20);
        let delay = self.base_delay.saturating_mul(1 << doublings).min(self.max_delay);
        // The largest possible delay can be rounded up to more than `Duration` holds.
        let share = 0.5 + 0.5 * jitter.clamp(0.0, 1.0);
        Duration::try_from_secs_f64(delay.as_secs_f64() * share).map_or(delay, |wait| wait.min(delay))
    }
}

/// Returns why a failure is never followed by a retry, whatever the number of attempts.
fn no_retry(replay: Replay, failure: Failure) -> Option<Stop> {
    use TransportErrorKind::{Connect, HeadTooLarge, Interrupted, Other, ProxyRefused, Timeout, TooLarge};
    let retry = match failure {
        Failure::Transport(Connect | Timeout | Interrupted) => Retry::Useful,
        Failure::Transport(ProxyRefused | TooLarge | HeadTooLarge | Other) => Retry::Useless,
        Failure::Status(meaning, _) => meaning.retry(),
    };
    match replay {
        Replay::Never if failure.may_have_acted() => Some(Stop::MayHaveArrived),
        _ if retry == Retry::Useless => Some(Stop::Final),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use proptest::prelude::*;

    use super::*;
    use crate::stage::Stage;

    const POLICY: RetryPolicy = RetryPolicy {
        max_attempts: 3,
        base_delay: Duration::from_millis(200),
        max_delay: Duration::from_secs(10),
        max_retry_after: Duration::from_secs(120),
    };

    fn status(code: u16, retry_after: Option<u64>) -> Failure {
        let status = StatusCode::from_u16(code).unwrap();
        let meaning = Meaning::of(status, Stage::Call, retry_after.is_some());
        Failure::Status(meaning, retry_after.map(Duration::from_secs))
    }

    fn repeats(replay: Replay, failure: Failure) -> bool {
        matches!(POLICY.decide(replay, 1, failure, 0.0), Decision::After(_))
    }

    #[test]
    fn a_downlink_is_repeated_only_where_it_was_not_processed() {
        use TransportErrorKind::*;
        assert!(repeats(Replay::Never, Failure::Transport(Connect)));
        let refused = POLICY.decide(Replay::Never, 1, Failure::Transport(ProxyRefused), 0.0);
        assert_eq!(refused, Decision::Stop(Stop::Final));
        assert!(repeats(Replay::Never, status(429, None)));
        assert!(repeats(Replay::Never, status(503, Some(1))));
        for kind in [Timeout, Interrupted, TooLarge, Other] {
            let decision = POLICY.decide(Replay::Never, 1, Failure::Transport(kind), 0.0);
            assert_eq!(decision, Decision::Stop(Stop::MayHaveArrived), "{kind:?}");
        }
        for code in [408, 500, 502, 503, 504] {
            let decision = POLICY.decide(Replay::Never, 1, status(code, None), 0.0);
            assert_eq!(decision, Decision::Stop(Stop::MayHaveArrived), "{code}");
        }
        for code in [302, 400, 401, 403, 404, 409] {
            assert_eq!(POLICY.decide(Replay::Never, 1, status(code, None), 0.0), Decision::Stop(Stop::Final));
        }
    }

    #[test]
    fn a_read_is_repeated_where_the_next_try_may_succeed() {
        use TransportErrorKind::*;
        for kind in [Connect, Timeout, Interrupted] {
            assert!(repeats(Replay::Safe, Failure::Transport(kind)), "{kind:?}");
        }
        for kind in [TooLarge, Other] {
            assert!(!repeats(Replay::Safe, Failure::Transport(kind)), "{kind:?}");
        }
        for code in [408, 429, 500, 502, 503, 504] {
            assert!(repeats(Replay::Idempotent, status(code, None)), "{code}");
        }
        for code in [302, 304, 400, 401, 403, 404, 501] {
            assert!(!repeats(Replay::Safe, status(code, None)), "{code}");
        }
    }

    #[test]
    fn whatever_may_have_acted_is_never_repeated_for_a_downlink() {
        for code in 100..600 {
            for failure in [status(code, None), status(code, Some(1))] {
                if failure.may_have_acted() {
                    assert!(!repeats(Replay::Never, failure), "{failure:?}");
                }
            }
        }
    }

    #[test]
    fn only_what_was_refused_before_it_was_processed_did_not_act() {
        use TransportErrorKind::*;
        assert!(!Failure::Transport(Connect).may_have_acted());
        assert!(!Failure::Transport(ProxyRefused).may_have_acted());
        for kind in [Timeout, Interrupted, TooLarge, Other] {
            assert!(Failure::Transport(kind).may_have_acted(), "{kind:?}");
        }
        for code in [302, 400, 401, 403, 404, 409, 429] {
            assert!(!status(code, None).may_have_acted(), "{code}");
        }
        for code in [200, 301, 307, 408, 500, 502, 503, 504] {
            assert!(status(code, None).may_have_acted(), "{code}");
        }
        assert!(!status(503, Some(1)).may_have_acted());
    }

    #[test]
    fn attempts_run_out() {
        assert!(matches!(POLICY.decide(Replay::Safe, 2, status(500, None), 0.0), Decision::After(_)));
        let third = POLICY.decide(Replay::Safe, 3, status(500, None), 0.0);
        assert_eq!(third, Decision::Stop(Stop::AttemptsExhausted));
    }

    #[test]
    fn delays_double_and_are_jittered_over_their_upper_half() {
        assert_eq!(POLICY.backoff(1, 0.0), Duration::from_millis(100));
        assert_eq!(POLICY.backoff(1, 1.0), Duration::from_millis(200));
        assert_eq!(POLICY.backoff(3, 1.0), Duration::from_millis(800));
        assert_eq!(POLICY.backoff(40, 1.0), Duration::from_secs(10));
    }

    #[test]
    fn retry_after_is_waited_for_up_to_the_cap() {
        let at_cap = POLICY.decide(Replay::Safe, 1, status(503, Some(120)), 0.0);
        assert_eq!(at_cap, Decision::After(Duration::from_secs(120)));
        let above = POLICY.decide(Replay::Safe, 1, status(503, Some(121)), 0.0);
        assert_eq!(above, Decision::Stop(Stop::RetryAfterTooLong));
        let zero = POLICY.decide(Replay::Safe, 1, status(503, Some(0)), 1.0);
        assert_eq!(zero, Decision::After(Duration::from_millis(200)));
    }

    #[test]
    fn a_policy_of_endless_delays_waits_without_end() {
        let policy = RetryPolicy { base_delay: Duration::MAX, max_delay: Duration::MAX, ..POLICY };
        let failure = Failure::Transport(TransportErrorKind::Connect);
        for jitter in [1.0, f64::NAN, f64::INFINITY] {
            let decision = policy.decide(Replay::Safe, 1, failure, jitter);
            assert_eq!(decision, Decision::After(Duration::MAX), "{jitter}");
        }
    }

    proptest! {
        #[test]
        fn a_wait_is_at_least_what_the_server_asks(code in 100_u16..600, asked in 0_u64..200, jitter in 0.0..=1.0, attempt in 1_u32..5) {
            if let Decision::After(wait) = POLICY.decide(Replay::Safe, attempt, status(code, Some(asked)), jitter) {
                prop_assert!(wait >= Duration::from_secs(asked));
                prop_assert!(wait <= POLICY.max_retry_after);
            }
        }
    }
}
