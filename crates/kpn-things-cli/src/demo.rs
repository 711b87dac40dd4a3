//! `things demo`: the tool at work, against a simulator of its own.

use std::io;

use clap::Args;
use things_core::{Device, Downlink, Error, FPort, Page};
use things_sim::{DEFAULT_CUSTOMER, Route, Sim};
use things_ureq::Client;

use crate::console::Console;
use crate::count::number;
use crate::devices::device_table::DeviceTable;
use crate::devices::tally::Tally;
use crate::failure::Failure;

/// See it work, without an account
#[derive(Args)]
#[command(help_template = crate::HELP, after_help = "\
Starts a simulator of KPN Things on this machine, lists devices, sends a downlink, acts for a sub-customer, and shows \
what the service received.")]
pub(crate) struct Demo {}

const DEVICES: usize = 45;
const PAGE_SIZE: usize = 20;
const SHOWN: usize = 5;
const DEV_EUI: &str = "0059AC0000181EB6";
const REFERENCE: &str = "valve-42";

impl Demo {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let sim = Sim::builder().devices(DEVICES).page_size_cap(PAGE_SIZE).start();
        let sim = sim.map_err(|error| Failure::Local(format!("the simulator cannot start: {error}")))?;
        let client = client(&sim)?;
        writeln!(
            console.out(),
            "A simulator of KPN Things, and of its identity service GRIP, runs at {}.\n\
             It has {}, and gives them {PAGE_SIZE} a page.",
            sim.url(),
            number(DEVICES as u64, "device")
        )?;

        step(console, "List the devices", "things devices list")?;
        list(console, client.devices().pages())?;

        step(
            console,
            "Send two bytes to a device, under a name of your own",
            &format!("things downlink send {DEV_EUI} --port 1 --hex 0102 --reference {REFERENCE}"),
        )?;
        let downlink =
            Downlink::raw(DEV_EUI.parse()?, FPort::new(1)?, [1, 2])?.external_reference(REFERENCE)?;
        let receipt = client.send_downlink(&downlink)?;
        let body = serde_json::to_string(&receipt.body).map_err(io::Error::from)?;
        writeln!(console.out(), "  accepted with {}: {body}", receipt.status)?;

        step(
            console,
            "Act for a sub-customer",
            &format!("things devices list --customer {DEFAULT_CUSTOMER}"),
        )?;
        list(console, client.for_customer(DEFAULT_CUSTOMER)?.devices().pages())?;

        received(console, &sim)?;
        write!(console.out(), "{NEXT}")?;
        Ok(())
    }
}

fn client(sim: &Sim) -> Result<Client, Error> {
    let key = sim.credentials();
    let credentials = things_core::Credentials::new(&key.tenant_id, &key.key_id, key.key_secret.as_str())
        .application_id(&key.application_id);
    Client::builder(credentials).grip_base_url(sim.url()).base_url(sim.url()).build()
}

fn step(console: &mut Console<'_>, what: &str, command: &str) -> Result<(), Failure> {
    Ok(writeln!(console.out(), "\n{what}\n  $ {command}")?)
}

/// Shows the first devices, and how many there are.
fn list(console: &mut Console<'_>, pages: impl Iterator<Item = Result<Page, Error>>) -> Result<(), Failure> {
    let mut count = Tally::default();
    let mut shown: Vec<Device> = Vec::new();
    for page in pages {
        let page = page?;
        count.pages += 1;
        count.devices += page.devices.len() as u64;
        count.told = page.total_elements;
        shown.extend(page.devices.into_iter().take(SHOWN - shown.len().min(SHOWN)));
    }
    let mut text = Vec::new();
    let mut table = DeviceTable::new(None, console.columns().map(|columns| columns.saturating_sub(2)));
    shown.iter().try_for_each(|device| table.add(device, &mut text))?;
    table.end(&mut text)?;
    for line in String::from_utf8_lossy(&text).lines() {
        writeln!(console.out(), "  {line}")?;
    }
    if count.devices > shown.len() as u64 {
        writeln!(console.out(), "  ...")?;
    }
    Ok(writeln!(console.out(), "  {}", count.in_words(false))?)
}

fn received(console: &mut Console<'_>, sim: &Sim) -> Result<(), Failure> {
    writeln!(console.out(), "\nWhat the simulator received")?;
    for (route, what) in [
        (Route::Token, "for an access token, which served every call"),
        (Route::Devices, "for pages of devices"),
        (Route::ContextSwitch, "for the context switch to the sub-customer"),
        (Route::Downlinks, "with a downlink"),
    ] {
        writeln!(console.out(), "  {:<12}{what}", number(sim.calls(route), "request"))?;
    }
    for downlink in sim.downlinks() {
        writeln!(
            console.out(),
            "  The downlink, on port {} with the reference {}:\n    {}",
            downlink.port.unwrap_or_default(),
            downlink.external_reference.unwrap_or_default(),
            String::from_utf8_lossy(&downlink.body)
        )?;
    }
    Ok(())
}

const NEXT: &str = "
With an account of your own, set
  export KPN_THINGS_TENANT_ID=...       the GRIP tenant, a short slug such as rjsfm52t
  export KPN_THINGS_KEY_ID=...          the id of an API key with the service \"KPN Things\"
  export KPN_THINGS_KEY_SECRET=...      its secret
or point KPN_THINGS_POSTMAN_ENVIRONMENT at your Postman environment file, and try
  things auth check
Without one, `things sim` leaves the simulator running for commands of your own.
";
