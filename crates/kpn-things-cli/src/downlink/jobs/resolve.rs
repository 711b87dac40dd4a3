//! `things downlink jobs resolve`: the outcome of an unknown downlink, as a person found it out.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use things_store::{ItemState, Job, Resolution, Store, StoredItem};

use super::super::job_options::JobOptions;
use super::super::ledger::LedgerOption;
use super::super::lines::Lines;
use super::super::report::{self, Selection};
use super::super::send::name;
use crate::cell;
use crate::console::Console;
use crate::count::number;
use crate::database::in_lines;
use crate::failure::{ExitStatus, Failure};
use crate::prompt;

/// Record what you found out about an unknown downlink
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things downlink jobs resolve 019ab2c4 42 accepted
  things downlink jobs resolve 019ab2c4 valve-42 not-sent
  things downlink jobs resolve 019ab2c4 217-230 235 not-sent",
    after_help = "\
A range of lines, such as 217-230, stands for the unknown downlinks on these lines.

Look at the device first, and at its downlinks in the KPN Things portal. A downlink that you resolve as not-sent is sent \
again by the next run. If the first one arrived after all, or still arrives, the device gets it twice: no software can \
prevent that. A ledger refuses to resolve while a run of the job is in progress."
)]
pub(crate) struct Resolve {
    /// Id of the job, or the beginning of it
    #[arg(value_name = "JOB")]
    job: String,
    /// Line of the file, range of lines, or reference of the downlink
    #[arg(value_name = "ITEM", required = true)]
    items: Vec<String>,
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
        let items = find(&mut *store, &job, &lines, &self.items).map_err(|failure| match failure {
            Failure::Usage(why) => Failure::Usage(format!("{why}\nhint: see the unknown ones: {hint}")),
            failure => failure,
        })?;
        let resolution = match self.outcome {
            Found::Accepted => Resolution::Accepted,
            Found::NotSent => {
                if !self.yes {
                    ask(&items, &lines)?;
                }
                Resolution::NotSent
            }
        };
        let outcome = match self.outcome {
            Found::Accepted => "accepted",
            Found::NotSent => "not sent",
        };
        for item in &items {
            let named = named(item, &lines);
            store.resolve(&job.id, item.index, resolution).map_err(|error| {
                Failure::Local(format!("{named} cannot be resolved: {}", in_lines(&error)))
            })?;
            console.say(format_args!("resolved: {named}: {outcome}"))?;
        }
        if self.outcome == Found::NotSent {
            let resume = ledger.command(&format!("jobs resume {}", job.id));
            let them = if items.len() > 1 { "them" } else { "it" };
            console.note(format_args!("hint: send {them} again with: {resume}"));
        }
        Ok(())
    }
}

/// Explains what can happen, and asks.
fn ask(items: &[StoredItem], lines: &Lines) -> Result<(), Failure> {
    let (what, them, be) = match items {
        [item] => (named(item, lines), "it", "its way"),
        items => (number(items.len() as u64, "unknown downlink"), "them", "their way"),
    };
    let is = if items.len() > 1 { "the devices get them" } else { "the device gets it" };
    let what = format!(
        "{what} may have arrived, or may still be on {be}. The next run sends {them} again, and then {is} twice. No \
         software can prevent that"
    );
    let arrived = if items.len() > 1 { "none of them arrived" } else { "it did not arrive" };
    if !prompt::is_possible() {
        return Err(Failure::Usage(format!("{what}\nhint: if you are sure that {arrived}, add --yes")));
    }
    prompt::say(&format!("{what}."));
    match prompt::confirm(&format!("Are you sure that {arrived}?")) {
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

/// An argument that names items, and the first of them that was found.
struct Wanted<'a> {
    text: &'a str,
    /// The first line and the last one, if the text is a line or a range of lines.
    lines: Option<(u64, u64)>,
    found: Option<u64>,
    /// Whether the text is the reference of one that was found.
    is_reference: bool,
}

impl<'a> Wanted<'a> {
    fn new(text: &'a str) -> Self {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let lines = first.parse().ok().zip(last.parse().ok()).filter(|(first, last)| first <= last);
        Self { text, lines, found: None, is_reference: false }
    }

    fn is_range(&self) -> bool {
        self.lines.is_some_and(|(first, last)| first < last)
    }

    fn names(&mut self, item: &StoredItem, lines: &Lines) -> bool {
        let line = lines.line(item.index);
        let reference = item.item.downlink.reference();
        let is_reference = reference.is_some_and(|reference| reference.as_str() == self.text);
        self.is_reference |= is_reference;
        is_reference || self.lines.is_some_and(|(first, last)| (first..=last).contains(&line))
    }

    /// Whether it can name only one item. A text that is a range and a reference as well is ambiguous.
    fn is_one(&self) -> bool {
        !self.is_range() || self.is_reference
    }
}

/// Finds unknown items by their lines or their references.
fn find(
    store: &mut dyn Store,
    job: &Job,
    lines: &Lines,
    texts: &[String],
) -> Result<Vec<StoredItem>, Failure> {
    let mut wanted: Vec<_> = texts.iter().map(|text| Wanted::new(text)).collect();
    let mut found: BTreeMap<u64, StoredItem> = BTreeMap::new();
    let states = Selection::Of(&[ItemState::Unknown, ItemState::Sending]);
    report::each(store, &job.id, states, |item| {
        let mut is_wanted = false;
        for wanted in &mut wanted {
            if !wanted.names(&item, lines) {
                continue;
            }
            is_wanted = true;
            let first = *wanted.found.get_or_insert(item.index);
            if let Some(one) = found.get(&first).filter(|_| first != item.index && wanted.is_one()) {
                let (text, one, other) = (wanted.text, named(one, lines), named(&item, lines));
                return Err(Failure::Usage(format!(
                    "{text:?} names several of them, such as {one}, and {other}"
                )));
            }
        }
        if is_wanted {
            found.insert(item.index, item);
        }
        Ok(())
    })?;
    match wanted.iter().find(|wanted| wanted.found.is_none()) {
        Some(wanted) => Err(not_found(store, job, lines, wanted)?),
        None => {
            refuse_other_references(store, job, lines, &wanted)?;
            Ok(found.into_values().collect())
        }
    }
}

/// Refuses the number of a line that is the reference of another downlink too: the user may mean that one, although its outcome
/// is known.
fn refuse_other_references(
    store: &mut dyn Store,
    job: &Job,
    lines: &Lines,
    wanted: &[Wanted<'_>],
) -> Result<(), Failure> {
    let numbers: Vec<_> =
        wanted.iter().filter(|wanted| wanted.lines.is_some() && !wanted.is_reference).collect();
    if numbers.is_empty() {
        return Ok(());
    }
    report::each(store, &job.id, Selection::All, |item| {
        let reference = item.item.downlink.reference();
        let is_other = |wanted: &&&Wanted<'_>| {
            wanted.found != Some(item.index)
                && reference.is_some_and(|reference| reference.as_str() == wanted.text)
        };
        match numbers.iter().find(is_other) {
            Some(wanted) => Err(Failure::Usage(format!(
                "{:?} is the number of a line, and the reference of {}: name the downlink by its reference",
                wanted.text,
                named(&item, lines)
            ))),
            None => Ok(()),
        }
    })
}

/// Explains why an argument names no unknown item.
fn not_found(
    store: &mut dyn Store,
    job: &Job,
    lines: &Lines,
    wanted: &Wanted<'_>,
) -> Result<Failure, Failure> {
    let text = wanted.text;
    if wanted.is_range() {
        return Ok(Failure::Usage(format!(
            "the job has no unknown downlink on the lines {text}, and none with the reference {text:?}"
        )));
    }
    let place = wanted.lines.and_then(|(line, _)| lines.index(line));
    let other = place.map(|index| store.items(&job.id, None, index, 1)).transpose()?;
    let other = other.into_iter().flatten().find(|item| Some(item.index) == place);
    Ok(Failure::Usage(match other {
        Some(item) => {
            format!("{} is not unknown: it is {}", named(&item, lines), item.state.as_str().replace('_', " "))
        }
        None => {
            format!("the job has no downlink on line {text}, and no unknown one with the reference {text:?}")
        }
    }))
}
