//! The state that the calls of one client share: its token, its context switches, its retry budget.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::access_token::AccessToken;
use crate::config::{Access, Config, Limits};
use crate::customers::CustomerId;
use crate::error::Error;
use crate::feed::Scope;
use crate::moment::Moment;
use crate::pace::Pace;
use crate::redaction::Redactors;
use crate::retry::{RetryBudget, RetryPolicy};
use crate::slot::Slot;
use crate::token;

/// The state behind a client. Clones share it, and so do scopes made by [`for_customer`](Session::for_customer),
/// [`with_timeout`](Session::with_timeout) and [`with_retry`](Session::with_retry).
///
/// At most one token request is in flight at a time. Other calls wait for it, or use the old token while it is valid.
#[derive(Clone)]
pub struct Session {
    pub(crate) shared: Arc<Shared>,
    pub(crate) customer: Option<CustomerId>,
    pub(crate) timeout: Duration,
    pub(crate) retry: RetryPolicy,
    pub(crate) deadline: Option<Moment>,
    /// The time from which on the request of a call must not be sent any more.
    pub(crate) not_after: Option<SystemTime>,
}

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) token_body: Bytes,
    pub(crate) redactors: Redactors,
    pub(crate) token: Arc<Slot>,
    pub(crate) budget: RetryBudget,
    /// The pace of requests to GRIP, separate from that to the API.
    pub(crate) grip_pace: Pace,
    pub(crate) api_pace: Pace,
    /// The defaults of a listing that the service refused.
    pub(crate) refused_defaults: Arc<AtomicU8>,
    /// The URLs whose end was announced.
    announced: Mutex<HashSet<String>>,
    switches: Mutex<HashMap<CustomerId, Arc<Slot>>>,
    jitter: AtomicU64,
}

/// Maximum number of URLs whose end is reported.
const MOST_ANNOUNCED: usize = 1_000;

/// Maximum number of sub-customers whose context switch is remembered.
const MOST_CUSTOMERS: usize = 1_000;

impl Session {
    /// Creates a session. `seed` determines the jitter of pauses and should differ from process to process.
    pub fn new(config: Config, seed: u64) -> Self {
        let customer = config.customer.clone();
        let Limits { timeout, retry, .. } = config.limits;
        let shared = Shared {
            token_body: match &config.access {
                Access::Key(credentials) => token::request_body(credentials),
                Access::Device(_) => Bytes::new(),
            },
            redactors: Redactors::new(config.secrets()),
            config,
            token: Arc::default(),
            budget: RetryBudget::default(),
            grip_pace: Pace::without_gap(),
            api_pace: Pace::one_by_one(),
            refused_defaults: Arc::default(),
            announced: Mutex::default(),
            switches: Mutex::default(),
            jitter: AtomicU64::new(seed),
        };
        Self { shared: Arc::new(shared), customer, timeout, retry, deadline: None, not_after: None }
    }

    /// Returns the same session acting for a sub-customer. The context switch is made before the first call.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`Input`](crate::ErrorKind::Input) if this is not a valid customer id.
    pub fn for_customer<C>(&self, id: C) -> Result<Self, Error>
    where
        C: TryInto<CustomerId>,
        Error: From<C::Error>,
    {
        let customer = Some(id.try_into()?);
        Ok(Self { customer, ..self.clone() })
    }

    /// Returns the same session acting for no sub-customer.
    #[must_use]
    pub fn without_customer(&self) -> Self {
        Self { customer: None, ..self.clone() }
    }

    /// Returns the same session with another time limit for a whole call.
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// Returns the same session with another retry policy for its calls. Requests for the access token and context
    /// switches keep the policy of the configuration, because all scopes of the session share them.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`Config`](crate::ErrorKind::Config) if the policy allows no attempt.
    pub fn with_retry(&self, policy: RetryPolicy) -> Result<Self, Error> {
        match policy.problem() {
            Some(problem) => Err(Error::config(problem)),
            None => Ok(Self { retry: policy, ..self.clone() }),
        }
    }

    /// Returns the same session with one deadline for all its calls together, such as the pages of a listing.
    pub fn with_deadline(&self, deadline: Moment) -> Self {
        Self { deadline: Some(deadline), ..self.clone() }
    }

    /// Returns the same session with other limits: one for each call, and a deadline for all of them together.
    #[must_use]
    pub fn within(mut self, timeout: Option<Duration>, deadline: Option<Moment>) -> Self {
        self.timeout = timeout.unwrap_or(self.timeout);
        self.deadline = deadline.or(self.deadline);
        self
    }

    /// Returns the same session with what applies to one call of a feed.
    #[must_use]
    pub fn scoped(&self, scope: &Scope) -> Self {
        let mut session = self.clone().within(None, scope.deadline.min(self.deadline).or(scope.deadline));
        session.customer = scope.customer.clone().or(session.customer);
        session.not_after = scope.not_after;
        session
    }

    /// Returns the access token that the session holds, to keep it for another session. `None` if there is none, or if it
    /// has expired or was rejected.
    pub fn access_token(&self, now: Moment) -> Option<AccessToken> {
        let (grant, life) = self.shared.token.held(now)?;
        Some(AccessToken {
            text: token::text(&grant.value)?,
            fetched_at: grant.fetched_at.wall(),
            expires_at: life?.expires_at.wall(),
        })
    }

    /// The checked configuration.
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// The sub-customer that calls are made for.
    pub fn customer(&self) -> Option<&CustomerId> {
        self.customer.as_ref()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("base_url", &self.shared.config.base_url())
            .field("customer", &self.customer)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Returns the context switch of a customer.
    ///
    /// Ids can come from outside, so their number is limited. If there are too many, unused ones are removed first, and
    /// then any that no call holds. A context switch that was removed is made again.
    pub(crate) fn switch(&self, customer: &CustomerId, now: Moment) -> Arc<Slot> {
        let mut switches = self.switches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = switches.get(customer) {
            return Arc::clone(slot);
        }
        if switches.len() >= MOST_CUSTOMERS {
            switches.retain(|_, slot| Arc::strong_count(slot) > 1 || !slot.is_idle(now));
        }
        if switches.len() >= MOST_CUSTOMERS {
            switches.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(switches.entry(customer.clone()).or_default())
    }

    /// Whether the end of this URL was not announced before. Later URLs than the first thousand count as announced.
    pub(crate) fn announces(&self, url: &str) -> bool {
        let mut announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        announced.len() < MOST_ANNOUNCED && announced.insert(url.to_owned())
    }

    /// Returns the next number from 0 to 1 of a SplitMix64 sequence. It is good enough to spread pauses, and repeatable
    /// by seed.
    pub(crate) fn jitter(&self) -> f64 {
        let mut z = self.jitter.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::client::Builder;
    use crate::config::Credentials;

    fn session() -> Session {
        let config: Config = Builder::new(Credentials::new("t", "k", "hunter2"), Ok).build().unwrap();
        Session::new(config, 0)
    }

    #[test]
    fn a_scope_is_of_its_customer_alone() {
        let session = session();
        let scope = session.for_customer("customer-1").unwrap();
        assert_eq!(scope.customer(), Some(&"customer-1".parse().unwrap()));
        assert_eq!(session.customer(), None);
        assert!(Arc::ptr_eq(&session.shared, &scope.shared));
        let customer: CustomerId = "customer-2".parse().unwrap();
        assert_eq!(scope.for_customer(customer.clone()).unwrap().customer(), Some(&customer));
        assert_eq!(scope.for_customer(String::from("a/b")).unwrap_err().kind(), crate::ErrorKind::Input);
        assert_eq!(scope.without_customer().customer(), None);
    }

    #[test]
    fn a_policy_that_allows_no_attempt_is_refused() {
        let never = RetryPolicy { max_attempts: 0, ..Default::default() };
        let error = session().with_retry(never).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Config);
        assert_eq!(error.message(), "the number of attempts is 0: nothing could be sent");
    }

    #[test]
    fn debug_shows_whom_a_session_asks_and_for_whom_and_no_secret() {
        let debug = format!("{:?}", session().for_customer("customer-1").unwrap());
        assert!(debug.contains("https://api.kpnthings.com") && debug.contains("customer-1"), "{debug}");
        assert!(!debug.contains("hunter2"), "{debug}");
    }

    #[test]
    fn customers_that_are_not_used_are_forgotten() {
        use crate::slot::Acquired;
        use std::time::SystemTime;

        let session = session();
        let at = |ms| Moment::new(Duration::from_millis(ms), SystemTime::UNIX_EPOCH);
        let switch = |nth: u64| {
            let slot = session.shared.switch(&format!("c-{nth}").parse().unwrap(), at(nth));
            let Acquired::Lead(lease) = slot.acquire(at(nth), at(nth + 30_000)) else { panic!("it is new") };
            lease
        };
        let used = switch(0);
        for nth in 1..5_000 {
            match nth % 2 {
                0 => drop(switch(nth).settle(HeaderValue::from_static("c"), None, at(nth))),
                _ => switch(nth).fail(&Error::config("refused"), Duration::ZERO, at(nth)),
            }
            assert!(session.shared.switches.lock().unwrap().len() <= MOST_CUSTOMERS);
        }
        let same = session.shared.switch(&"c-0".parse().unwrap(), at(5_000));
        assert!(used.is_current() && matches!(same.acquire(at(0), at(1)), Acquired::Follow(_)));
    }

    #[test]
    fn jitter_is_the_splitmix64_sequence_of_the_seed() {
        let session = session();
        // The known output of SplitMix64 for the seed 0, after the seed's own number.
        for number in [0, 0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F_u64] {
            let jitter = session.shared.jitter();
            assert_eq!(jitter, (number >> 11) as f64 * 2_f64.powi(-53));
            assert!((0.0..1.0).contains(&jitter));
        }
    }
}
