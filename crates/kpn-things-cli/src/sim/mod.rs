//! `things sim`: runs the simulator of GRIP and KPN Things for a command, or until it is interrupted.

mod command;
mod format;

use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal, Write as _};
use std::time::Duration;

use clap::{Args, ValueEnum};
use things_sim::{ChangeRule, DownlinkAnswer, ExpiresIn, FaultRule, Quirk, Sim};

use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt::{Interrupt, Verdict};
use crate::settings::seconds;
use format::Format;

/// Simulate GRIP and KPN Things on this machine
#[derive(Args)]
#[command(help_template = crate::HELP, before_help = "\
Examples:
  things sim -- things devices list       Run a command against a simulator
  things sim --devices 100000 -- pytest   The account in the environment is safe
  things sim --port 8080                  Run until interrupted
  things sim --fault downlinks@2=drop-after --fault devices@5%=status:503
  things sim --change every-10=remove:1 --quirk shuffled-ties", after_help = "\
With a COMMAND, starts the simulator, runs the command with settings that point at it, and ends with the command's \
exit status (127: command not found, 128+N: ended by signal N). All other KPN_THINGS_* variables are removed from its \
environment. Without a COMMAND, prints the settings that point a client at the simulator, and runs until it is \
interrupted. Devices and API key come from the seed, so they are the same every time.

A fault is a RULE of the form ROUTE[@WHEN]=FAULT:
  ROUTE   token, devices, downlinks, context-switch, other, any
  WHEN    3, 3-5, 3-, every-10, 5%; default: every call
  FAULT   latency:20ms, status:503[,Name:value]*, status-after:500, drop-before, drop-after,
          truncate:100, stall, stall-after, revoke,
          refuse:SHAPE[,STATUS] (spring, spring-errors, problem, oauth, challenge, html),
          rate-limit:5/s (per s, min or h; 429 with Retry-After beyond it),
          gzip, gzip-unless-identity, bom, utf-16, utf-16le, utf-16be, charset:NAME (of the body),
          echo:header, echo:body (the response repeats secrets)

A change of the devices is a RULE of the form WHEN=CHANGE. WHEN counts the requests that list devices:
  CHANGE  add:N, remove:N, rename:N, return:N (removed ones), skip:N (missing from one response),
          add-device:UUID,NAME, remove-device:UUID[,UUID]*, rename-device:UUID,NAME,
          return-device:UUID[,UUID]*

A QUIRK is a difference of the list of devices from the documented one:
  shuffled-ties                 Devices with equal sort keys are in another order in each response
  shared-names:N                Each generated name belongs to N devices
  sort-by-uuid:refused          sortBy=uuid gets a 400; `ignored`: sorts by name
  sort-order:ignored            sortOrder=DESC has no effect
  sort-echo:WHAT                Field `sort`: array, object, null, absent, or `requested` (names an ignored order)
  page-size-limit:N             A larger pageSize gets a 400
  silent-page-size-cap:N        Fewer devices per page than requested, and no field says so
  totals:WHAT                   Totals of a wrong count: stale, random, fewer or more
  envelope:SHAPE                JSON around the devices: sample, page-impl, paged-model, hateoas, slice, no-totals,
                                content-only
  numbers:HOW                   Numbers of the envelope as `text` or `float`
  empty-page:N                  Page N, counted from 0, lists no devices")]
pub(crate) struct Simulator {
    /// Port on 127.0.0.1 (default: any free port)
    #[arg(long, value_name = "P", default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Devices of the account
    #[arg(long, value_name = "N", default_value_t = 100)]
    devices: usize,
    /// Seed of devices, API key and chance
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Inject a fault (repeatable)
    #[arg(long, value_name = "RULE")]
    fault: Vec<FaultRule>,
    /// Change the devices before list requests (repeatable)
    #[arg(long, value_name = "RULE")]
    change: Vec<ChangeRule>,
    /// List devices in an undocumented way (repeatable)
    #[arg(long, value_name = "QUIRK")]
    quirk: Vec<Quirk>,
    /// Most devices per page
    #[arg(long, value_name = "N")]
    page_size_cap: Option<usize>,
    /// Lifetime of an access token
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = seconds)]
    token_life: Duration,
    /// Form of `expires_in` in a token response
    #[arg(long, value_enum, default_value_t = Expiry::Number)]
    expires_in: Expiry,
    /// Response to a downlink
    #[arg(long, value_enum, default_value_t = Answer::CreatedObject)]
    downlink_answer: Answer,
    /// Add a sub-customer with N devices (repeatable)
    #[arg(long, value_name = "ID=N", value_parser = customer)]
    customer: Vec<(String, usize)>,
    /// Remove the API key's access to KPN Things: every call gets a 302
    #[arg(long)]
    without_access: bool,
    /// Accept any tenant id, each with its own devices, faults and records
    #[arg(long)]
    any_tenant: bool,
    /// Print one line per request on stderr (default on a terminal, if there is no COMMAND)
    #[arg(long)]
    log: bool,
    /// Format of the printed settings
    #[arg(long, value_enum, default_value_t = Format::Posix)]
    format: Format,
    /// Print the settings as one JSON object: --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Also write the settings to a Postman environment file
    #[arg(long, value_name = "FILE")]
    postman: Option<String>,
    /// Command to run, with its arguments
    #[arg(last = true, value_name = "COMMAND", conflicts_with_all = ["format", "json"])]
    command: Vec<OsString>,
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
    pub(crate) fn run(mut self, console: &mut Console<'_>) -> Result<(), Failure> {
        let postman = self.postman.take();
        let command = std::mem::take(&mut self.command);
        let format = if self.json { Format::Json } else { self.format };
        self.log |= command.is_empty() && io::stderr().is_terminal();
        // A command gets the signals instead.
        let _interrupt = command.is_empty().then(|| Interrupt::handle(console, || Verdict::Die(None)));
        let sim =
            self.start().map_err(|error| Failure::Local(format!("the simulator cannot start: {error}")))?;
        if let Some(path) = postman {
            fs::write(&path, sim.postman_environment())
                .map_err(|error| Failure::Local(format!("could not write {path}: {error}")))?;
        }
        let settings = sim.environment();
        if !command.is_empty() {
            return match command::run(&command, &settings, console.owns_process())? {
                0 => Ok(()),
                status => Err(Failure::Command(status)),
            };
        }
        write!(console.out(), "{}", format.text(&settings))?;
        console.say(format_args!(
            "A simulator of KPN Things and GRIP runs at {} until it is interrupted.\n\
             Sub-customers: {}.\n\
             Paste the settings into another shell, and run: things auth check",
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
        if self.without_access {
            sim = sim.without_access();
        }
        if self.any_tenant {
            sim = sim.any_tenant();
        }
        if self.log {
            // Nobody reads a log that cannot be written, and the simulator goes on without it. One write per line keeps
            // lines of several threads apart.
            sim = sim.on_exchange(|exchange| _ = io::stderr().write_all(format!("{exchange}\n").as_bytes()));
        }
        sim.start()
    }
}
