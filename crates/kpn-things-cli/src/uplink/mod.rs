//! `things uplink`: messages of devices, as KPN Things posts them.

#[cfg(feature = "mqtt")]
mod credentials_file;
mod listen;
mod logger;
mod measurement_row;
mod message_row;
mod output;
mod read;
mod receiver_options;
mod recording;
mod replay;
pub(crate) mod secret_file;
mod serve;
mod sign;
pub(crate) mod store;
mod subscribe;
mod target;
mod verify;

use clap::Subcommand;

use crate::console::Console;
use crate::failure::Failure;

#[derive(Subcommand)]
pub(crate) enum Uplink {
    Listen(Box<listen::Listen>),
    Serve(Box<serve::Serve>),
    Read(read::Read),
    Replay(replay::Replay),
    Subscribe(Box<subscribe::Subscribe>),
    Sign(sign::Sign),
    Verify(verify::Verify),
}

impl Uplink {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        match self {
            Self::Listen(listen) => listen.run(console),
            Self::Serve(serve) => serve.run(console),
            Self::Read(read) => read.run(console),
            Self::Replay(replay) => replay.run(console),
            Self::Subscribe(subscribe) => subscribe.run(console),
            Self::Sign(sign) => sign.run(console),
            Self::Verify(verify) => verify.run(console),
        }
    }
}
