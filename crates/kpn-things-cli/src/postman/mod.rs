//! `things postman`: settings and requests in the form of Postman.

mod collection;
mod environment;
mod export;
mod import;

use clap::Subcommand;

use crate::console::Console;
use crate::failure::Failure;

#[derive(Subcommand)]
pub(crate) enum Postman {
    Import(import::Import),
    Export(Box<export::Export>),
}

impl Postman {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        match self {
            Self::Import(import) => import.run(console),
            Self::Export(export) => export.run(console),
        }
    }
}
