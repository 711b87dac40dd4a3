//! The line on a terminal that shows how far a command is.

use std::io::{self, Write};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use things_core::{Exchange, Pause, Stage, TransportError, Watch};

use crate::cell;
use crate::count::{number, portion, thousands};
use crate::downlink::numbers::Numbers;
use crate::trace;

/// A command that is done sooner shows no progress.
const SILENCE: Duration = Duration::from_secs(1);

/// Time between two drawings.
const TICK: Duration = Duration::from_millis(100);

/// Draws one line on stderr, as long as it lives. The line is erased before anything else is written.
pub(crate) struct Progress {
    state: Arc<State>,
    /// Dropped to end the thread that draws.
    _drawing: Sender<()>,
}

impl Progress {
    /// Starts to observe. The line appears after a second.
    pub(crate) fn start() -> Self {
        let (drawing, end) = mpsc::channel::<()>();
        let state = Arc::new(State(Mutex::new(Seen::new(Instant::now()))));
        let drawn = Arc::clone(&state);
        let draw = move || {
            let mut wait = SILENCE;
            while end.recv_timeout(wait) == Err(mpsc::RecvTimeoutError::Timeout) {
                drawn.lock().draw();
                wait = TICK;
            }
        };
        // Without a thread there is no progress, and that is all.
        drop(thread::Builder::new().spawn(draw));
        Self { state, _drawing: drawing }
    }

    /// What observes calls and counts devices.
    pub(crate) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.state.end();
    }
}

/// How far the command is.
pub(crate) struct State(Mutex<Seen>);

impl State {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes something else while the line is erased.
    pub(crate) fn hidden<T>(&self, write: impl FnOnce() -> T) -> T {
        let mut seen = self.lock();
        seen.erase();
        write()
    }

    /// Erases the line for good.
    pub(crate) fn end(&self) {
        let mut seen = self.lock();
        seen.erase();
        seen.is_over = true;
    }

    /// The same, unless another thread is stuck while it writes to the terminal.
    pub(crate) fn end_soon(&self) {
        for _ in 0..100 {
            if let Ok(mut seen) = self.0.try_lock() {
                seen.erase();
                seen.is_over = true;
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Shows how far a run of downlinks is.
    pub(crate) fn downlinks(&self, numbers: Numbers) {
        let mut seen = self.lock();
        if seen.downlinks.is_none() {
            seen.since = Instant::now();
        }
        seen.downlinks = Some(numbers);
    }

    /// Counts the devices that are listed.
    pub(crate) fn devices(&self, listed: u64, total: Option<u64>) {
        self.lock().devices = Some((listed, total));
    }
}

impl Watch for State {
    fn sending(&self, exchange: &Exchange) -> bool {
        let request = format!("{} {}", exchange.method(), exchange.url());
        self.lock().request = request;
        true
    }

    fn replied(&self, exchange: &Exchange, reply: &Result<Response<Bytes>, TransportError>, _took: Duration) {
        let mut seen = self.lock();
        match reply {
            Ok(response) if response.status().is_success() => {
                seen.pages += u64::from(exchange.stage() == Stage::Call);
            }
            reply => seen.trouble = Some(trace::result(reply)),
        }
    }

    fn pausing(&self, _pause: &Pause, wait: Duration) {
        let until = Instant::now() + wait;
        let mut seen = self.lock();
        seen.pause_until = seen.pause_until.max(Some(until));
    }
}

/// What was seen so far.
struct Seen {
    since: Instant,
    request: String,
    pages: u64,
    /// How many devices are listed, and how many there are.
    devices: Option<(u64, Option<u64>)>,
    /// How far a run of downlinks is.
    downlinks: Option<Numbers>,
    /// Why the last request that failed did so.
    trouble: Option<String>,
    pause_until: Option<Instant>,
    is_drawn: bool,
    is_over: bool,
}

impl Seen {
    fn new(since: Instant) -> Self {
        Self {
            since,
            request: String::new(),
            pages: 0,
            devices: None,
            downlinks: None,
            trouble: None,
            pause_until: None,
            is_drawn: false,
            is_over: false,
        }
    }

    /// Replaces the line. That it cannot be written is no reason to stop.
    fn draw(&mut self) {
        // A command that has sent nothing has nothing to show.
        if self.is_over || (self.devices.is_none() && self.request.is_empty()) {
            return;
        }
        let columns = terminal_size::terminal_size_of(io::stderr())
            .map_or(80, |(terminal_size::Width(columns), _)| usize::from(columns));
        let line = self.line(Instant::now());
        // A line of the full width would wrap on some terminals.
        let line = cell::cut(&line, columns.saturating_sub(1));
        let _ = io::stderr().write_all(format!("\r{line}\x1b[K").as_bytes());
        self.is_drawn = true;
    }

    fn erase(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }

    /// The line, without what a terminal would obey.
    fn line(&self, now: Instant) -> String {
        let time = now.saturating_duration_since(self.since);
        let elapsed = format!("{} s", time.as_secs());
        let mut parts = match (self.downlinks, self.devices) {
            (Some(numbers), _) => numbers.shown(time),
            (None, Some((listed, total))) => {
                let listed = portion(listed, total);
                let rate = format!("{} per second", self.rate(time));
                vec![listed, number(self.pages, "page"), rate, elapsed]
            }
            (None, None) => vec![cell::plain(&self.request), elapsed],
        };
        let left = self.pause_until.map(|until| until.saturating_duration_since(now));
        if let Some(left) = left.filter(|left| !left.is_zero()) {
            let reason = self.trouble.as_ref().map_or(String::new(), |trouble| format!(" after {trouble}"));
            parts.push(format!("waiting {} s{reason}", left.as_secs_f64().ceil()));
        }
        parts.join(", ")
    }

    fn rate(&self, time: Duration) -> String {
        let (listed, _) = self.devices.unwrap_or_default();
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
        thousands(listed.saturating_mul(1000) / millis)
    }
}

#[cfg(test)]
mod tests {
    use things_store::Counts;

    use super::*;

    #[test]
    fn the_line_of_a_listing_has_devices_pages_rate_and_waits() {
        let start = Instant::now();
        let mut seen = Seen::new(start);
        seen.devices = Some((12_400, Some(100_000)));
        seen.pages = 124;
        let at = |seconds| start + Duration::from_secs(seconds);
        let counts = "12,400 of 100,000 devices, 124 pages, 1,550 per second, 8 s";
        assert_eq!(seen.line(at(8)), counts);
        seen.trouble = Some("503 Service Unavailable".into());
        seen.pause_until = Some(at(12));
        assert_eq!(seen.line(at(8)), format!("{counts}, waiting 4 s after 503 Service Unavailable"));
        assert!(!seen.line(at(13)).contains("waiting"));
    }

    #[test]
    fn the_line_of_a_run_has_its_numbers_and_waits() {
        let mut seen = Seen::new(Instant::now());
        let counts = Counts { pending: 10, accepted: 2, ..Counts::default() };
        seen.downlinks = Some(Numbers::new(&counts, false));
        seen.trouble = Some("429 Too Many Requests".into());
        seen.pause_until = Some(seen.since + Duration::from_secs(4));
        assert_eq!(
            seen.line(seen.since + Duration::from_secs(2)),
            "2 of 12: 2 accepted, 0 not sent, 0 unknown, 0.0/s, waiting 2 s after 429 Too Many Requests"
        );
    }

    #[test]
    fn the_line_of_a_call_names_its_request() {
        let mut seen = Seen::new(Instant::now());
        seen.request = "POST http://h/a".into();
        assert_eq!(seen.line(seen.since + Duration::from_millis(2_900)), "POST http://h/a, 2 s");
    }
}
