//! `things downlink send`: one downlink to one device.

use clap::Args;
use serde::Serialize;
use things_core::{Body, DevEui, DeviceUrn, Downlink, FPort, Payload, Receipt};

use crate::console::Console;
use crate::dispatch::Dispatch;
use crate::failure::Failure;
use crate::{curl, input, settings};

/// Send a downlink, at most once
#[derive(Args)]
#[command(help_template = crate::HELP, before_help = "\
Examples:
  things downlink send 0059AC0000181EB6 --port 1 --hex 0102
  things downlink send 00-59-ac-00-00-18-1e-b6 --port 1 --hex 0102 --reference valve-42
  things downlink send 0059AC0000181EB6 --senml '[{\"n\":\"setpoint\",\"v\":21.5}]'
  things downlink send 0059AC0000181EB6 --port 1 --hex 0102 --dry-run", after_help = "\
The downlink is repeated only where it is proven that the service did not act on the first try. Where it may have \
arrived, the tool says so and ends with status 4: look before you send it again.")]
pub(crate) struct Send {
    /// DevEUI, 16 hex digits; with --senml also a base name such as urn:dev:IMEI:490154203237518:
    #[arg(value_name = "DEVEUI")]
    device: String,
    /// LoRa port, 1 to 223
    #[arg(long, value_name = "N", required_unless_present = "senml", allow_negative_numbers = true)]
    port: Option<String>,
    /// Payload, 1 to 242 bytes in hex
    #[arg(long, value_name = "HEX", required_unless_present = "senml", conflicts_with = "senml")]
    hex: Option<String>,
    /// Your reference for this downlink (default: a generated UUID)
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    /// Send no reference, not even a generated one
    #[arg(long, conflicts_with = "reference")]
    no_reference: bool,
    /// SenML records instead of a payload, as a JSON array; @FILE reads a file, - standard input
    #[arg(long, value_name = "JSON")]
    senml: Option<String>,
    /// Print the requests as curl commands, and send nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    settings: settings::Options,
}

impl Send {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let port: Option<FPort> = self.port.as_deref().map(str::parse).transpose()?;
        let mut downlink = match (self.senml, self.hex, port) {
            (Some(records), ..) => {
                let device: DeviceUrn = self.device.parse()?;
                let json = input::json("the SenML", records)?;
                Downlink::senml(device.pack(json.expose())?)?
            }
            (None, Some(hex), Some(port)) => {
                let dev_eui: DevEui = self.device.parse()?;
                let payload: Payload = hex.parse()?;
                if !payload.always_fits() {
                    console.complain(format_args!(
                        "warning: {} bytes reach the device only at a good data rate: at the lowest, EU868 carries {}",
                        payload.bytes().len(),
                        Payload::ALWAYS_FITS
                    ));
                }
                Downlink::raw(dev_eui, port, payload.bytes())?
            }
            _ => return Err(Failure::Usage("give --port and --hex, or --senml".into())),
        };
        if let Some(port) = port {
            downlink = downlink.port(port);
        }
        if let Some(reference) = self.reference {
            downlink = downlink.external_reference(reference)?;
        }
        if self.no_reference {
            downlink = downlink.without_reference();
        }
        if self.dry_run {
            let layers = self.settings.without_secret().load()?;
            curl::write(&downlink, layers.shown()?, layers.ca_bundle_path(), console.out())?;
            return Ok(console.say("dry run: nothing was sent; secrets are those of the shell's variables")?);
        }
        let client = self.settings.client()?;
        let downlink = client.referenced(&downlink);
        let dispatch = Dispatch::downlink(&downlink);
        let (receipt, begun) = dispatch.make(console, &client, |client| client.send_downlink(&downlink))?;
        // This comes first, whether or not the output can be written: a user who sees a failure would send it again.
        console.complain("accepted: it is queued; a class A device gets it after its next uplink");
        begun.printed();
        serde_json::to_writer_pretty(console.out(), &Accepted::new(&receipt))
            .map_err(std::io::Error::from)?;
        writeln!(console.out())?;
        console.flush_or_complain();
        Ok(())
    }
}

/// A receipt as it is printed.
#[derive(Serialize)]
pub(crate) struct Accepted<'a> {
    outcome: &'static str,
    status: u16,
    external_reference: Option<&'a str>,
    body: &'a Body,
}

impl<'a> Accepted<'a> {
    pub(crate) fn new(receipt: &'a Receipt) -> Self {
        Self {
            outcome: "accepted",
            status: receipt.status.as_u16(),
            external_reference: receipt.external_reference.as_deref(),
            body: &receipt.body,
        }
    }
}
