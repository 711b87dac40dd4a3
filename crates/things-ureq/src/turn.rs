//! Waits for another call's fetch by blocking the thread.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

use things_core::{Clock, Turn};

/// Blocks this thread until the fetch has ended or the deadline of the turn has passed.
pub(crate) fn block(turn: &Turn, clock: &dyn Clock) {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    while turn.poll(&waker).is_pending() {
        let left = turn.deadline().since(clock.now());
        if left.is_zero() {
            return;
        }
        thread::park_timeout(left);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::{Duration, SystemTime};

    use bytes::Bytes;
    use http::{Method, Response};
    use things_core::{Builder, Config, Credentials, Exchange, Moment, RawCall, Session, Step};

    use super::*;

    /// A call that fetches the token, and one that waits for it.
    fn lead_and_follow() -> (Exchange, Turn) {
        let config: Config = Builder::new(Credentials::new("t", "k", "hunter2"), Ok).build().unwrap();
        let session = Session::new(config, 0);
        let now = Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH);
        let call = RawCall::new(Method::GET, "/api/things");
        let Step::Send(_, exchange) = session.start(&call, now) else { panic!("the first call leads") };
        let Step::Wait(turn) = session.start(&call, now) else { panic!("the second call follows") };
        (exchange, turn)
    }

    #[test]
    fn a_thread_that_waits_its_turn_is_woken_when_the_fetch_ends() {
        let (exchange, turn) = lead_and_follow();
        let exchange = Mutex::new(Some(exchange));
        // The fetch ends between the poll and the sleep. The thread must notice that.
        let clock = || {
            let now = Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH);
            if let Some(exchange) = exchange.lock().unwrap().take() {
                let token = Response::new(Bytes::from_static(br#"{"access_token":"canary"}"#));
                assert!(matches!(exchange.resume(Ok(token), now), Step::Send(..)));
            }
            now
        };
        assert!(turn.poll(Waker::noop()).is_pending());
        block(&turn, &clock);
        assert!(turn.poll(Waker::noop()).is_ready());
    }

    #[test]
    fn a_thread_waits_its_turn_until_its_deadline_and_no_longer() {
        let (_exchange, turn) = lead_and_follow();
        let deadline = turn.deadline();
        block(&turn, &move || deadline);
        assert!(turn.poll(Waker::noop()).is_pending());
    }
}
