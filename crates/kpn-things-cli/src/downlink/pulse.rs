//! The progress of a run for programs: a line of JSON on stderr, once per second and at the end.

use std::io::{self, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use super::numbers::Numbers;

/// The option of every command that runs a job.
#[derive(Args)]
pub(super) struct ProgressOption {
    /// How to show the progress: auto, json or off
    ///
    /// auto draws a line on a terminal, if stderr is one. json writes a JSON object per second to stderr.
    #[arg(
        long,
        value_name = "HOW",
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub(super) progress: Progress,
}

/// How a run shows its progress.
#[derive(ValueEnum, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Progress {
    /// A line on a terminal, and nothing anywhere else
    #[default]
    Auto,
    /// A JSON object per second, each on a line of its own
    Json,
    /// Nothing
    Off,
}

/// Writes the numbers of a run as long as it lives, and a last time when it is dropped.
pub(super) struct Pulse {
    state: Arc<State>,
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    job: String,
    since: Instant,
    numbers: Mutex<Numbers>,
}

const BEAT: Duration = Duration::from_secs(1);

impl Pulse {
    pub(super) fn start(job: &str, numbers: Numbers) -> Self {
        let state = State { job: job.to_owned(), since: Instant::now(), numbers: Mutex::new(numbers) };
        let state = Arc::new(state);
        state.write();
        let (sender, end) = mpsc::channel::<()>();
        let written = Arc::clone(&state);
        let beat = move || {
            while end.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
                written.write();
            }
        };
        // Without a thread there is only the first line and the last one.
        let thread = thread::Builder::new().spawn(beat).ok();
        Self { state, end: Some(sender), thread }
    }

    /// What shows other numbers.
    pub(super) fn show(&self) -> impl Fn(Numbers) + Send + 'static {
        let state = Arc::clone(&self.state);
        move |numbers| *state.numbers.lock().unwrap_or_else(PoisonError::into_inner) = numbers
    }
}

impl State {
    fn write(&self) {
        let numbers = *self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let line = numbers.json(&self.job, self.since.elapsed()) + "\n";
        // One write, so that lines stay whole. That it fails is no reason to stop.
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.state.write();
    }
}
