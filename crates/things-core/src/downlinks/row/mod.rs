//! A row of a table of downlinks, as people keep them in spreadsheets and files.

mod column;
mod mistake;
mod spreadsheet;

use std::borrow::Cow;
use std::fmt;

use things_senml::{BaseName, Pack};

use self::spreadsheet::{
    APOSTROPHE, FORMAT_AS_TEXT, FORMAT_DATE_AS_TEXT, LOST_ZEROS, are_digits, is_date, is_formatted,
    is_number, is_scientific,
};
use super::{BulkItem, DevEui, DeviceUrn, Downlink, ExternalReference, FPort, Payload};
use crate::customers::CustomerId;
use crate::input::InputError;
use crate::timestamp::read_timestamp;

pub use column::RowColumn;
pub use mistake::{RowError, RowMistake};

/// The cells of one row, as text by column. [`item`](Self::item) checks them all, and makes a downlink of them.
///
/// - The device is in `dev_eui` or in `urn`.
/// - The content is in exactly one of `hex`, `base64`, `text` and `senml`. `hex` is read as [`Payload`] parses it, and
///   `base64` as [`Payload::from_base64`] does.
/// - A payload needs a `port`. Records in `senml` may have one.
/// - `not_after` is a time with an offset (RFC 3339). `reference` and `customer` are optional, too.
///
/// An empty cell is absent. Spaces around a value are ignored, except in `text`.
///
/// A spreadsheet keeps 15 digits of a number, and no leading zeros. Values that show this are refused, and never
/// repaired. But some look right: a DevEUI of 16 digits of which the last became 0, or the payload `0012` that became
/// `12`. Only a column that is formatted as text is safe.
///
/// ```
/// use things_core::{Row, RowColumn};
///
/// let mut row = Row::new();
/// row.set(RowColumn::DevEui, "0059AC0000181EB6");
/// row.set(RowColumn::Port, "1");
/// row.set(RowColumn::Hex, "01 02");
/// let item = row.item(1_767_225_600_000, 7)?;
/// assert!(item.downlink.reference().is_some());
///
/// row.set(RowColumn::DevEui, "5,9E+13");
/// row.set(RowColumn::Port, "");
/// let error = row.item(1_767_225_600_000, 7).unwrap_err();
/// assert_eq!(error.mistakes().len(), 2);
/// # Ok::<(), things_core::RowError>(())
/// ```
#[derive(Clone, Default)]
pub struct Row<'a> {
    cells: [Option<Cow<'a, str>>; RowColumn::ALL.len()],
}

impl<'a> Row<'a> {
    /// Creates a row of empty cells.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the text of a cell, in place of what it had.
    pub fn set(&mut self, column: RowColumn, text: impl Into<Cow<'a, str>>) {
        let text = text.into();
        if let Some(cell) = self.cells.get_mut(column as usize) {
            *cell = (!text.trim().is_empty()).then_some(text);
        }
    }

    /// The text of a cell, unless it is empty. There are no spaces around it, except in `text`.
    pub fn get(&self, column: RowColumn) -> Option<&str> {
        let text = self.cells.get(column as usize)?.as_deref()?;
        Some(if column == RowColumn::Text { text } else { text.trim() })
    }

    /// Checks the cells, and returns the downlink with what applies to it alone.
    ///
    /// Where the row has no reference, one is [generated](ExternalReference::generate) from the time in milliseconds
    /// since 1970 and 74 bits of `random`.
    ///
    /// # Errors
    ///
    /// Returns all mistakes of the row.
    pub fn item(&self, unix_millis: u64, random: u128) -> Result<BulkItem, RowError> {
        let mut mistakes = Mistakes::default();
        let device = mistakes.keep(self.device());
        let port = mistakes.keep(self.parsed(RowColumn::Port, str::parse::<FPort>));
        let content = mistakes.keep(self.content());
        let reference = mistakes.keep(self.parsed(RowColumn::Reference, ExternalReference::new));
        let not_after = mistakes.keep(self.parsed(RowColumn::NotAfter, |text| read_timestamp("time", text)));
        let customer = mistakes.keep(self.parsed(RowColumn::Customer, str::parse::<CustomerId>));
        if let (Some(Content::Payload(_)), Some(None)) = (&content, &port) {
            mistakes.add(RowMistake::new(
                RowColumn::Port,
                "",
                "is empty: a payload needs a port from 1 to 223",
            ));
        }
        let downlink = content
            .and_then(|content| mistakes.keep(downlink(device.as_ref(), port.flatten(), &content)).flatten());
        match (downlink, reference, not_after, customer) {
            (Some(downlink), Some(reference), Some(not_after), Some(customer)) if mistakes.0.is_empty() => {
                let downlink = match reference {
                    Some(reference) => downlink.with_reference(reference),
                    None => downlink.referenced(unix_millis, random).into_owned(),
                };
                Ok(BulkItem { downlink, customer, not_after })
            }
            _ => Err(RowError::new(mistakes.0)),
        }
    }

    /// Reads a cell. `Ok(None)` if it is empty.
    fn parsed<'s, T>(
        &'s self,
        column: RowColumn,
        parse: impl FnOnce(&'s str) -> Result<T, InputError>,
    ) -> Result<Option<T>, RowMistake> {
        let Some(text) = self.get(column) else { return Ok(None) };
        parse(text).map(Some).map_err(|error| {
            let hint = match column {
                RowColumn::Port | RowColumn::NotAfter => apostrophe(text),
                _ => None,
            };
            RowMistake::of(column, text, &error).hint(hint)
        })
    }

    fn device(&self) -> Result<DeviceUrn, RowMistake> {
        match (self.get(RowColumn::DevEui), self.get(RowColumn::Urn)) {
            (Some(text), None) => dev_eui(text).map(DeviceUrn::from),
            (None, Some(text)) => urn(text),
            (None, None) => Err(RowMistake::of_row("there is no device: fill in dev_eui or urn")),
            (Some(_), Some(_)) => Err(RowMistake::of_row("dev_eui and urn are both filled in: keep one")),
        }
    }

    fn content(&self) -> Result<Content<'_>, RowMistake> {
        let filled = RowColumn::CONTENT.map(|column| self.get(column).map(|text| (column, text)));
        let mut filled = filled.into_iter().flatten();
        match (filled.next(), filled.next()) {
            (Some((RowColumn::Senml, json)), None) => Ok(Content::Records(json)),
            (Some((column, text)), None) => payload(column, text).map(Content::Payload),
            (None, _) => {
                Err(RowMistake::of_row("there is no content: fill in one of hex, base64, text and senml"))
            }
            (Some((one, _)), Some((other, _))) => {
                Err(RowMistake::of_row(format!("{one} and {other} are both filled in: keep one")))
            }
        }
    }
}

/// Shows which cells are filled in, and nothing of their text.
impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(RowColumn::ALL.iter().filter(|column| self.get(**column).is_some())).finish()
    }
}

/// The content of a row after its own checks.
enum Content<'a> {
    Payload(Payload),
    /// A JSON array of SenML records, which can be checked for a device only.
    Records(&'a str),
}

/// The mistakes that were found so far.
#[derive(Default)]
struct Mistakes(Vec<RowMistake>);

impl Mistakes {
    fn add(&mut self, mistake: RowMistake) {
        self.0.push(mistake);
    }

    fn keep<T>(&mut self, result: Result<T, RowMistake>) -> Option<T> {
        result.map_err(|mistake| self.add(mistake)).ok()
    }
}

fn dev_eui(text: &str) -> Result<DevEui, RowMistake> {
    text.parse().map_err(|error| {
        let mistake = RowMistake::of(RowColumn::DevEui, text, &error);
        if is_scientific(text) {
            let message = "is a number in scientific notation, so digits of the DevEUI are lost";
            return RowMistake::new(RowColumn::DevEui, text, message).hint(Some(FORMAT_AS_TEXT));
        }
        if is_formatted(text) {
            let message = "is a formatted number, so digits of the DevEUI may be lost";
            return RowMistake::new(RowColumn::DevEui, text, message).hint(Some(FORMAT_AS_TEXT));
        }
        mistake.hint(match text {
            digits if are_digits(digits) && digits.len() < 16 => Some(LOST_ZEROS),
            urn if is_urn(urn) => Some("put a URN into the column urn"),
            _ => apostrophe(text),
        })
    })
}

fn urn(text: &str) -> Result<DeviceUrn, RowMistake> {
    if !is_urn(text) {
        let message = "is not a URN: expected one such as urn:dev:IMEI:490154203237518:";
        let hint = match text.parse::<DevEui>() {
            Ok(_) => Some("put a DevEUI into the column dev_eui"),
            Err(_) => apostrophe(text),
        };
        return Err(RowMistake::new(RowColumn::Urn, text, message).hint(hint));
    }
    text.parse().map_err(|error| RowMistake::of(RowColumn::Urn, text, &error))
}

fn is_urn(text: &str) -> bool {
    text.get(.."urn:".len()).is_some_and(|start| start.eq_ignore_ascii_case("urn:"))
}

fn payload(column: RowColumn, text: &str) -> Result<Payload, RowMistake> {
    let payload = match column {
        RowColumn::Hex => text.parse(),
        RowColumn::Base64 => Payload::from_base64(text),
        _ => Payload::new(text),
    };
    payload.map_err(|error| {
        RowMistake::of(column, text, &error).hint(match column {
            RowColumn::Hex => hex_hint(text),
            RowColumn::Base64 if text.parse::<Payload>().is_ok() => Some("put hex into the column hex"),
            RowColumn::Base64 => apostrophe(text),
            _ => None,
        })
    })
}

/// A hint for a payload that is not hex.
fn hex_hint(text: &str) -> Option<&'static str> {
    match text {
        number if is_scientific(number) || is_formatted(number) => Some(FORMAT_AS_TEXT),
        digits if is_number(digits) && !digits.len().is_multiple_of(2) => Some(LOST_ZEROS),
        date if is_date(date) => Some(FORMAT_DATE_AS_TEXT),
        text if text.starts_with('\'') => Some(APOSTROPHE),
        text if !text.bytes().any(|byte| byte.is_ascii_digit()) || looks_like_base64(text) => {
            Some("put base64 into the column base64, and a text into the column text")
        }
        _ => None,
    }
}

/// Whether a text that is not hex can be base64. A short one is more often a typing error.
fn looks_like_base64(text: &str) -> bool {
    text.len() >= 4 && text.len().is_multiple_of(4) && Payload::from_base64(text).is_ok()
}

fn apostrophe(text: &str) -> Option<&'static str> {
    text.starts_with('\'').then_some(APOSTROPHE)
}

/// Makes the downlink. `Ok(None)` if the content is right, but lacks a device or a port, which are mistakes of their own.
fn downlink(
    device: Option<&DeviceUrn>,
    port: Option<FPort>,
    content: &Content<'_>,
) -> Result<Option<Downlink>, RowMistake> {
    match (content, device) {
        (Content::Payload(payload), Some(device)) => {
            let Some(dev_eui) = device.dev_eui() else {
                let message = "has no DevEUI, and only senml goes to other devices";
                return Err(RowMistake::new(RowColumn::Urn, device.base_name().as_str(), message));
            };
            let downlink = port.map(|port| Downlink::raw(dev_eui, port, payload.bytes())).transpose();
            downlink.map_err(|error| RowMistake::of_row(error.to_string()))
        }
        (Content::Payload(_), None) => Ok(None),
        (Content::Records(json), Some(device)) => {
            let downlink = device.pack(json).and_then(Downlink::senml);
            let downlink = downlink.map_err(|error| RowMistake::of(RowColumn::Senml, json, &error))?;
            Ok(Some(match port {
                Some(port) => downlink.port(port),
                None => downlink,
            }))
        }
        (Content::Records(json), None) => {
            let any_device = BaseName::from(DevEui::new([0; 8]));
            match Pack::from_json_about(&any_device, json) {
                Ok(_) => Ok(None),
                Err(error) => Err(RowMistake::of(RowColumn::Senml, json, &error.into())),
            }
        }
    }
}

#[cfg(test)]
mod tests;
