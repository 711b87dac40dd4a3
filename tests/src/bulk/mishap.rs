//! What happens to processes.

use std::time::Duration;

use things_core::{Commit, Feed};

use super::World;
use super::invariant::Invariant;
use super::plan::{Mishap, Mode};
use super::process::Life;
use super::queue::Event;
use super::table::Fate;
use crate::outcome::ms;

#[expect(
    clippy::indexing_slicing,
    reason = "processes and calls are never removed, so that their places are names"
)]
impl World {
    pub(super) fn mishap(&mut self, process: usize, mishap: Mishap) {
        if self.processes[process].life != Life::Awake {
            return;
        }
        self.tell(|| format!("process {process}  {mishap:?}"));
        match mishap {
            Mishap::Kill => self.kill(process),
            Mishap::Drop => self.drop_run(process),
            Mishap::Pause { lasts, is_suspend } => {
                self.judge.sees(if is_suspend { "suspended" } else { "paused" });
                self.processes[process].life = Life::Asleep { is_suspend, since: self.now };
                self.processes[process].is_healthy = false;
                self.later(lasts, Event::Resume { process });
            }
            Mishap::Stop => {
                self.judge.sees("stopped");
                let entry = &mut self.processes[process];
                entry.is_stopping = entry.run.as_mut().is_some_and(Feed::stop);
            }
            Mishap::Jump(seconds) => {
                self.judge.sees("wall clock set");
                self.processes[process].ahead += seconds;
                self.processes[process].is_healthy = false;
            }
        }
    }

    /// Ends a process where it stands. What it has sent travels on.
    fn kill(&mut self, process: usize) {
        self.judge.sees("killed");
        self.check_left(process);
        // A statement on its way to a database may be carried out all the same.
        let is_ghost = self.plan.mode == Mode::Leases && self.dice.percent(50);
        let ghost = self.processes[process].commit.take().filter(|_| is_ghost);
        self.table().end(process);
        self.leave(process, Life::Over);
        self.processes[process].commit = ghost;
    }

    /// Drops a run and all of its calls, as when a task is cancelled. The transaction in progress is carried out.
    fn drop_run(&mut self, process: usize) {
        self.judge.sees("dropped");
        self.check_left(process);
        if let Some(commit) = self.processes[process].commit.take() {
            self.table().fate = Fate::Ghost;
            drop(commit.run());
        }
        // A blocking driver has threads, which find out between two steps. A task ends where it stands.
        let life = if self.plan.blocking { Life::Leaving } else { Life::Over };
        let entry = &mut self.processes[process];
        if let Some(run) = entry.run.as_mut().filter(|_| self.plan.blocking) {
            entry.arrivals.drain(..).for_each(|(ticket, result)| run.accept(ticket, result));
        }
        self.leave(process, life);
        self.table().end(process);
        self.look();
    }

    /// Looks at what a process leaves without an outcome.
    fn check_left(&mut self, process: usize) {
        let left = self.table().held_by(process);
        let most = self.plan.options.window + self.plan.options.spare;
        if left > most {
            let text = format!("process {process} leaves {left} items, and its window is {most}");
            self.breaks(Invariant::AKillLeavesFewUnknown, text);
        }
    }

    fn leave(&mut self, process: usize, life: Life) {
        let entry = &mut self.processes[process];
        entry.life = life;
        entry.run = None;
        entry.arrivals.clear();
        let job = entry.job;
        if life == Life::Over {
            entry.turning.clear();
            self.flights
                .iter_mut()
                .filter(|flight| flight.process == process)
                .for_each(|flight| flight.leave());
        }
        if self.restarts[job] > 0 {
            self.restarts[job] -= 1;
            let wait = ms(self.dice.pick([0, 1_000, 60_000, 600_000]));
            self.later(wait, Event::Start { job, replaces: Some(process) });
        }
    }

    /// A process goes on after a pause.
    pub(super) fn wake_up(&mut self, process: usize) {
        let Life::Asleep { is_suspend, since } = self.processes[process].life else { return };
        let entry = &mut self.processes[process];
        entry.slept += if is_suspend { self.now - since } else { Duration::ZERO };
        entry.life = Life::Awake;
        let missed = std::mem::take(&mut entry.missed);
        self.tell(|| format!("process {process}  goes on"));
        for event in missed {
            self.later(Duration::ZERO, event);
        }
        self.go_on(process);
    }
}
