//! `things senml check`: whether a pack is SenML.

use clap::Args;

use super::source::Source;
use crate::console::Console;
use crate::count::number;
use crate::failure::Failure;

/// Check a SenML pack, and report every mistake in it
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things senml check message.json
  things senml check - --lenient < message.json
  things senml check message.cbor --cbor",
    after_help = "\
A mistake is reported with its line and column in the file, and with the number of the record, from 1. A record with a mistake \
counts with its base fields alone for the records behind it.

Exit status: 0 if the pack is SenML (RFC 8428), and 1 if it is not."
)]
pub(crate) struct Check {
    #[command(flatten)]
    source: Source,
}

impl Check {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let resolved = self.source.resolve()?;
        for leniency in resolved.leniencies() {
            console.warn(leniency);
        }
        let records = number(resolved.records() as u64, "record");
        let measurements = number(resolved.measurements().len() as u64, "measurement");
        Ok(console.say(format_args!("{} is SenML: {records}, {measurements}", self.source.name()))?)
    }
}
