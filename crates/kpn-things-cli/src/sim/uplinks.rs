//! The options for uplinks, and for devices of your own.

use std::time::Duration;

use clap::Args;
use things_sim::{Destination, RateLimit, SimBuilder};

use crate::failure::Failure;
use crate::settings::seconds;
use crate::uplink::secret_file;

#[derive(Args)]
#[command(next_help_heading = "Uplinks")]
pub(super) struct Uplinks {
    /// Post uplinks to this URL, signed as KPN Things signs them
    ///
    /// Devices answer downlinks by uplinks. --uplink-rate and POST /__sim/uplinks add others. Any response but a 2xx is
    /// retried, up to three posts.
    #[arg(long, value_name = "URL", requires = "uplink_secret_file")]
    uplink_to: Option<String>,
    /// File with the secret that signs uplinks
    ///
    /// The first line that is neither empty nor a comment (#) is the secret. A label in front of it, as in `active=`, is
    /// not part of it.
    #[arg(long, value_name = "FILE", requires = "uplink_to")]
    uplink_secret_file: Option<String>,
    /// Post uplinks of random devices at this rate, such as 5/s or 100/min
    #[arg(long, value_name = "RATE", requires = "uplink_to")]
    uplink_rate: Option<RateLimit>,
    /// Add a header to each uplink (repeatable)
    #[arg(long, value_name = "NAME: VALUE", requires = "uplink_to", value_parser = header)]
    uplink_header: Vec<(String, String)>,
    /// Value of Things-Plug-UUID (default: depends on the URL)
    #[arg(long, value_name = "UUID", requires = "uplink_to")]
    uplink_plug_uuid: Option<String>,
    /// Pause before the first retry; the second is twice as long
    ///
    /// The pauses of KPN Things are unknown.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    uplink_pause: Duration,
    /// Do not answer downlinks by uplinks
    #[arg(long)]
    no_uplink_answers: bool,
    /// Add a device of your own, with the file of its secret (repeatable)
    ///
    /// It may post to /ingestion/ip/senml/v1. Its packs are posted to the URL of --uplink-to. Without this option, the seed
    /// makes one device, and GET /__sim/own-devices shows it.
    #[arg(long, value_name = "UUID=FILE", value_parser = own_device)]
    own_device: Vec<(String, String)>,
}

impl Uplinks {
    pub(super) fn apply(self, mut sim: SimBuilder) -> Result<SimBuilder, Failure> {
        if let (Some(url), Some(file)) = (self.uplink_to, self.uplink_secret_file) {
            let mut destination = Destination::new(url, secret(&file)?).retry_pause(self.uplink_pause);
            for (name, value) in self.uplink_header {
                destination = destination.header(name, value);
            }
            if let Some(uuid) = self.uplink_plug_uuid {
                destination = destination.plug_uuid(uuid);
            }
            sim = sim.uplink_destination(destination);
        }
        if let Some(rate) = self.uplink_rate {
            sim = sim.uplink_rate(rate);
        }
        if self.no_uplink_answers {
            sim = sim.without_uplink_answers();
        }
        for (uuid, file) in self.own_device {
            sim = sim.own_device(uuid, secret(&file)?);
        }
        Ok(sim)
    }
}

/// Reads the first secret of a file.
fn secret(path: &str) -> Result<String, Failure> {
    let secret = secret_file::first(path)?.secret;
    let text = String::from_utf8(secret.expose().to_vec());
    text.map_err(|_| Failure::Usage(format!("{path}: the secret is not UTF-8 text")))
}

fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.trim().to_owned())),
        _ => Err("use NAME: VALUE, as in `X-Source: simulator`".into()),
    }
}

fn own_device(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((uuid, file)) if !uuid.is_empty() && !file.is_empty() => Ok((uuid.to_owned(), file.to_owned())),
        _ => Err("use UUID=FILE, as in 3f2504e0-4f89-41d3-9a0c-0305e82c3301=device-secret.txt".into()),
    }
}
