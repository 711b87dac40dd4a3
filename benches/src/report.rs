//! What was measured, beside what is aimed at.

use std::fs;
use std::time::{Duration, Instant};

pub(crate) struct Report {
    rows: Vec<[String; 4]>,
    missed: usize,
}

impl Report {
    pub(crate) fn start() -> Self {
        println!("machine: {}", machine());
        Self { rows: Vec::new(), missed: 0 }
    }

    /// A row: the target's name, what was done, what came out, what is aimed at, and whether it is met.
    pub(crate) fn row(&mut self, name: &str, work: &str, result: f64, unit: &str, target: f64, detail: &str) {
        self.add(name, work, result, unit, ("<=", target, result <= target), detail);
    }

    /// A row of a number that is aimed to be at least the target.
    pub(crate) fn row_at_least(
        &mut self,
        name: &str,
        work: &str,
        result: f64,
        unit: &str,
        target: f64,
        detail: &str,
    ) {
        self.add(name, work, result, unit, (">=", target, result >= target), detail);
    }

    fn add(
        &mut self,
        name: &str,
        work: &str,
        result: f64,
        unit: &str,
        (sign, target, met): (&str, f64, bool),
        detail: &str,
    ) {
        self.missed += usize::from(!met);
        let verdict = if met { "met" } else { "MISSED" };
        let row = [
            name.into(),
            work.into(),
            format!("{result:.2}{unit}{detail}"),
            format!("{sign} {target:.2}{unit}: {verdict}"),
        ];
        println!("{}", row.join(" | "));
        self.rows.push(row);
    }

    /// A line for what could not be measured here.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        println!("{name} | skipped: {why}");
        self.rows.push([name.into(), String::new(), "skipped".into(), why.into()]);
    }

    pub(crate) fn print(&self) {
        println!("\n| # | work | measured | target |\n|---|---|---|---|");
        self.rows.iter().for_each(|row| println!("| {} |", row.join(" | ")));
        println!("\n{} of {} missed", self.missed, self.rows.len());
    }
}

fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown CPU", |rest| rest.trim_matches([' ', '\t', ':']));
    format!("{cpus} x {model}, {} {}", std::env::consts::OS, std::env::consts::ARCH)
}

/// How long `work` takes.
pub(crate) fn time<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

/// The middle of some numbers.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
