//! `things senml`: packs of SenML (RFC 8428) in files.

mod check;
mod findings;
mod resolve;
mod source;

use clap::Subcommand;

use crate::console::Console;
use crate::failure::Failure;

#[derive(Subcommand)]
pub(crate) enum Senml {
    Check(check::Check),
    Resolve(resolve::Resolve),
}

impl Senml {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        match self {
            Self::Check(check) => check.run(console),
            Self::Resolve(resolve) => resolve.run(console),
        }
    }
}
