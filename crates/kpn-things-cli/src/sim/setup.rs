//! The simulator that the options describe.

use std::io::{self, Write as _};

use clap::ValueEnum;
use things_sim::{DownlinkAnswer, ExpiresIn, Sim, SimBuilder};

use super::Simulator;
use crate::failure::Failure;

/// The form of `expires_in` in a token response.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Expiry {
    Number,
    Text,
    Absent,
}

/// The response to a downlink.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Answer {
    CreatedObject,
    OkObject,
    CreatedEmpty,
    NoContent,
    AcceptedText,
}

impl Simulator {
    /// Starts the simulator.
    pub(super) fn start(self) -> Result<Sim, Failure> {
        let port = self.port;
        self.builder()?.start().map_err(|error| cannot_start(&error, port))
    }

    fn builder(self) -> Result<SimBuilder, Failure> {
        let mut sim = Sim::builder()
            .port(self.port)
            .host(&self.host)
            .seed(self.seed)
            .token_life(self.token_life)
            .expires_in(match self.expires_in {
                Expiry::Number => ExpiresIn::Number,
                Expiry::Text => ExpiresIn::Text,
                Expiry::Absent => ExpiresIn::Absent,
            })
            .downlink_answer(match self.downlink_answer {
                Answer::CreatedObject => DownlinkAnswer::CreatedObject,
                Answer::OkObject => DownlinkAnswer::OkObject,
                Answer::CreatedEmpty => DownlinkAnswer::CreatedEmpty,
                Answer::NoContent => DownlinkAnswer::NoContent,
                Answer::AcceptedText => DownlinkAnswer::AcceptedText,
            });
        if let Some(devices) = self.devices {
            sim = sim.devices(devices);
        }
        for file in self.device_file {
            let read = if file == "-" { sim.devices_from(io::stdin().lock()) } else { sim.device_file(file) };
            sim = read.map_err(|error| Failure::Usage(error.to_string()))?;
        }
        for rule in self.fault {
            sim = sim.fault(rule);
        }
        for rule in self.change {
            sim = sim.change(rule);
        }
        for quirk in self.quirk {
            sim = sim.quirk(quirk);
        }
        for (id, devices) in self.customer {
            sim = sim.customer(id, devices);
        }
        if let Some(devices) = self.page_size_cap {
            sim = sim.page_size_cap(devices);
        }
        if self.strict_devices {
            sim = sim.strict_devices();
        }
        if self.without_access {
            sim = sim.without_access();
        }
        if let Some(directory) = self.tls_dir {
            let directory = std::path::absolute(&directory).unwrap_or(directory);
            sim = sim.tls_directory(directory);
        }
        if self.any_tenant {
            sim = sim.any_tenant();
        }
        sim = self.uplinks.apply(sim)?;
        if self.log {
            // Nobody reads a log that cannot be written, and the simulator goes on without it. One write per line keeps
            // lines of several threads apart.
            sim = sim.on_uplink(|uplink| _ = io::stderr().write_all(format!("{uplink}\n").as_bytes()));
            sim = sim.on_exchange(|exchange| _ = io::stderr().write_all(format!("{exchange}\n").as_bytes()));
        }
        Ok(sim)
    }
}

fn cannot_start(error: &io::Error, port: u16) -> Failure {
    Failure::Local(match error.kind() {
        io::ErrorKind::InvalidInput => return Failure::Usage(error.to_string()),
        io::ErrorKind::AddrInUse => format!(
            "port {port} is in use by another program\n\
             hint: choose another one with --port, or leave out --port to use any free port"
        ),
        io::ErrorKind::PermissionDenied => format!(
            "port {port} may not be used: {error}\n\
             hint: choose a port from 1024 with --port, or leave out --port to use any free port"
        ),
        _ => format!("could not start the simulator: {error}"),
    })
}
