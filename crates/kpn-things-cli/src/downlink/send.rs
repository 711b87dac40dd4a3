//! `things downlink send`: one downlink to one device.

use clap::Args;
use serde::Serialize;
use things_core::{Body, DeviceUrn, Downlink, FPort, Receipt};

use crate::console::Console;
use crate::content::{Carried, Content};
use crate::dispatch::Dispatch;
use crate::failure::Failure;
use crate::{curl, recipient, settings};

/// Send a downlink, at most once
#[derive(Args)]
#[command(
    override_usage = "\
things downlink send <DEVEUI> --port <N> --hex <HEX> [OPTIONS]
       things downlink send <DEVEUI> --senml <JSON> [OPTIONS]",
    before_help = "\
Examples:
  things downlink send 0059AC0000181EB6 --port 1 --hex 0102
  things downlink send 0059AC0000181EB6 --port 1 --hex 01 --reference valve-42
  things downlink send 0059AC0000181EB6 --port 1 --base64 AQI=
  things downlink send 0059AC0000181EB6 --senml '[{\"n\":\"setpoint\",\"v\":21.5}]'
  things downlink send 0059AC0000181EB6 --port 1 --hex 0102 --dry-run",
    after_help = "\
The downlink is retried only if the service provably did not act on the first attempt. If it may have arrived, the tool \
reports an unknown outcome and exits with status 4: check the device before you send it again."
)]
pub(crate) struct Send {
    /// DevEUI of the device, 16 hex digits
    ///
    /// With --senml also the base name of another device, such as urn:dev:IMEI:490154203237518:
    #[arg(value_name = "DEVEUI")]
    device: String,
    /// Further arguments are a mistake, which gets an explanation.
    #[arg(hide = true)]
    more: Vec<String>,
    /// LoRa port, 1 to 223
    #[arg(long, value_name = "N", required_unless_present = "senml", allow_negative_numbers = true)]
    port: Option<String>,
    #[command(flatten)]
    content: Content,
    /// Your reference [default: a generated UUID]
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    /// Send no reference, not even a generated one
    #[arg(long, conflicts_with = "reference")]
    no_reference: bool,
    /// Print curl commands, and send nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    settings: settings::Options,
}

impl Send {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let port: Option<FPort> = self.port.as_deref().map(str::parse).transpose()?;
        recipient::refuse_more(&self.more)?;
        let device = recipient::device(&self.device)?;
        let mut downlink = match (self.content.read(console)?, port) {
            (Carried::Records(json), _) => Downlink::senml(device.pack(json.expose())?)?,
            (Carried::Payload(payload), Some(port)) => {
                let dev_eui = device.dev_eui().ok_or_else(|| {
                    Failure::Usage(format!("{device} has no DevEUI, and only --senml goes to other devices"))
                })?;
                Downlink::raw(dev_eui, port, payload.bytes())?
            }
            (Carried::Payload(_), None) => return Err(Failure::Usage("a payload needs --port".into())),
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
            return curl::dry_run(&downlink, self.settings, console);
        }
        let client = self.settings.client(console)?;
        let downlink = client.referenced(&downlink);
        let dispatch = Dispatch::downlink(&downlink);
        let (receipt, begun) = dispatch.make(console, &client, |client| client.send_downlink(&downlink))?;
        // This comes first, whether or not the output can be written: a user who sees a failure would send it again.
        // It has the reference, because the output may be lost.
        let reference = receipt.external_reference.as_deref();
        let reference = reference.map(|text| format!(" (reference {text})")).unwrap_or_default();
        console.note(format_args!(
            "accepted: it is queued; a class A device gets it after its next uplink{reference}"
        ));
        begun.printed();
        console.write_accepted(|out| {
            serde_json::to_writer_pretty(&mut *out, &Accepted::new(&downlink, &receipt))?;
            writeln!(out)
        });
        Ok(())
    }
}

/// A receipt as it is printed.
#[derive(Serialize)]
pub(crate) struct Accepted<'a> {
    outcome: &'static str,
    /// The DevEUI, or the URN of a device that has none.
    device: Option<String>,
    port: Option<FPort>,
    external_reference: Option<&'a str>,
    status: u16,
    body: &'a Body,
}

impl<'a> Accepted<'a> {
    pub(crate) fn new(downlink: &Downlink, receipt: &'a Receipt) -> Self {
        Self {
            outcome: "accepted",
            device: downlink.device().as_ref().map(name),
            port: downlink.lora_port(),
            external_reference: receipt.external_reference.as_deref(),
            status: receipt.status.as_u16(),
            body: &receipt.body,
        }
    }
}

/// The DevEUI of a device, or its URN if it has none.
pub(super) fn name(device: &DeviceUrn) -> String {
    device.dev_eui().map_or_else(|| device.to_string(), |dev_eui| dev_eui.to_string())
}
