//! `things downlink jobs`: the outcomes of downlinks that were sent from files.

mod export;
mod list;
mod reconcile;
mod remove;
mod resolve;
mod resume;
mod show;

use clap::Subcommand;

use crate::console::Console;
use crate::failure::Failure;

/// See, resume and resolve jobs of many downlinks
#[derive(Subcommand)]
pub(crate) enum Jobs {
    List(list::List),
    Show(Box<show::Show>),
    Resume(Box<resume::Resume>),
    Resolve(resolve::Resolve),
    Export(export::Export),
    Remove(remove::Remove),
}

impl Jobs {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run(console),
            Self::Show(show) => show.run(console),
            Self::Resume(resume) => resume.run(console),
            Self::Resolve(resolve) => resolve.run(console),
            Self::Export(export) => export.run(console),
            Self::Remove(remove) => remove.run(console),
        }
    }
}
