//! `things sim`: the simulator of GRIP and KPN Things, until it is interrupted.

use std::fs;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};
use things_sim::{DownlinkAnswer, ExpiresIn, FaultRule, Sim};

use crate::console::Console;
use crate::failure::Failure;
use crate::settings::seconds;
use crate::shell::quoted;

/// Simulate GRIP and KPN Things on this machine
#[derive(Args)]
#[command(help_template = crate::HELP, before_help = "\
Examples:
  things sim --port 8080 --devices 100000
  things sim > sim.env &                             Then: . ./sim.env && things devices list
  things sim --fault downlinks@2=drop-after --fault devices@5%=status:503,Retry-After:1", after_help = "\
Prints the settings that point a client at it, and runs until it is interrupted. Devices and API key come from the \
seed, the same every time.

A fault's RULE is ROUTE[@WHEN]=FAULT:
  ROUTE   token, devices, downlinks, context-switch, other, any
  WHEN    3, 3-5, 3-, every-10, 5%; every call by default
  FAULT   latency:20ms, status:503[,Name:value]*, status-after:500, drop-before, drop-after,
          truncate:100, stall, stall-after, revoke")]
pub(crate) struct Simulator {
    /// Port on 127.0.0.1; any free one by default
    #[arg(long, value_name = "P", default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Devices of the account
    #[arg(long, value_name = "N", default_value_t = 100)]
    devices: usize,
    /// Seed of devices, API key and chance
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Something that goes wrong
    #[arg(long, value_name = "RULE")]
    fault: Vec<FaultRule>,
    /// Largest page that is given
    #[arg(long, value_name = "N")]
    page_size_cap: Option<usize>,
    /// How long an access token lives
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = seconds)]
    token_life: Duration,
    /// How a token answer tells that
    #[arg(long, value_enum, default_value_t = Expiry::Number)]
    expires_in: Expiry,
    /// How a downlink is answered
    #[arg(long, value_enum, default_value_t = Answer::CreatedObject)]
    downlink_answer: Answer,
    /// A further sub-customer, with so many devices of its own
    #[arg(long, value_name = "ID=N", value_parser = customer)]
    customer: Vec<(String, usize)>,
    /// The API key has no access to KPN Things: every call answers 302
    #[arg(long)]
    without_access: bool,
    /// Print the settings as one JSON object
    #[arg(long)]
    json: bool,
    /// Write them to a Postman environment file, too
    #[arg(long, value_name = "FILE")]
    postman: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Expiry {
    Number,
    Text,
    Absent,
}

#[derive(Clone, Copy, ValueEnum)]
enum Answer {
    CreatedObject,
    OkObject,
    CreatedEmpty,
    NoContent,
    AcceptedText,
}

fn customer(text: &str) -> Result<(String, usize), String> {
    let parsed = text.rsplit_once('=').and_then(|(id, devices)| Some((id.to_owned(), devices.parse().ok()?)));
    parsed.filter(|(id, _)| !id.is_empty()).ok_or_else(|| "not ID=N".to_owned())
}

impl Simulator {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let postman = self.postman.clone();
        let json = self.json;
        let sim =
            self.start().map_err(|error| Failure::Local(format!("the simulator cannot start: {error}")))?;
        if let Some(path) = postman {
            fs::write(&path, sim.postman_environment())
                .map_err(|error| Failure::Local(format!("{path} cannot be written: {error}")))?;
        }
        let environment = sim.environment();
        if json {
            let variables: Map<String, Value> =
                environment.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
            writeln!(console.out(), "{:#}", Value::Object(variables))?;
        } else {
            for (name, value) in environment {
                writeln!(console.out(), "export {name}={}", quoted(&value))?;
            }
        }
        console.say(format_args!(
            "A simulator of KPN Things and GRIP runs at {} until it is interrupted.\n\
             Its sub-customers: {}.\n\
             Paste the settings into another shell; then try: things auth check",
            sim.url(),
            sim.customers().join(", ")
        ))?;
        sim.wait();
        Ok(())
    }

    fn start(self) -> std::io::Result<Sim> {
        let mut sim = Sim::builder()
            .port(self.port)
            .devices(self.devices)
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
        for rule in self.fault {
            sim = sim.fault(rule);
        }
        for (id, devices) in self.customer {
            sim = sim.customer(id, devices);
        }
        if let Some(devices) = self.page_size_cap {
            sim = sim.page_size_cap(devices);
        }
        if self.without_access {
            sim = sim.without_access();
        }
        sim.start()
    }
}
