//! Reads a file of devices: one JSON object per line, as `things devices list --ndjson` writes it.

use crate::json_fields::Fields;
use crate::listed_device::Device;
use std::collections::HashMap;
use std::fmt;
use std::io::BufRead;

/// An error of a file of devices. It names the file, the line and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceFileError {
    file: Option<String>,
    line: Option<usize>,
    reason: String,
}

impl DeviceFileError {
    pub(crate) fn new(line: Option<usize>, reason: impl Into<String>) -> Self {
        Self { file: None, line, reason: reason.into() }
    }

    pub(crate) fn in_file(self, file: String) -> Self {
        Self { file: Some(file), ..self }
    }

    /// The number of the line, from 1. `None` if the file cannot be read at all.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// What is wrong, without the place.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for DeviceFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_deref().unwrap_or("the list of devices");
        match self.line {
            Some(line) => write!(f, "{file}, line {line}: {}", self.reason),
            None => write!(f, "{file}: {}", self.reason),
        }
    }
}

impl std::error::Error for DeviceFileError {}

const MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads devices, each with the number of its line. Empty lines and a byte order mark are ignored, and so is the record of
/// a listing, which `things devices list --with-proof` writes at the end.
pub(crate) fn read(mut reader: impl BufRead) -> Result<Vec<(usize, Device)>, DeviceFileError> {
    let mut devices = Vec::new();
    let mut lines_of = HashMap::new();
    let mut bytes = Vec::new();
    for line in 1.. {
        let wrong = |reason: String| DeviceFileError::new(Some(line), reason);
        bytes.clear();
        if reader.read_until(b'\n', &mut bytes).map_err(|error| wrong(error.to_string()))? == 0 {
            break;
        }
        let text = if line == 1 { bytes.strip_prefix(MARK).unwrap_or(&bytes) } else { &bytes };
        if line == 1 && (text.starts_with(b"\xFF\xFE") || text.starts_with(b"\xFE\xFF")) {
            return Err(wrong(
                "the file is UTF-16: write it as UTF-8 (PowerShell: | Out-File -Encoding utf8 FILE)".into(),
            ));
        }
        let text = std::str::from_utf8(text).map_err(|_| wrong("not UTF-8".into()))?.trim();
        if text.is_empty() {
            continue;
        }
        let device = Device::read(text).map_err(|reason| wrong(explained(text, &reason)))?;
        match device.uuid() {
            None if is_record(text) => continue,
            None | Some("") => return Err(wrong("the device has no uuid".into())),
            Some(uuid) => {
                if let Some(earlier) = lines_of.insert(uuid.to_owned(), line) {
                    return Err(wrong(format!("the uuid {uuid} is also on line {earlier}")));
                }
            }
        }
        devices.push((line, device));
    }
    Ok(devices)
}

/// Whether a line without a device is the record of a listing.
fn is_record(text: &str) -> bool {
    Fields::read(text).is_ok_and(|fields| fields.has("_listing"))
}

/// The reason, with what to do about a file of another kind.
fn explained(text: &str, reason: &str) -> String {
    match text.chars().next() {
        Some('{') if text.len() > 1 => reason.to_owned(),
        _ => format!("{reason}; write the file with: things devices list --ndjson"),
    }
}
