//! `things devices diff`: the differences between two listings.

use std::fmt::Write as _;
use std::io::{BufRead, Write};

use clap::Args;
use things_core::{
    Device, DeviceChange, DeviceDiff, FeedClient, FieldValue, InputError, ListingRecord, SavedListing,
};

use crate::console::Console;
use crate::count::{number, thousands};
use crate::failure::{ExitStatus, Failure};
use crate::shell::word;
use crate::table::{Column, Table};
use crate::{cell, input, settings};

/// Compare two listings of devices
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things devices list --ndjson --with-proof > monday.ndjson
  things devices diff monday.ndjson
  things devices diff monday.ndjson tuesday.ndjson --ndjson
  things devices diff monday.ndjson --exit-status && echo the same",
    after_help = "\
OLD and NEW are files that `things devices list --ndjson` wrote. Without NEW, the tool lists your devices with a proof, and \
the exit status is 5 if there is none.

A device that NEW lacks is `removed` only if NEW is proven complete. From any other listing it is `not listed`: the device \
may still exist. A file carries its proof if it was saved with --with-proof. A file that was cut off or filtered has none.

Devices are compared field by field, including metadata and fields that KPN does not document. The order of keys, \
whitespace and escapes make no difference. Numbers are compared as they are written, so 1.0 and 1 differ.

--ndjson prints one object per device: change (added, changed, removed or not_listed), uuid, name, and either the device or \
its changed fields, each with its old and its new value. A value is missing if the device had no such field."
)]
pub(crate) struct Diff {
    /// Saved listing to start from; - is standard input
    old: String,
    /// Saved listing to compare with [default: your devices now]
    new: Option<String>,
    /// One JSON object per device that differs
    #[arg(long)]
    ndjson: bool,
    /// Exit with status 6 if there are differences
    #[arg(long)]
    exit_status: bool,
    /// Search of the old listing, if it has one
    #[arg(long, value_name = "TEXT", conflicts_with = "new")]
    search: Option<String>,
    #[command(flatten)]
    settings: settings::Options,
}

impl Diff {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let Self { old: old_path, new: new_path, ndjson, exit_status, search, settings } = self;
        let mut diff = DeviceDiff::default();
        let old = read("the old listing", &old_path, |device| diff.add_old(device))?;
        let old = Side {
            name: named(&old_path, "the old listing"),
            record: old.record().cloned(),
            doubt: old.doubt(),
        };
        let mut changes = Vec::new();
        let mut devices = 0_u64;
        let mut add = |device| {
            devices += 1;
            diff.add_new(device).map(|change| changes.extend(change))
        };
        let new = match new_path {
            Some(path) => {
                let saved = read("the new listing", &path, add)?;
                let name = named(&path, "the new listing");
                Side { name, record: saved.record().cloned(), doubt: saved.doubt() }
            }
            None => {
                let client = console.watched(settings.client(console)?);
                let record = ListingRecord {
                    base_url: client.session().config().base_url(),
                    customer: client.session().customer().map(ToString::to_string),
                    search: search.clone(),
                    ..ListingRecord::default()
                };
                // Nothing is listed that cannot be compared.
                old.check_same(&record).map_err(|error| Failure::Usage(old.hinted(&error)))?;
                let listing = client.devices();
                let listing = match search {
                    Some(text) => listing.search(text),
                    None => listing,
                };
                for device in listing.verified() {
                    add(device?)?;
                }
                Side { name: "the listing".into(), record: Some(record), doubt: None }
            }
        };
        if let Some(record) = &new.record {
            old.check_same(record)?;
        }
        changes.extend(diff.absent(new.doubt.is_none()));
        let tally = Tally::of(&changes);
        if ndjson {
            write_ndjson(&changes, console.out())?;
        } else {
            write_table(&changes, console.columns(), console.out())?;
        }
        console.flush()?;
        tally.warnings(&old, &new).into_iter().for_each(|warning| console.warn(warning));
        console.say(tally.summary(devices))?;
        if exit_status && !changes.is_empty() {
            return Err(Failure::Status(ExitStatus::Different));
        }
        Ok(())
    }
}

/// One of the two listings.
struct Side {
    name: String,
    record: Option<ListingRecord>,
    /// Why it proves nothing about devices that it lacks.
    doubt: Option<String>,
}

impl Side {
    fn check_same(&self, new: &ListingRecord) -> Result<(), InputError> {
        self.record.as_ref().map_or(Ok(()), |old| ListingRecord::check_same(old, new))
    }

    /// The error of a new listing of something else, with the options that list the same.
    fn hinted(&self, error: &InputError) -> String {
        let Some(record) = &self.record else { return error.to_string() };
        let option = |name: &str, value: &str| format!(" {name} {}", word(value));
        let mut options = option("--base-url", &record.base_url);
        options.extend(record.customer.as_deref().map(|id| option("--customer", id)));
        options.extend(record.search.as_deref().map(|text| option("--search", text)));
        cell::plain(&format!("{error}")) + "\nhint: the old listing was made with" + &cell::plain(&options)
    }
}

fn named(path: &str, what: &str) -> String {
    if path == "-" { what.to_owned() } else { path.to_owned() }
}

/// Reads a saved listing, device by device.
fn read(
    what: &str,
    path: &str,
    mut add: impl FnMut(Device) -> Result<(), InputError>,
) -> Result<SavedListing, Failure> {
    let mut reader = input::open(what, path)?;
    let mut saved = SavedListing::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line);
        if read.map_err(|error| input::unreadable(what, path, &error))? == 0 {
            return Ok(saved);
        }
        let name = named(path, what);
        let device = saved.read_line(&line);
        let device = device.map_err(|error| Failure::Usage(cell::plain(&format!("{name}, {error}"))))?;
        device.map_or(Ok(()), &mut add)?;
    }
}

/// How many devices changed in which way.
#[derive(Default)]
struct Tally {
    added: u64,
    changed: u64,
    removed: u64,
    not_listed: u64,
}

impl Tally {
    fn of(changes: &[DeviceChange]) -> Self {
        let mut tally = Self::default();
        for change in changes {
            match change {
                DeviceChange::Added(_) => tally.added += 1,
                DeviceChange::Removed(_) => tally.removed += 1,
                DeviceChange::NotListed(_) => tally.not_listed += 1,
                _ => tally.changed += 1,
            }
        }
        tally
    }

    /// The summary of a comparison with a new listing of so many devices.
    fn summary(&self, devices: u64) -> String {
        let Self { added, changed, removed, not_listed } = *self;
        let counts =
            [(added, "added"), (changed, "changed"), (removed, "removed"), (not_listed, "not listed")];
        let mut summary = number(devices, "device");
        let mut is_same = true;
        for (count, word) in counts.into_iter().filter(|(count, _)| *count > 0) {
            let separator = if is_same { ": " } else { ", " };
            is_same = false;
            // Writing to a string cannot fail.
            let _ = write!(summary, "{separator}{} {word}", thousands(count));
        }
        if is_same {
            summary.push_str(", no differences");
        }
        summary
    }

    /// What the differences do not prove.
    fn warnings(&self, old: &Side, new: &Side) -> Vec<String> {
        let mut warnings = Vec::new();
        if let (Some(doubt), 1..) = (&old.doubt, self.added) {
            let added = number(self.added, "added device");
            warnings.push(format!("{added} may have existed before: {} proves nothing: {doubt}", old.name));
        }
        if let (Some(doubt), 1..) = (&new.doubt, self.not_listed) {
            let absent = number(self.not_listed, "device");
            warnings.push(format!("{absent} may still exist: {} proves nothing: {doubt}", new.name));
        }
        let record = new.record.as_ref().filter(|record| record.search.is_some());
        if record.is_some() && self.removed > 0 {
            warnings.push("a removed device may only have stopped matching the search".to_owned());
        }
        let when = |side: &Side| side.record.as_ref().map(|record| record.when.clone());
        if let (Some(before), Some(after)) = (when(old), when(new))
            && !after.is_empty()
            && before > after
        {
            warnings.push(format!("{} is newer than {}: OLD comes first", old.name, new.name));
        }
        warnings.iter().map(|warning| cell::plain(warning)).collect()
    }
}

fn write_ndjson(changes: &[DeviceChange], out: &mut dyn Write) -> Result<(), Failure> {
    for change in changes {
        serde_json::to_writer(&mut *out, change).map_err(std::io::Error::from)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Writes a row for each changed field, and one for each other device.
fn write_table(changes: &[DeviceChange], columns: Option<usize>, out: &mut dyn Write) -> Result<(), Failure> {
    let headings = [
        Column::from("CHANGE"),
        Column::from("NAME").cut_to(16),
        Column::from("UUID"),
        Column::from("FIELD").if_any(),
        Column::from("OLD").cut_to(12).if_any(),
        Column::from("NEW").cut_to(12).if_any(),
    ];
    let mut table = Table::new(headings, columns);
    let rows = changes.iter().flat_map(rows).map(IntoIterator::into_iter);
    table.add(rows, out)?;
    Ok(table.end(out)?)
}

fn rows(change: &DeviceChange) -> Vec<[String; 6]> {
    let row = |field: &str, old, new| {
        let kind = change.kind().replace('_', " ");
        let device = change.device();
        [kind, device.name().to_owned(), device.uuid().to_owned(), field.to_owned(), shown(old), shown(new)]
    };
    let fields = change.fields();
    if fields.is_empty() {
        return vec![row("", None, None)];
    }
    fields.iter().map(|field| row(&field.name, field.old, field.new)).collect()
}

/// A value in a cell. An empty text and `null` differ from a field that is missing.
fn shown(value: Option<FieldValue<'_>>) -> String {
    match value {
        None => String::new(),
        Some(FieldValue::Text("")) => "\"\"".to_owned(),
        Some(FieldValue::Text(text)) => text.to_owned(),
        Some(FieldValue::Json(json)) => match json.text() {
            Some(text) if !text.is_empty() => text.into_owned(),
            _ => json.as_str().to_owned(),
        },
    }
}
