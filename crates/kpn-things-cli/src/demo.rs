//! `things demo`: a session of the tool with a simulator that it starts.

use std::io;

use clap::Args;
use things_core::{DevEui, Device, Downlink, Error, FPort, Page};
use things_sim::{DEFAULT_CUSTOMER, Route, Sim};
use things_ureq::Client;

use crate::console::Console;
use crate::count::number;
use crate::devices::device_table::DeviceTable;
use crate::devices::tally::Tally;
use crate::devices::wanted::dev_eui;
use crate::failure::Failure;

/// See it work, without an account
#[derive(Args)]
#[command(after_help = "\
Starts a simulator of KPN Things on this machine, lists devices, sends a downlink to one of them, acts for a \
sub-customer, and shows what the simulator received.")]
pub(crate) struct Demo {}

const DEVICES: usize = 45;
const PAGE_SIZE: usize = 20;
const SHOWN: usize = 5;
const REFERENCE: &str = "demo-1";

impl Demo {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let sim = Sim::builder().devices(DEVICES).page_size_cap(PAGE_SIZE).strict_devices().start();
        let sim = sim.map_err(|error| Failure::Local(format!("could not start the simulator: {error}")))?;
        let client = client(&sim)?;
        writeln!(
            console.out(),
            "A simulator of KPN Things and its identity service GRIP runs at {}.\n\
             It has {}, and lists {PAGE_SIZE} of them per page.",
            sim.url(),
            number(DEVICES as u64, "device")
        )?;

        step(console, "List the devices", "things devices list")?;
        let shown = list(console, client.devices().pages())?;

        let Some((name, eui)) = recipient(&shown) else {
            return Err(Failure::Local("the simulator lists no device with a DevEUI".into()));
        };
        step(
            console,
            &format!("Send two bytes to {name}, the device with the DevEUI {eui}"),
            &format!("things downlink send {eui} --port 1 --hex 0102 --reference {REFERENCE}"),
        )?;
        let downlink = Downlink::raw(eui, FPort::new(1)?, [1, 2])?.external_reference(REFERENCE)?;
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

/// Shows the first devices by name, and the number of all. Returns those that it shows.
fn list(
    console: &mut Console<'_>,
    pages: impl Iterator<Item = Result<Page, Error>>,
) -> Result<Vec<Device>, Failure> {
    let mut count = Tally::default();
    let mut shown: Vec<Device> = Vec::new();
    for page in pages {
        let page = page?;
        count.pages += 1;
        count.devices += page.devices.len() as u64;
        count.counted = page.total_elements;
        shown.extend(page.devices);
    }
    shown.sort_by(|a, b| a.name().cmp(b.name()));
    shown.truncate(SHOWN);
    let mut text = Vec::new();
    let mut table = DeviceTable::new(None, false, console.columns().map(|columns| columns.saturating_sub(2)));
    table.add(&shown, &mut text)?;
    table.end(&mut text)?;
    for line in String::from_utf8_lossy(&text).lines() {
        writeln!(console.out(), "  {line}")?;
    }
    if count.devices > shown.len() as u64 {
        writeln!(console.out(), "  ...")?;
    }
    writeln!(console.out(), "  {}", count.summary(false))?;
    Ok(shown)
}

/// The first device that has a DevEUI, by name and DevEUI.
fn recipient(devices: &[Device]) -> Option<(&str, DevEui)> {
    devices.iter().find_map(|device| Some((device.name(), dev_eui(device)?)))
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
            "  The downlink, to port {} with the reference {}:\n    {}",
            downlink.port.unwrap_or_default(),
            downlink.external_reference.unwrap_or_default(),
            String::from_utf8_lossy(&downlink.body)
        )?;
    }
    Ok(())
}

const NEXT: &str = "
To use your own account, set
  export KPN_THINGS_TENANT_ID=...       the GRIP tenant, a short slug such as rjsfm52t
  export KPN_THINGS_KEY_ID=...          the id of an API key that has the service \"KPN Things\"
  export KPN_THINGS_KEY_SECRET=...      the secret of the key
or point KPN_THINGS_POSTMAN_ENVIRONMENT at your Postman environment file. Then run
  things auth check
Without an account, run commands against a simulator:
  things sim -- things devices list
";
