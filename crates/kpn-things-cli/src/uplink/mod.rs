//! `things uplink`: messages of devices, as KPN Things posts them.

pub(crate) mod secret_file;
mod sign;
mod verify;

use clap::Subcommand;

use crate::console::Console;
use crate::failure::Failure;

#[derive(Subcommand)]
pub(crate) enum Uplink {
    Sign(sign::Sign),
    Verify(verify::Verify),
}

impl Uplink {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        match self {
            Self::Sign(sign) => sign.run(console),
            Self::Verify(verify) => verify.run(console),
        }
    }
}
