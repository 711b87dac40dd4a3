//! The threads that post uplinks, each task at its time.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

/// The most uplinks that are posted at once.
const MAX_WORKERS: usize = 16;

type Task = Box<dyn FnOnce(&Arc<Poster>) + Send>;

/// Runs tasks on threads, which are started when they are needed.
///
/// The threads end when the poster stops. A post that is in flight then ends on its own, within its timeout.
#[derive(Default)]
pub(crate) struct Poster {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The tasks by the time at which they are due. Tasks of one time run in the order in which they were added.
    waiting: BTreeMap<(Instant, u64), Task>,
    added: u64,
    workers: usize,
    idle: usize,
    stopping: bool,
}

impl Poster {
    /// Runs a task at this time, or as soon as a thread is free. A poster that stops runs no task.
    ///
    /// # Errors
    ///
    /// Returns an error if no thread runs, and none can be started.
    pub(super) fn add(
        self: &Arc<Self>,
        due: Instant,
        task: impl FnOnce(&Arc<Self>) + Send + 'static,
    ) -> io::Result<()> {
        let mut state = self.state();
        if state.stopping {
            return Ok(());
        }
        if state.waiting.len() >= state.idle && state.workers < MAX_WORKERS {
            let poster = Arc::clone(self);
            let thread = thread::Builder::new().name("things-sim-uplinks".to_owned());
            match thread.spawn(move || poster.work()) {
                Ok(_) => state.workers += 1,
                Err(error) if state.workers == 0 => return Err(error),
                // The threads that run take longer.
                Err(_) => {}
            }
        }
        state.added += 1;
        let number = state.added;
        state.waiting.insert((due, number), Box::new(task));
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// The number of tasks that no thread has begun.
    pub(super) fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    pub(crate) fn stop(&self) {
        let mut state = self.state();
        state.stopping = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        // A task may hold the last reference to something that uses this poster, so it is dropped without the lock.
        drop(waiting);
        self.changed.notify_all();
    }

    fn work(self: &Arc<Self>) {
        let mut state = self.state();
        while !state.stopping {
            let now = Instant::now();
            let due = state.waiting.first_key_value().map(|((due, _), _)| *due);
            if due.is_some_and(|due| due <= now) {
                let task = state.waiting.pop_first();
                drop(state);
                if let Some((_, task)) = task {
                    task(self);
                }
                state = self.state();
                continue;
            }
            state.idle += 1;
            state = match due {
                Some(due) => {
                    let waited = self.changed.wait_timeout(state, due.saturating_duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            state.idle -= 1;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
