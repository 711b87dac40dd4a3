//! The content of a downlink: the options of `things downlink send` that carry it.

use clap::Args;
use things_core::{Payload, Secret};

use crate::console::Console;
use crate::failure::Failure;
use crate::input;

/// The content of a downlink, in exactly one form.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Content {
    /// Payload in hex, such as 0102ff or "01 02 ff"
    ///
    /// Bytes may be separated by spaces, :, - or commas, and may have 0x in front. @FILE reads a file, - stdin.
    #[arg(long, value_name = "HEX")]
    hex: Option<String>,
    /// Payload in base64
    ///
    /// Standard or URL-safe, with or without padding. @FILE reads a file, - stdin.
    #[arg(long, value_name = "BASE64")]
    base64: Option<String>,
    /// Payload as text, sent in UTF-8
    #[arg(long, value_name = "TEXT", allow_negative_numbers = true)]
    text: Option<String>,
    /// Payload as the bytes of a file; - reads stdin
    #[arg(long, value_name = "PATH")]
    file: Option<String>,
    /// SenML records instead of a payload
    ///
    /// A JSON array. @FILE reads a file, - stdin.
    #[arg(long, value_name = "JSON")]
    senml: Option<String>,
}

/// The content of a downlink after it was read.
pub(crate) enum Carried {
    Payload(Payload),
    /// A JSON array of SenML records.
    Records(Secret),
}

impl Content {
    /// Reads the content, and checks a payload. Warns where it may not be what the user meant.
    pub(crate) fn read(self, console: &mut Console<'_>) -> Result<Carried, Failure> {
        let payload = match (self.hex, self.base64, self.text, self.file, self.senml) {
            (_, _, _, _, Some(records)) => {
                return Ok(Carried::Records(input::json("the SenML", records)?));
            }
            (Some(hex), ..) => from_hex(input::content("the payload", hex)?.expose())?,
            (_, Some(text), ..) => {
                let text = input::content("the payload", text)?;
                let payload = from_base64(text.expose())?;
                if text.expose().parse::<Payload>().is_ok() {
                    console.warn(format_args!(
                        "the payload looks like hex, and is sent as {} of base64: use --hex for hex",
                        count(&payload)
                    ));
                }
                payload
            }
            (_, _, Some(text), ..) => Payload::new(text)?,
            (_, _, _, Some(path), _) => Payload::new(input::read("the payload", &path)?)?,
            (None, None, None, None, None) => {
                return Err(Failure::Usage("a downlink needs a payload or SenML records".into()));
            }
        };
        if !payload.always_fits() {
            console.warn(format_args!(
                "{} reach the device only at a good data rate: at the lowest, EU868 carries {}",
                count(&payload),
                Payload::ALWAYS_FITS
            ));
        }
        Ok(Carried::Payload(payload))
    }
}

fn count(payload: &Payload) -> String {
    match payload.bytes().len() {
        1 => "1 byte".to_owned(),
        bytes => format!("{bytes} bytes"),
    }
}

fn from_hex(text: &str) -> Result<Payload, Failure> {
    text.parse().map_err(|error| {
        let hint = match text.trim() {
            "" => "",
            // Four characters at least: a short text that is no hex is more often a typing error.
            text if text.len() >= 4 && Payload::from_base64(text).is_ok() && text.len() % 4 == 0 => {
                "\nhint: this looks like base64: use --base64"
            }
            text if text.starts_with("\\x") => "\nhint: leave \\x out",
            text if !text.bytes().any(|byte| byte.is_ascii_digit()) => "\nhint: to send a text, use --text",
            _ => "",
        };
        Failure::Usage(format!("{error}{hint}"))
    })
}

/// Reads base64, with a hint if it looks like hex.
fn from_base64(text: &str) -> Result<Payload, Failure> {
    Payload::from_base64(text).map_err(|error| {
        let hint =
            if text.parse::<Payload>().is_ok() { "\nhint: this looks like hex: use --hex" } else { "" };
        Failure::Usage(format!("{error}{hint}"))
    })
}
