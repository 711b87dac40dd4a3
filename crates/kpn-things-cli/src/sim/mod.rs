//! `things sim`: runs the simulator of GRIP and KPN Things for a command, or until it is interrupted.

mod command;
mod format;
mod numbers;
mod setup;
mod uplinks;

use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use things_sim::{ChangeRule, FaultRule, Quirk, Sim};

use crate::console::Console;
use crate::count::number;
use crate::failure::Failure;
use crate::interrupt::{Interrupt, Verdict};
use crate::shell::quoted;
use format::Format;
use setup::{Answer, Expiry};
use uplinks::Uplinks;

/// Simulate GRIP and KPN Things on this machine
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things sim -- things devices list       Run a command against a simulator
  things sim --devices 100000 -- pytest   The same with 100,000 devices
  things sim --port 8080                  Run until interrupted
  things sim --host 0.0.0.0 --port 8080   The same in a container
  things sim --fault downlinks@2=drop-after --fault devices@5%=status:503
  things sim --change every-10=remove:1 --quirk shuffled-ties
  things sim --uplink-to http://127.0.0.1:9000/ --uplink-secret-file key.txt",
    after_help = "\
With a COMMAND, starts the simulator, runs the command with settings that point at it, and ends with the command's \
exit status (127: command not found, 128+N: ended by signal N). All other KPN_THINGS_* variables except \
KPN_THINGS_LOG are removed from its environment, so it never uses the account in your environment. Its access tokens and its ledger of downlinks (KPN_THINGS_LEDGER) are temporary, and end with the simulator. Without a COMMAND, prints the settings that point a client at the simulator, and runs until it is \
interrupted. The seed decides about devices and API key, so they are the same every time.

A fault is a RULE of the form ROUTE[@WHEN]=FAULT:
  ROUTE   token, devices, downlinks, context-switch, ingestion, other, any,
          uplink (the posts of uplinks, with faults of their own)
  WHEN    3, 3-5, 3-, every-10, 5%; default: every call
  FAULT   latency:20ms, status:503[,Name:value]*, status-after:500,
          drop-before, drop-after, truncate:100, stall, stall-after, revoke,
          refuse:SHAPE[,STATUS] (spring, spring-errors, problem, oauth,
          challenge, html), rate-limit:5/s (per s, min or h; 429 beyond it),
          gzip, gzip-unless-identity, bom, utf-16, utf-16le, utf-16be,
          charset:NAME (of the body), echo:header, echo:body (of secrets);
          of uplink: wrong-secret, altered-body, doubled-header, no-header,
          duplicate

A change of the devices is a RULE of the form WHEN=CHANGE. WHEN counts the requests that list devices:
  CHANGE  add:N, remove:N, rename:N, return:N (removed devices),
          skip:N (missing from one response), add-device:UUID,NAME,
          remove-device:UUID[,UUID]*, rename-device:UUID,NAME,
          return-device:UUID[,UUID]*

A QUIRK makes the list of devices differ from the documented one, or chooses what is unknown about the current API:
  shuffled-ties           Another order of equal devices in each response
  shared-names:N          Each generated name belongs to N devices
  sort-by-uuid:WHAT       sortBy=uuid is `refused` (400), or `ignored` (by name)
  sort-order:ignored      sortOrder=DESC has no effect
  sort-echo:WHAT          Field `sort`: array, object, null, absent, or
                          `requested` (names an ignored order)
  page-size-limit:N       A larger pageSize gets a 400
  silent-page-size-cap:N  Fewer devices per page, and no field says so
  totals:WHAT             Totals of a wrong count: stale, random, fewer, more
  envelope:SHAPE          JSON around the devices: sample, page-impl,
                          paged-model, hateoas, slice, no-totals, content-only
  numbers:HOW             Numbers of the envelope as `text` or `float`
  empty-page:N            Page N, counted from 0, lists no devices
  next-field:FIELD        Current API, link to the next page in: next,
                          next-page, links, hal
  next-link:FORM          That link as: url, path, query, cursor, port-8080,
                          bare-port-8080 (of another port, without a cursor)
  next-loop               Last page of the current API links to the first
  empty-items:N           Page N of the current API has no items
  current-errors:FORM     Errors as: problem, gateway, camara, spring
  current-token:401       A rejected token gets 401 instead of 302
  downlink-progress:RULE  A guess of when a downlink ends: at-once,
                          after-2s, reads-3 (in each of two states)
  sunset, deprecation     Each response has this header"
)]
pub(crate) struct Simulator {
    /// Port (default: any free port)
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Address or name of this machine to listen on; 0.0.0.0: all addresses
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    host: String,
    /// Serve https with a certificate authority in this directory (default: http)
    #[arg(long, value_name = "DIR")]
    tls_dir: Option<PathBuf>,
    /// Generate N devices (default: 100, or 0 with --device-file)
    #[arg(long, value_name = "N", value_parser = numbers::devices)]
    devices: Option<usize>,
    /// Simulate the devices of a file (repeatable)
    ///
    /// The file has one JSON object per line, as `things devices list --ndjson` writes it; - is stdin. Every field is
    /// kept unchanged.
    #[arg(long, value_name = "FILE")]
    device_file: Vec<String>,
    /// Respond with 404 to a downlink for an unknown DevEUI
    ///
    /// A DevEUI is known if a device has it in its field `eui`, as about half of the generated devices do. What KPN
    /// Things does is unknown, so this is a guess. Default: every DevEUI is accepted.
    #[arg(long)]
    strict_devices: bool,
    /// Seed of devices, API key and random faults
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
    /// Limit the number of devices per page
    #[arg(long, value_name = "N", value_parser = numbers::page_size)]
    page_size_cap: Option<usize>,
    /// Lifetime of an access token
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = numbers::token_life)]
    token_life: Duration,
    /// Form of `expires_in` in a token response
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Expiry::Number)]
    expires_in: Expiry,
    /// Response to a downlink
    #[arg(long, value_name = "KIND", value_enum, default_value_t = Answer::CreatedObject)]
    downlink_answer: Answer,
    /// Add a sub-customer with N devices (repeatable)
    #[arg(long, value_name = "ID=N", value_parser = numbers::customer)]
    customer: Vec<(String, usize)>,
    /// Remove the API key's access to KPN Things: every call gets a 302
    #[arg(long)]
    without_access: bool,
    /// Accept any tenant id, each with its own devices, faults and records
    #[arg(long)]
    any_tenant: bool,
    /// Print one line per request on stderr
    ///
    /// This is the default on a terminal if there is no COMMAND.
    #[arg(long)]
    log: bool,
    /// Format of the printed settings
    #[arg(long, value_enum, default_value_t = Format::Posix)]
    format: Format,
    /// Print the settings as JSON, like --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Also write the settings to a Postman environment file
    #[arg(long, value_name = "FILE")]
    postman: Option<String>,
    /// Command to run, with its arguments
    #[arg(last = true, value_name = "COMMAND", conflicts_with_all = ["format", "json"])]
    command: Vec<OsString>,
    #[command(flatten)]
    uplinks: Uplinks,
}

/// With so many devices, the start takes a while.
const MANY: usize = 500_000;

impl Simulator {
    pub(crate) fn run(mut self, console: &mut Console<'_>) -> Result<(), Failure> {
        let postman = self.postman.take();
        let command = std::mem::take(&mut self.command);
        let format = if self.json { Format::Json } else { self.format };
        self.log |= command.is_empty() && io::stderr().is_terminal();
        // A command gets the signals instead.
        let _interrupt = command.is_empty().then(|| Interrupt::handle(console, || Verdict::Die(None)));
        if let Some(devices) = self.devices.filter(|devices| *devices >= MANY && console.is_attended()) {
            console.note(format_args!("Generating {} ...", number(devices as u64, "device")));
        }
        let sim = self.start()?;
        if let Some(path) = postman {
            fs::write(&path, sim.postman_environment())
                .map_err(|error| Failure::Local(format!("could not write {path}: {error}")))?;
        }
        let mut settings = sim.environment();
        if !command.is_empty() {
            let ca_file = sim.ca_file().map(|file| file.display().to_string());
            settings.extend(ca_file.map(|file| ("SSL_CERT_FILE", file)));
            return match command::run(&command, &settings, console.owns_process())? {
                0 => Ok(()),
                status => Err(Failure::Command(status)),
            };
        }
        write!(console.out(), "{}", format.text(&settings))?;
        console.say(format_args!(
            "A simulator of KPN Things and GRIP runs at {} until it is interrupted.\n\
             Sub-customers: {}.\n\
             Paste the settings into another shell, and run: things auth check{}{}",
            sim.url(),
            sim.customers().join(", "),
            trust(&sim),
            elsewhere(&sim)
        ))?;
        sim.wait();
        Ok(())
    }
}

/// Adds a tip to the error of a COMMAND without `--` in front of it.
pub(crate) fn explained(mut error: clap::Error, args: &[OsString]) -> clap::Error {
    let Some(ContextValue::String(unexpected)) = error.get(ContextKind::InvalidArg) else { return error };
    let mut words = args.iter().skip(1).filter(|word| !word.as_encoded_bytes().starts_with(b"-"));
    let is_command = error.kind() == ErrorKind::UnknownArgument
        && words.next().is_some_and(|word| word == "sim")
        && !unexpected.starts_with('-');
    if is_command {
        let tip = format!(
            "to run a command against the simulator, put -- in front of it: things sim -- {unexpected} ..."
        );
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// How a client trusts the certificate of the simulator.
fn trust(sim: &Sim) -> String {
    let Some(file) = sim.ca_file() else {
        return String::new();
    };
    let file = quoted(&file.display().to_string());
    format!(" --ca-bundle {file}\nOther programs on Linux trust its certificate with SSL_CERT_FILE={file}")
}

/// How a client on another machine, or in another container, reaches the simulator.
fn elsewhere(sim: &Sim) -> &'static str {
    match (sim.addr().ip().is_unspecified(), sim.ca_file()) {
        (false, _) => "",
        (true, None) => {
            "\nElsewhere, replace the host in the URLs by the name of this machine, and set KPN_THINGS_ALLOW_HTTP to it"
        }
        (true, Some(_)) => {
            "\nThe certificate is valid for localhost. To use it elsewhere, name this machine with --host NAME"
        }
    }
}
