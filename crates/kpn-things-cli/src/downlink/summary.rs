//! The end of a job's run: the report, the summary with what to do next, and the exit status.

use std::io;

use things_core::BulkItem;
use things_store::{Counts, ItemState, Job};

use super::job_options::JobOptions;
use super::ledger::Ledger;
use super::report::{self, Format, Selection};
use crate::console::Console;
use crate::count::{number, thousands};
use crate::failure::{ExitStatus, Failure};

/// Writes the report of a job whose run has ended, and shows what to do about what was not accepted. `settings` are
/// those of the command, for another one.
pub(super) fn finish(
    ledger: &Ledger,
    job: &Job,
    format: Format,
    settings: &str,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let (mut store, _) = ledger.find(job.id.as_str())?;
    let written =
        report::write(&mut *store, &job.id, &JobOptions::of(job).lines, Selection::All, format, console);
    match written.and_then(|_| Ok(console.flush()?)) {
        // The downlinks are sent. A user who sees a failure would send them again.
        Err(Failure::Output(error)) => {
            console.give_up_data();
            if error.kind() != io::ErrorKind::BrokenPipe {
                let export = ledger.command(&format!("jobs export {} --csv", job.id));
                console.warn(format_args!(
                    "the report cannot be written: {error}; write it again with: {export}"
                ));
            }
        }
        written => written?,
    }
    console.say(ended(&job.counts))?;
    let rest = ledger.command(&format!("jobs resume {}", job.id)) + settings;
    hints(ledger, job, &rest, settings).into_iter().for_each(|hint| console.note(hint));
    status(&job.counts)
}

/// What to do about the downlinks of a job that were not accepted. `rest` is the command that sends the rest.
pub(super) fn hints(ledger: &Ledger, job: &Job, rest: &str, settings: &str) -> Vec<String> {
    let Counts { not_sent, resumable, pending, .. } = job.counts;
    let mut hints = Vec::new();
    if may_have_arrived(&job.counts) {
        let show = ledger.command(&format!("jobs show {} --with unknown", job.id));
        let resolve = ledger.command(&format!("jobs resolve {} LINE accepted", job.id));
        hints.push(format!("hint: unknown ones may have arrived, and are not sent again: {show}"));
        hints.push(format!("hint: look for each in the KPN Things portal; then: {resolve} (or not-sent)"));
    }
    if pending + resumable > 0 {
        hints.push(format!("hint: to send the rest: {rest}"));
    }
    let refused = not_sent - resumable;
    // Sending these again cannot help.
    let late = if refused > 0 { too_late(ledger, job).min(refused) } else { 0 };
    if late > 0 {
        let what = number(late, "downlink");
        hints.push(format!(
            "hint: the not_after of {what} has passed: send what is still wanted in a new file"
        ));
    }
    if refused > late {
        let again = ledger.command(&format!("jobs resume {} --again", job.id)) + settings;
        hints.push(format!("hint: to send what was refused again, once the reason is fixed: {again}"));
    }
    hints
}

/// How many items were not sent because their time had passed. None, if the ledger cannot be read now.
fn too_late(ledger: &Ledger, job: &Job) -> u64 {
    let Ok((mut store, _)) = ledger.find(job.id.as_str()) else { return 0 };
    let mut late = 0;
    // What was counted before a failure is true as well.
    let _ = report::each(&mut *store, &job.id, Selection::Of(&[ItemState::NotSent]), |item| {
        late += u64::from(item.detail == BulkItem::TOO_LATE);
        Ok(())
    });
    late
}

/// The exit status of a job: of its worst outcome.
fn status(counts: &Counts) -> Result<(), Failure> {
    match counts {
        counts if may_have_arrived(counts) => Err(Failure::Status(ExitStatus::Unknown)),
        counts if counts.accepted < counts.total() => Err(Failure::Status(ExitStatus::Failed)),
        _ => Ok(()),
    }
}

/// Whether any downlink has an outcome that nobody knows.
pub(super) fn may_have_arrived(counts: &Counts) -> bool {
    counts.unknown + counts.sending > 0
}

/// How many items have which outcome, and how many the next run sends, such as `2,000 downlinks: 1,990 accepted, 6 not sent, 4 left`.
pub(super) fn ended(counts: &Counts) -> String {
    let Counts { pending, sending, accepted, not_sent, unknown, resumable } = *counts;
    let mut text = format!("{}: {} accepted", number(counts.total(), "downlink"), thousands(accepted));
    // To a user, what the next run sends has not been decided.
    let (not_sent, left) = (not_sent - resumable, pending + resumable);
    for (count, word) in
        [(not_sent, "not sent"), (unknown, "unknown"), (sending, "in flight"), (left, "left")]
    {
        if count > 0 {
            text += &format!(", {} {word}", thousands(count));
        }
    }
    text
}
