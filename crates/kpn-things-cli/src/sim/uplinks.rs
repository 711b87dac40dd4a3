//! The options for uplinks, and for devices of your own.

use std::fs;
use std::time::Duration;

use clap::Args;
use things_sim::{Destination, RateLimit, SimBuilder};

use crate::failure::Failure;
use crate::settings::seconds;

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
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("could not read the secret in {path}: {error}")))?;
    let missing = || Failure::Usage(format!("{path} contains no secret: write it on a line of its own"));
    first_secret(&text).map(str::to_owned).ok_or_else(missing)
}

fn first_secret(text: &str) -> Option<&str> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut lines = text.lines().map(str::trim);
    let line = lines.find(|line| !line.is_empty() && !line.starts_with('#'))?;
    let is_label = |label: &str| {
        let letters = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        (1..=32).contains(&label.len()) && label.bytes().all(letters)
    };
    match line.split_once('=') {
        Some((label, secret)) if is_label(label) => Some(secret),
        _ => Some(line),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_secret_of_a_file_is_used() {
        for (text, secret) in [
            ("MYKEY2\n", Some("MYKEY2")),
            ("\u{FEFF}# mine\r\n\r\nactive=MYKEY2\r\nretiring=OLD\n", Some("MYKEY2")),
            ("Not=a-label", Some("Not=a-label")),
            ("a=b=c", Some("b=c")),
            ("# none\n", None),
        ] {
            assert_eq!(first_secret(text), secret, "{text:?}");
        }
    }
}
