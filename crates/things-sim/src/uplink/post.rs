//! One message on its way to a destination: its posts, retries and faults.

use super::destination::Target;
use super::fault::UplinkFault;
use super::log::{UplinkAttempt, UplinkOutcome};
use super::poster::Poster;
use super::uplinks::Uplinks;
use std::sync::Arc;
use std::time::Instant;

/// KPN Things posts a message at most three times, and then discards it.
const MAX_ATTEMPTS: u32 = 3;

/// A message on its way.
pub(super) struct Post {
    pub(super) uplinks: Arc<Uplinks>,
    pub(super) target: Arc<Target>,
    pub(super) number: u64,
    pub(super) body: Arc<[u8]>,
    /// The posts that were made.
    pub(super) attempts: u32,
    /// Whether the message was delivered, and is posted once more.
    pub(super) duplicate: bool,
}

impl Post {
    pub(super) fn run(mut self, poster: &Arc<Poster>) {
        let faults = if self.duplicate { Vec::new() } else { self.uplinks.faults.judge_uplink() };
        let result = self.post(&faults);
        self.attempts += 1;
        let delivered = matches!(result, Ok(200..=299));
        let duplicate = self.duplicate;
        self.duplicate = delivered && faults.contains(&UplinkFault::Duplicate);
        let next = if self.duplicate {
            Some(Instant::now())
        } else if delivered || duplicate || self.attempts >= MAX_ATTEMPTS {
            None
        } else {
            // The pauses grow. How long they are at KPN is unknown.
            let pause = self.target.retry_pause.saturating_mul(self.attempts);
            Instant::now().checked_add(pause)
        };
        let outcome = match next {
            Some(_) => UplinkOutcome::Pending,
            None if delivered || duplicate => UplinkOutcome::Delivered,
            None => UplinkOutcome::Discarded,
        };
        let (status, error) = match result {
            Ok(status) => (Some(status), None),
            Err(error) => (None, Some(error)),
        };
        self.uplinks.note(self.number, UplinkAttempt { status, error, faults, duplicate }, outcome);
        if let Some(due) = next {
            // This runs on a thread of the poster, so there is one.
            let _ = poster.add(due, move |poster| self.run(poster));
        }
    }

    fn post(&self, faults: &[UplinkFault]) -> Result<u16, String> {
        let has = |fault| faults.contains(&fault);
        let other_secret = if has(UplinkFault::WrongSecret) { "-wrong" } else { "" };
        let token = self.target.token(&self.body, other_secret);
        let tokens = match (has(UplinkFault::NoHeader), has(UplinkFault::DoubledHeader)) {
            (true, _) => Vec::new(),
            (false, true) => vec![token.clone(), token],
            (false, false) => vec![token],
        };
        if has(UplinkFault::AlteredBody) {
            self.target.post(&tokens, &altered(&self.body))
        } else {
            self.target.post(&tokens, &self.body)
        }
    }
}

/// Changes the last digit of a body, so that it is still JSON. A body without a digit gets a space at its end.
fn altered(body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    match body.iter_mut().rfind(|byte| byte.is_ascii_digit()) {
        Some(digit) => *digit = if *digit == b'9' { b'8' } else { *digit + 1 },
        None => body.push(b' '),
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_altered_body_differs_in_one_byte() {
        assert_eq!(altered(b"[{\"v\":19}]"), b"[{\"v\":18}]");
        assert_eq!(altered(b"[{\"v\":0.0}]"), b"[{\"v\":0.1}]");
        assert_eq!(altered(b"[]"), b"[] ");
    }
}
