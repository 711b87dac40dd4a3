//! `things downlink jobs resolve`: the outcome of an unknown downlink, as a person found it out.

use clap::{Args, ValueEnum};
use things_store::{ItemState, Job, Resolution, Store, StoredItem};

use super::super::job_options::JobOptions;
use super::super::ledger::{LedgerOption, in_lines};
use super::super::lines::Lines;
use super::super::report::{self, Selection};
use super::super::send::name;
use crate::cell;
use crate::console::Console;
use crate::failure::{ExitStatus, Failure};
use crate::prompt;

/// Record what you found out about an unknown downlink
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things downlink jobs resolve 019ab2c4 42 accepted
  things downlink jobs resolve 019ab2c4 valve-42 not-sent",
    after_help = "\
Look at the device first, and at its downlinks in the KPN Things portal. A downlink that you resolve as not-sent is sent \
again by the next run. If the first one arrived after all, or still arrives, the device gets it twice: no software can \
prevent that. A ledger refuses to resolve while a run of the job is in progress."
)]
pub(crate) struct Resolve {
    /// Id of the job, or the beginning of it
    #[arg(value_name = "JOB")]
    job: String,
    /// Line of the file, or reference of the downlink
    #[arg(value_name = "ITEM")]
    item: String,
    /// Outcome that you found
    #[arg(value_name = "OUTCOME")]
    outcome: Found,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    ledger: LedgerOption,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// The device or KPN has it
    Accepted,
    /// It did not arrive, and is sent again
    NotSent,
}

impl Resolve {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let ledger = self.ledger.ledger()?;
        let (mut store, job) = ledger.find(&self.job)?;
        let lines = JobOptions::of(&job).lines;
        let hint = ledger.command(&format!("jobs show {} --with unknown", job.id));
        let item = find(&mut *store, &job, &lines, &self.item).map_err(|failure| match failure {
            Failure::Usage(why) => Failure::Usage(format!("{why}\nhint: see the unknown ones: {hint}")),
            failure => failure,
        })?;
        let named = named(&item, &lines);
        let resolution = match self.outcome {
            Found::Accepted => Resolution::Accepted,
            Found::NotSent => {
                if !self.yes {
                    ask(&named)?;
                }
                Resolution::NotSent
            }
        };
        store
            .resolve(&job.id, item.index, resolution)
            .map_err(|error| Failure::Local(format!("{named} cannot be resolved: {}", in_lines(&error))))?;
        console.say(format_args!(
            "resolved: {named}: {}",
            match self.outcome {
                Found::Accepted => "accepted",
                Found::NotSent => "not sent",
            }
        ))?;
        if self.outcome == Found::NotSent {
            let resume = ledger.command(&format!("jobs resume {}", job.id));
            console.note(format_args!("hint: send it again with: {resume}"));
        }
        Ok(())
    }
}

/// Explains what can happen, and asks.
fn ask(named: &str) -> Result<(), Failure> {
    let what = format!(
        "{named} may have arrived, or may still be on its way. The next run sends it again, and then the device gets it \
         twice. No software can prevent that"
    );
    if !prompt::is_possible() {
        return Err(Failure::Usage(format!(
            "{what}\nhint: if you are sure that it did not arrive, add --yes"
        )));
    }
    prompt::say(&format!("{what}."));
    match prompt::confirm("Are you sure that it did not arrive?") {
        true => Ok(()),
        false => Err(Failure::Run(ExitStatus::Failed, "nothing was changed".into())),
    }
}

/// The item as messages name it.
fn named(item: &StoredItem, lines: &Lines) -> String {
    let downlink = &item.item.downlink;
    let device = downlink.device().as_ref().map(|device| format!(", device {}", name(device)));
    let reference = downlink.reference().map(|reference| format!(", reference {reference}"));
    let text = format!(
        "line {}{}{}",
        lines.line(item.index),
        device.unwrap_or_default(),
        reference.unwrap_or_default()
    );
    cell::plain(&text)
}

/// Finds an unknown item by its line or its reference.
fn find(store: &mut dyn Store, job: &Job, lines: &Lines, text: &str) -> Result<StoredItem, Failure> {
    let place = text.parse().ok().and_then(|line| lines.index(line));
    let mut found: Vec<StoredItem> = Vec::new();
    let states = Selection::Of(&[ItemState::Unknown, ItemState::Sending]);
    report::each(store, &job.id, states, |item| {
        let reference = item.item.downlink.reference();
        if Some(item.index) == place || reference.is_some_and(|reference| reference.as_str() == text) {
            found.push(item);
        }
        Ok(())
    })?;
    if let [one, other, ..] = &found[..] {
        let (one, other) = (named(one, lines), named(other, lines));
        return Err(Failure::Usage(format!("{text:?} names several of them, such as {one}, and {other}")));
    }
    if let Some(item) = found.pop() {
        return Ok(item);
    }
    let other = place.map(|index| store.items(&job.id, None, index, 1)).transpose()?;
    let other = other.into_iter().flatten().find(|item| Some(item.index) == place);
    Err(Failure::Usage(match other {
        Some(item) => {
            format!("{} is not unknown: it is {}", named(&item, lines), item.state.as_str().replace('_', " "))
        }
        None => {
            format!("the job has no downlink on line {text}, and no unknown one with the reference {text:?}")
        }
    }))
}
