//! What a receiver logs, as messages of the tool.

use std::io::{self, Write};

use log::{LevelFilter, Log, Metadata, Record};

use crate::console::Console;

/// Writes warnings of the receiver to the stderr of this process.
struct Stderr;

static STDERR: Stderr = Stderr;

/// Starts to show warnings, unless `--quiet` suppresses them. Where the tool runs inside another program, its logger stays.
pub(super) fn start(console: &Console<'_>) {
    if console.owns_process() && !console.is_quiet() && log::set_logger(&STDERR).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("things_")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let _ = writeln!(io::stderr(), "warning: {}", record.args());
        }
    }

    fn flush(&self) {}
}
