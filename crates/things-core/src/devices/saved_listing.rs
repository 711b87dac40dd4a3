//! A listing of devices in a file: one device per line, and at its end a record that holds the proof.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::flaw::Why;
use super::{Device, Identity};
use crate::input::InputError;
use crate::json::Json;

/// The record at the end of a saved listing: `{"_listing":{"proven":true,...}}`. It shows what was listed, when, and
/// whether the listing is proven complete.
///
/// End a literal with `..Default::default()`, because later versions may add fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListingRecord {
    /// Whether the listing is proven complete.
    pub proven: bool,
    /// The number of pages that were requested.
    pub requests: u64,
    /// The number of devices before the record. If lines were removed from the file, the file proves nothing.
    pub devices: u64,
    /// The time of the first request, in UTC, as in `2026-07-01T09:30:00Z`.
    pub when: String,
    /// The base URL of the API.
    pub base_url: String,
    /// The search of the listing, if it did not list all devices.
    #[serde(default)]
    pub search: Option<String>,
    /// The sub-customer whose devices were listed.
    #[serde(default)]
    pub customer: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Line<R> {
    #[serde(rename = "_listing")]
    record: R,
}

impl ListingRecord {
    /// Returns the record as the last line of a file, without a line end.
    pub fn to_line(&self) -> String {
        // A record has only texts and numbers, which can always be written.
        serde_json::to_string(&Line { record: self }).unwrap_or_default()
    }

    /// Checks that two listings list the same: that `old` and `new` have the same base URL, search and customer.
    ///
    /// # Errors
    ///
    /// Returns an error that names the difference, because a comparison would report devices of one listing as added and
    /// those of the other as removed.
    pub fn check_same(old: &Self, new: &Self) -> Result<(), InputError> {
        let refuse = |old: &str, new: &str, what: &str| {
            let why = format!("cannot be compared: the old one is {old}, and the new one is {new}: {what}");
            Err(InputError::new("listings", why))
        };
        if old.base_url != new.base_url {
            let what = "list both with the same base URL";
            return refuse(&format!("of {}", old.base_url), &format!("of {}", new.base_url), what);
        }
        let of = |customer: &Option<String>| match customer {
            Some(id) => format!("of the customer {id}"),
            None => "of no customer".to_owned(),
        };
        if old.customer != new.customer {
            return refuse(&of(&old.customer), &of(&new.customer), "list both for the same customer");
        }
        let of = |search: &Option<String>| match search {
            Some(text) => format!("of devices that match {text:?}"),
            None => "of all devices".to_owned(),
        };
        if old.search != new.search {
            return refuse(&of(&old.search), &of(&new.search), "list both with the same search");
        }
        Ok(())
    }
}

/// Reads a saved listing line by line, as `things devices list --ndjson` writes it.
///
/// ```
/// use things_core::SavedListing;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut saved = SavedListing::default();
/// let device = saved.read_line(br#"{"uuid":"1","name":"Parking 1"}"#)?;
/// assert_eq!(device.unwrap().name(), "Parking 1");
/// assert!(!saved.is_proven());
///
/// saved.read_line(
///     br#"{"_listing":{"proven":true,"requests":1,"devices":1,"when":"2026-07-01T09:30:00Z",
///         "base_url":"https://api.kpnthings.com"}}"#,
/// )?;
/// assert!(saved.is_proven());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct SavedListing {
    line: u64,
    /// The line of each device.
    lines: HashMap<Identity, u64>,
    record: Option<(u64, ListingRecord)>,
}

impl SavedListing {
    /// Reads the next line of the file, with or without its line end. Returns `None` if the line is empty, or is the
    /// record at the end.
    ///
    /// # Errors
    ///
    /// Returns an error with the number of the line if it is neither a device nor the record, if its `uuid` is also on
    /// another line, or if it follows the record.
    pub fn read_line(&mut self, line: &[u8]) -> Result<Option<Device>, SavedListingError> {
        const MARK: &[u8] = b"\xEF\xBB\xBF";
        self.line += 1;
        let is_first = self.line == 1;
        if is_first && (line.starts_with(b"\xFF\xFE") || line.starts_with(b"\xFE\xFF")) {
            let how = "write it as UTF-8 (PowerShell: | Out-File -Encoding utf8 FILE)";
            return Err(self.wrong(format!("the file is UTF-16: {how}")));
        }
        let line = line.strip_prefix(MARK).filter(|_| is_first).unwrap_or(line);
        let text = std::str::from_utf8(line).map_err(|_| self.wrong("not UTF-8"))?.trim();
        if text.is_empty() {
            return Ok(None);
        }
        if let Some((line, _)) = self.record {
            let why = format!(
                "more lines follow the _listing record on line {line}: if the file holds two listings, keep one of them"
            );
            return Err(self.wrong(why));
        }
        match Device::read(text) {
            Ok(device) => self.add(device).map(Some),
            Err(flaw) => match record(text) {
                Some(Ok(record)) => {
                    self.record = Some((self.line, record));
                    Ok(None)
                }
                Some(Err(error)) => Err(self.wrong(format!("the _listing record is damaged: {error}"))),
                None if !text.starts_with('{') || text == "{" => {
                    let how = "write the file with: things devices list --ndjson";
                    Err(self.wrong(format!("{}; {how}", flaw.why())))
                }
                None if matches!(flaw.why(), Why::NoUuid) => Err(self.wrong("the device has no uuid")),
                None => {
                    let column = text.get(..flaw.at()).unwrap_or_default().chars().count() + 1;
                    Err(self.wrong(format!("not a device: {} (column {column})", flaw.why())))
                }
            },
        }
    }

    fn add(&mut self, device: Device) -> Result<Device, SavedListingError> {
        match self.lines.insert(Identity::of(device.uuid()), self.line) {
            Some(line) => Err(self.wrong(format!("the uuid {:?} is also on line {line}", device.uuid()))),
            None if device.uuid().is_empty() => Err(self.wrong("the device has no uuid")),
            None => Ok(device),
        }
    }

    fn wrong(&self, reason: impl Into<String>) -> SavedListingError {
        SavedListingError { line: self.line, reason: reason.into() }
    }

    /// The record at the end of the file, if it was read.
    pub fn record(&self) -> Option<&ListingRecord> {
        self.record.as_ref().map(|(_, record)| record)
    }

    /// Whether the file proves that its listing is complete. Read all lines first.
    pub fn is_proven(&self) -> bool {
        self.doubt().is_none()
    }

    /// Returns why the file does not prove that its listing is complete, as a clause. `None` if it does. Read all lines
    /// first.
    pub fn doubt(&self) -> Option<String> {
        let devices = self.lines.len() as u64;
        match self.record() {
            None => Some(
                "it does not end with a _listing record: it was saved without --with-proof, or was cut off"
                    .into(),
            ),
            Some(record) if !record.proven => {
                Some("according to its _listing record, it is not proven complete".into())
            }
            Some(record) if record.devices != devices => Some(format!(
                "its _listing record counts {} devices, and it has {devices}: it was changed after it was saved",
                record.devices
            )),
            Some(_) => None,
        }
    }
}

/// Reads a record. `None` if the text is none.
fn record(text: &str) -> Option<Result<ListingRecord, serde_json::Error>> {
    let record = Json::read(text).ok()?.get("_listing")?;
    Some(record.parse())
}

/// An error in a saved listing: the line and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedListingError {
    line: u64,
    reason: String,
}

impl SavedListingError {
    /// The number of the line, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The reason, without the line.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for SavedListingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl StdError for SavedListingError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn proven(devices: u64) -> ListingRecord {
        ListingRecord {
            proven: true,
            requests: 3,
            devices,
            when: "2026-07-01T09:30:00Z".into(),
            base_url: "https://api.kpnthings.com".into(),
            ..Default::default()
        }
    }

    fn read(lines: &[&str]) -> Result<(Vec<Device>, SavedListing), SavedListingError> {
        let mut saved = SavedListing::default();
        let mut devices = Vec::new();
        for line in lines {
            devices.extend(saved.read_line(line.as_bytes())?);
        }
        Ok((devices, saved))
    }

    #[track_caller]
    fn refused(lines: &[&str], message: &str) {
        assert_eq!(read(lines).unwrap_err().to_string(), message);
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let searched =
            ListingRecord { search: Some("a \"b\"".into()), customer: Some("c-1".into()), ..proven(1) };
        for record in [proven(1), searched] {
            let line = record.to_line();
            assert!(
                line.starts_with(r#"{"_listing":{"proven":true,"requests":3,"devices":1,"when":"#),
                "{line}"
            );
            let (devices, saved) = read(&[r#"{"uuid":"1"}"#, &line, "", "\n"]).unwrap();
            assert_eq!((devices.len(), saved.record(), saved.doubt()), (1, Some(&record), None));
        }
    }

    #[test]
    fn a_byte_order_mark_empty_lines_and_line_ends_are_skipped() {
        let (devices, saved) =
            read(&["\u{feff}{\"uuid\":\"1\"}\r\n", "\r\n", " {\"uuid\":\"2\"}\n"]).unwrap();
        assert_eq!(devices.iter().map(Device::uuid).collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(saved.record(), None);
    }

    #[test]
    fn a_file_that_was_cut_or_changed_proves_nothing() {
        let doubt = |lines: &[&str]| read(lines).unwrap().1.doubt().unwrap_or_default();
        let device = r#"{"uuid":"1"}"#;
        assert!(doubt(&[device]).starts_with("it does not end with a _listing record"));
        assert!(doubt(&[]).starts_with("it does not end with a _listing record"));
        let other = ListingRecord { proven: false, ..proven(1) };
        assert!(doubt(&[device, &other.to_line()]).ends_with("it is not proven complete"));
        assert_eq!(
            doubt(&[device, &proven(2).to_line()]),
            "its _listing record counts 2 devices, and it has 1: it was changed after it was saved"
        );
    }

    #[test]
    fn an_error_has_its_line() {
        let device = r#"{"uuid":"1"}"#;
        refused(&[device, "", device], r#"line 3: the uuid "1" is also on line 1"#);
        refused(&[device, r#"{"name":"a"}"#], "line 2: the device has no uuid");
        refused(&[r#"{"uuid":""}"#], "line 1: the device has no uuid");
        refused(&[r#"{"uuid":["a"]}"#], "line 1: not a device: its uuid is not a text (column 15)");
        refused(&[device, r#"{"uuid":"2","nam"#], "line 2: not a device: the JSON is cut short (column 17)");
        refused(
            &["[", r#"{"uuid":"1"},"#],
            "line 1: not a JSON object; write the file with: things devices list --ndjson",
        );
        refused(&[r#"{"uuid":"1"},"#], "line 1: not a device: more text after the JSON (column 13)");
        let record = proven(1).to_line();
        let two = "line 3: more lines follow the _listing record on line 2: if the file holds two listings, keep one \
                   of them";
        refused(&[device, &record, r#"{"uuid":"2"}"#], two);
        refused(&[device, &record, &record], two);
        let damaged = r#"{"_listing":{"proven":true}}"#;
        refused(
            &[damaged],
            "line 1: the _listing record is damaged: missing field `requests` at line 1 column 15",
        );
        let mut saved = SavedListing::default();
        let error = saved.read_line(b"\xFF\xFE{\0").unwrap_err();
        assert!(error.reason().starts_with("the file is UTF-16") && error.line() == 1, "{error}");
        assert_eq!(SavedListing::default().read_line(b"{\xFF").unwrap_err().reason(), "not UTF-8");
    }

    #[test]
    fn a_device_with_a_field_of_that_name_is_a_device() {
        let (devices, saved) = read(&[r#"{"uuid":"1","_listing":{"proven":true}}"#]).unwrap();
        assert_eq!((devices.len(), saved.record()), (1, None));
    }

    #[test]
    fn listings_of_something_else_are_not_compared() {
        let one = proven(1);
        assert_eq!(
            ListingRecord::check_same(&one, &ListingRecord { when: String::new(), ..proven(7) }),
            Ok(())
        );
        for (other, message) in [
            (
                ListingRecord { base_url: "https://b".into(), ..proven(1) },
                "listings cannot be compared: the old one is of https://api.kpnthings.com, and the new one is of \
                 https://b: list both with the same base URL",
            ),
            (
                ListingRecord { search: Some("Parking".into()), ..proven(1) },
                "listings cannot be compared: the old one is of all devices, and the new one is of devices that match \
                 \"Parking\": list both with the same search",
            ),
            (
                ListingRecord { customer: Some("c-1".into()), ..proven(1) },
                "listings cannot be compared: the old one is of no customer, and the new one is of the customer c-1: \
                 list both for the same customer",
            ),
        ] {
            assert_eq!(ListingRecord::check_same(&one, &other).unwrap_err().to_string(), message);
        }
    }
}
