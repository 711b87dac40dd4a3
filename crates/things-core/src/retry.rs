//! When a call is repeated, after how long, and when not: pure decisions.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};

use crate::error::TransportErrorKind;
use crate::moment::Moment;

/// What repeating a call can do to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Replay {
    /// Reads only: repeat as often as you like.
    Safe,
    /// Twice does what once does: repeat on failure.
    Idempotent,
    /// Twice does twice, as a downlink does: repeated only where it is proven that the first was not processed.
    Never,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// There was no usable answer.
    Transport(TransportErrorKind),
    /// There was an answer with this status, and perhaps a `Retry-After`.
    Status(StatusCode, Option<Duration>),
}

/// What to do after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Repeat after this long.
    After(Duration),
    /// Do not repeat.
    Stop(Stop),
}

/// Why a call is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stop {
    /// Repeating would not change the answer.
    Final,
    /// The call may have been processed, and must not be processed twice.
    MayHaveArrived,
    /// All attempts are used up.
    AttemptsExhausted,
    /// The server asks to wait longer than [`RetryPolicy::max_retry_after`].
    RetryAfterTooLong,
    /// The session has spent its retries; see [`RetryBudget`].
    BudgetExhausted,
    /// The deadline comes before the next attempt could start.
    Deadline,
}

/// How often a call is tried, and how long to wait in between.
///
/// Waiting doubles from `base_delay` up to `max_delay`, with full jitter over its upper half, and is never
/// shorter than the server's `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Most attempts at one call, the first included: 3 by default, at least 1.
    pub max_attempts: u32,
    /// Wait before the second attempt: 200 ms by default.
    pub base_delay: Duration,
    /// Longest wait that we choose ourselves: 10 s by default.
    pub max_delay: Duration,
    /// Longest `Retry-After` that is waited for: 120 s by default. A longer one ends the call with an error that carries it.
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
    /// Decides after attempt number `attempt` (from 1) at a call. `jitter` is from 0 to 1.
    ///
    /// | failure | `Safe`, `Idempotent` | `Never` |
    /// |---|---|---|
    /// | could not connect | repeat | repeat: nothing was sent |
    /// | timeout, interrupted | repeat | stop: it may have arrived |
    /// | answer too large, other | stop | stop |
    /// | 429, 503 with `Retry-After` | repeat | repeat: refused before processing |
    /// | 408, 500, 502, 503, 504 | repeat | stop: it may have arrived |
    /// | any other status | stop | stop |
    pub fn decide(&self, replay: Replay, attempt: u32, failure: Failure, jitter: f64) -> Decision {
        if let Some(stop) = no_repeat(replay, failure) {
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
        // The longest of all delays can be rounded up to more than there is.
        let share = 0.5 + 0.5 * jitter.clamp(0.0, 1.0);
        Duration::try_from_secs_f64(delay.as_secs_f64() * share).map_or(delay, |wait| wait.min(delay))
    }
}

/// Why a failure is never followed by a repeat, whatever the number of attempts.
fn no_repeat(replay: Replay, failure: Failure) -> Option<Stop> {
    use TransportErrorKind::{Connect, HeadTooLarge, Interrupted, Other, Timeout, TooLarge};
    match (failure, replay) {
        (Failure::Transport(Connect), _) => None,
        (Failure::Transport(Timeout | Interrupted), Replay::Safe | Replay::Idempotent) => None,
        (Failure::Transport(TooLarge | HeadTooLarge | Other), Replay::Safe | Replay::Idempotent) => {
            Some(Stop::Final)
        }
        (Failure::Transport(_), Replay::Never) => Some(Stop::MayHaveArrived),
        (Failure::Status(status, retry_after), _) => match (status.as_u16(), replay) {
            (429, _) => None,
            (503, _) if retry_after.is_some() => None,
            (408 | 500 | 502 | 503 | 504, Replay::Safe | Replay::Idempotent) => None,
            (_, Replay::Never) if may_have_processed(status, retry_after) => Some(Stop::MayHaveArrived),
            _ => Some(Stop::Final),
        },
    }
}

/// Whether the failure leaves open that the service acted on the call.
///
/// Proven not to have acted: nothing could be sent; the documented rejection of a token (302); a client error,
/// for HTTP says that the request was refused (408 excepted, which gateways answer after forwarding); and 503
/// that says when to come back.
pub fn may_have_acted(failure: Failure) -> bool {
    match failure {
        Failure::Transport(kind) => kind != TransportErrorKind::Connect,
        Failure::Status(status, retry_after) => may_have_processed(status, retry_after),
    }
}

fn may_have_processed(status: StatusCode, retry_after: Option<Duration>) -> bool {
    match status.as_u16() {
        302 => false,
        408 => true,
        400..=499 => false,
        503 => retry_after.is_none(),
        _ => true,
    }
}

/// Reads `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.
///
/// A date is measured against the answer's own `Date`, so that a wrong local clock does no harm, and against
/// `now` if there is none. What is neither is ignored; a date in the past is zero.
pub fn retry_after(headers: &HeaderMap, now: Moment) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let sent = headers.get(DATE).and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok());
    Some(date.duration_since(sent.unwrap_or(now.wall())).unwrap_or_default())
}

/// Keeps the retries of a whole session below a sixth of its calls while the service is down.
///
/// Every call puts one unit in, every retry takes six out. A session starts with enough for 20 retries and
/// never saves up more than 100.
#[derive(Debug)]
pub struct RetryBudget(AtomicU32);

const RETRY_COST: u32 = 6;

impl Default for RetryBudget {
    fn default() -> Self {
        Self(AtomicU32::new(20 * RETRY_COST))
    }
}

impl RetryBudget {
    /// Counts one call.
    pub fn deposit(&self) {
        self.update(|units| (units < 100 * RETRY_COST).then_some(units + 1));
    }

    /// Takes one retry out, if there is one.
    pub fn withdraw(&self) -> bool {
        self.update(|units| units.checked_sub(RETRY_COST))
    }

    fn update(&self, change: impl FnMut(u32) -> Option<u32>) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        max_attempts: 3,
        base_delay: Duration::from_millis(200),
        max_delay: Duration::from_secs(10),
        max_retry_after: Duration::from_secs(120),
    };

    fn status(code: u16, retry_after: Option<u64>) -> Failure {
        Failure::Status(StatusCode::from_u16(code).unwrap(), retry_after.map(Duration::from_secs))
    }

    fn repeats(replay: Replay, failure: Failure) -> bool {
        matches!(POLICY.decide(replay, 1, failure, 0.0), Decision::After(_))
    }

    #[test]
    fn a_downlink_is_repeated_only_where_it_was_not_processed() {
        use TransportErrorKind::*;
        assert!(repeats(Replay::Never, Failure::Transport(Connect)));
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
                if may_have_acted(failure) {
                    assert!(!repeats(Replay::Never, failure), "{failure:?}");
                }
            }
        }
    }

    #[test]
    fn only_what_was_refused_before_it_was_processed_did_not_act() {
        use TransportErrorKind::*;
        assert!(!may_have_acted(Failure::Transport(Connect)));
        for kind in [Timeout, Interrupted, TooLarge, Other] {
            assert!(may_have_acted(Failure::Transport(kind)), "{kind:?}");
        }
        for code in [302, 400, 401, 403, 404, 409, 429] {
            assert!(!may_have_acted(status(code, None)), "{code}");
        }
        for code in [200, 301, 307, 408, 500, 502, 503, 504] {
            assert!(may_have_acted(status(code, None)), "{code}");
        }
        assert!(!may_have_acted(status(503, Some(1))));
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

    fn headers(pairs: &[(http::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn retry_after_reads_seconds_and_dates() {
        let now = Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777));
        let read = |value| retry_after(&headers(&[(RETRY_AFTER, value)]), now);
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        assert_eq!(read(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(read("99999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:47 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:27 GMT"), Some(Duration::ZERO));
        for garbage in ["", "-1", "soon", "1.5", "+3", "0x10"] {
            assert_eq!(read(garbage), None, "{garbage:?}");
        }
    }

    #[test]
    fn retry_after_measures_a_date_by_the_answers_own_clock() {
        let now = Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH);
        let answer = headers(&[
            (RETRY_AFTER, "Sun, 06 Nov 1994 08:49:47 GMT"),
            (DATE, "Sun, 06 Nov 1994 08:49:37 GMT"),
        ]);
        assert_eq!(retry_after(&answer, now), Some(Duration::from_secs(10)));
    }

    #[test]
    fn the_budget_holds_retries_under_a_fifth_of_the_calls() {
        let budget = RetryBudget::default();
        let mut retries = 0;
        for _ in 0..10_000 {
            budget.deposit();
            retries += u32::from(budget.withdraw());
        }
        assert!((1_600..=2_000).contains(&retries), "{retries}");
    }

    #[test]
    fn the_budget_saves_up_no_more_than_a_hundred_retries() {
        let budget = RetryBudget::default();
        (0..100_000).for_each(|_| budget.deposit());
        assert_eq!((0..1_000).filter(|_| budget.withdraw()).count(), 100);
        (0..5).for_each(|_| budget.deposit());
        assert!(!budget.withdraw(), "a retry costs six calls");
        budget.deposit();
        assert!(budget.withdraw());
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

        #[test]
        fn any_header_value_is_read_without_a_panic(value in "[ -~]{0,40}") {
            let now = Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH);
            let _ = retry_after(&headers(&[(RETRY_AFTER, &value), (DATE, &value)]), now);
        }
    }
}
