//! `things uplink`: messages of devices, as KPN Things posts them.

mod logger;
mod measurement_row;
mod message_row;
mod output;
mod read;
mod receiver_options;
pub(crate) mod secret_file;
mod serve;
mod sign;
mod store;
mod verify;

use clap::Subcommand;

use crate::console::Console;
use crate::failure::Failure;

#[derive(Subcommand)]
pub(crate) enum Uplink {
    Serve(Box<serve::Serve>),
    Read(read::Read),
    Sign(sign::Sign),
    Verify(verify::Verify),
}

impl Uplink {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        match self {
            Self::Serve(serve) => serve.run(console),
            Self::Read(read) => read.run(console),
            Self::Sign(sign) => sign.run(console),
            Self::Verify(verify) => verify.run(console),
        }
    }
}
