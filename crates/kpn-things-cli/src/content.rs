//! The content of a downlink: the options of `things downlink send` that carry it.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
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
            text if text.len() >= 4 && from_base64(text).is_ok() && text.len() % 4 == 0 => {
                "\nhint: this looks like base64: use --base64"
            }
            text if text.starts_with("\\x") => "\nhint: leave \\x out",
            text if !text.bytes().any(|byte| byte.is_ascii_digit()) => "\nhint: to send a text, use --text",
            _ => "",
        };
        Failure::Usage(format!("{error}{hint}"))
    })
}

/// Reads base64 in the standard or the URL-safe alphabet, with or without padding. Ignores spaces and line breaks.
fn from_base64(text: &str) -> Result<Payload, Failure> {
    let wrong = |why: String| {
        let hint =
            if text.parse::<Payload>().is_ok() { "\nhint: this looks like hex: use --hex" } else { "" };
        Failure::Usage(format!("payload {why}: expected base64, such as AQL/{hint}"))
    };
    let mut symbols = String::with_capacity(text.len());
    for (place, char) in text.chars().enumerate() {
        if char.is_ascii_alphanumeric() || "+/-_=".contains(char) {
            symbols.push(char);
        } else if !char.is_whitespace() {
            return Err(wrong(format!("has {char:?} at position {}", place + 1)));
        }
    }
    let alphabet = if symbols.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    let padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let bytes = GeneralPurpose::new(alphabet, padding)
        .decode(&symbols)
        .map_err(|_| wrong("is not base64: characters are missing, or = is in the wrong place".to_owned()))?;
    Ok(Payload::new(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_other_platforms_write_it() {
        for text in ["AQL/", "AQL_", " AQ L/\n"] {
            assert_eq!(from_base64(text).ok().unwrap().bytes(), [1, 2, 255], "{text:?}");
        }
        for text in ["AQI=", "AQI"] {
            assert_eq!(from_base64(text).ok().unwrap().bytes(), [1, 2], "{text:?}");
        }
    }

    #[test]
    fn what_is_no_base64_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "payload is empty"),
            ("A", "characters are missing"),
            ("AQJ", "characters are missing"),
            ("A=QI", "= is in the wrong place"),
            ("AQ/_", "is not base64"),
            ("AQ!I", "has '!' at position 3"),
            ("01:02", "has ':' at position 3"),
        ] {
            let Err(Failure::Usage(message)) = from_base64(text) else { panic!("{text:?} was read") };
            assert!(message.contains(reason), "{text:?}: {message}");
        }
    }
}
