//! `things devices list`: all devices, page by page.

use std::io::{self, Write};

use clap::Args;
use things_core::{Device, Json, SortOrder};

use crate::console::Console;
use crate::failure::Failure;
use crate::settings;
use crate::table::Table;

/// List your devices
#[derive(Args)]
#[command(help_template = crate::HELP, before_help = "\
Examples:
  things devices list
  things devices list --search Parking --sort-by name --descending
  things devices list --customer 79658ca8-f1ba-4c25-b824-93813e9fba76
  things devices list --page-size 500 --ndjson | jq -r .uuid", after_help = "\
The other formats keep the service's own field names and values. All of them, and the table, are written page by \
page: a fleet of any size takes the same memory.")]
pub(crate) struct List {
    /// Only devices that match this text: partial, and case-sensitive
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Property to order by; the service's default is name
    #[arg(long, value_name = "PROPERTY")]
    sort_by: Option<String>,
    /// Order upwards
    #[arg(long, conflicts_with = "descending")]
    ascending: bool,
    /// Order downwards
    #[arg(long)]
    descending: bool,
    /// Devices a page; the service's default is 20, its maximum is not documented
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    page_size: Option<u32>,
    /// Pages to ask for at a time, 1 to 64; 8 by default, and fewer where pages are large
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    window: Option<u32>,
    /// Stop after this many devices
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    settings: settings::Options,
}

#[derive(Args)]
#[group(multiple = false)]
#[command(next_help_heading = "Format")]
struct Format {
    /// One JSON array
    #[arg(long)]
    json: bool,
    /// One JSON object a line
    #[arg(long)]
    ndjson: bool,
    /// CSV, with metadata as JSON
    #[arg(long)]
    csv: bool,
}

/// Devices per page where the user names no page size.
const PAGE_SIZE: u32 = 100;

/// Most devices to ask for at a time: more would cost memory and gain nothing.
const UNDER_WAY: u32 = 2_000;

impl List {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let mut devices = self.settings.client()?.devices();
        if let Some(text) = self.search {
            devices = devices.search(text);
        }
        if let Some(property) = self.sort_by {
            devices = devices.sort_by(property);
        }
        if self.ascending {
            devices = devices.sort_order(SortOrder::Ascending);
        }
        if self.descending {
            devices = devices.sort_order(SortOrder::Descending);
        }
        if let Some(size) = self.page_size {
            devices = devices.page_size(size);
        }
        let mut left = self.limit.unwrap_or(u64::MAX);
        let page_size = self.page_size.unwrap_or(PAGE_SIZE);
        let window = self.window.unwrap_or((UNDER_WAY / page_size).clamp(2, 8));
        // Pages beyond the limit need not be asked for.
        let pages = left.div_ceil(page_size.into()).clamp(1, window.into());
        let mut pages = devices.window(usize::try_from(pages).unwrap_or(1)).pages();
        let mut count = Count::default();
        let columns = console.columns();
        let mut sheet = self.format.sheet(console.out(), columns);
        while left > 0 {
            let Some(page) = pages.next() else { break };
            let page = page?;
            let wanted = usize::try_from(left).unwrap_or(usize::MAX);
            let devices = page.devices.get(..wanted).unwrap_or(&page.devices);
            sheet.add(devices)?;
            if columns.is_some() {
                sheet.flush()?;
            }
            left -= devices.len() as u64;
            count.devices += devices.len() as u64;
            count.pages += 1;
            count.told = page.total_elements.or(count.told);
        }
        count.doubles = pages.feed().report().doubles;
        sheet.end()?;
        drop(sheet);
        console.say(count.in_words(left == 0))?;
        Ok(())
    }
}

/// How much there was.
#[derive(Default)]
pub(crate) struct Count {
    pub(crate) devices: u64,
    pub(crate) pages: u64,
    /// How many devices there are by the server's own word.
    pub(crate) told: Option<u64>,
    /// How often a device came again on a later page.
    pub(crate) doubles: u64,
}

impl Count {
    pub(crate) fn in_words(&self, limited: bool) -> String {
        let mut words = format!("{} on {}", number(self.devices, "device"), number(self.pages, "page"));
        if let Some(told) = self.told.filter(|told| *told != self.devices) {
            words.push_str(&format!("; the service counts {}", number(told, "device")));
        }
        if self.doubles > 0 {
            let doubles = number(self.doubles, "device");
            words.push_str(&format!("; {doubles} came twice, so others may be missing"));
        }
        if limited {
            words.push_str("; stopped at the limit");
        }
        words
    }
}

/// A number with commas, and what it counts.
pub(crate) fn number(count: u64, noun: &str) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    let plural = if count == 1 { "" } else { "s" };
    format!("{text} {noun}{plural}")
}

/// Devices written one after the other.
enum Sheet<'a> {
    Table(Table<5>, &'a mut dyn Write),
    /// Whether the array is open yet.
    Json(bool, &'a mut dyn Write),
    Ndjson(&'a mut dyn Write),
    /// Whether the header is written yet.
    Csv(bool, Box<csv::Writer<&'a mut dyn Write>>),
}

const CSV_HEADER: [&str; 6] =
    ["uuid", "name", "description", "deviceSpecificationUUID", "barcode", "metadata"];

impl Format {
    fn sheet(self, out: &mut dyn Write, columns: Option<usize>) -> Sheet<'_> {
        if self.json {
            Sheet::Json(false, out)
        } else if self.ndjson {
            Sheet::Ndjson(out)
        } else if self.csv {
            Sheet::Csv(false, Box::new(csv::Writer::from_writer(out)))
        } else {
            Sheet::Table(table(columns), out)
        }
    }
}

impl Sheet<'_> {
    fn add(&mut self, devices: &[Device]) -> Result<(), Failure> {
        match self {
            Self::Table(table, out) => table.write(&rows(devices), out)?,
            Self::Json(open, out) => {
                for device in devices {
                    out.write_all(if *open { b",\n" } else { b"[\n" })?;
                    *open = true;
                    serde_json::to_writer(&mut **out, device).map_err(io::Error::from)?;
                }
            }
            Self::Ndjson(out) => {
                for device in devices {
                    serde_json::to_writer(&mut **out, device).map_err(io::Error::from)?;
                    out.write_all(b"\n")?;
                }
            }
            Self::Csv(headed, writer) => {
                if !*headed {
                    writer.write_record(CSV_HEADER).map_err(output)?;
                    *headed = true;
                }
                for device in devices {
                    let metadata = Some(device.metadata()).filter(|json| !json.is_null());
                    let record = [
                        device.uuid(),
                        device.name(),
                        device.description().unwrap_or_default(),
                        device.device_specification_uuid().unwrap_or_default(),
                        device.barcode().unwrap_or_default(),
                        metadata.map_or("", Json::as_str),
                    ];
                    writer.write_record(record).map_err(output)?;
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Table(_, out) | Self::Json(_, out) | Self::Ndjson(out) => out.flush(),
            Self::Csv(_, writer) => writer.flush(),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        match self {
            Self::Json(true, out) => out.write_all(b"\n]\n")?,
            Self::Json(false, out) => out.write_all(b"[]\n")?,
            Self::Table(..) | Self::Ndjson(_) | Self::Csv(..) => {}
        }
        self.flush()
    }
}

fn output(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// A table of devices.
pub(crate) fn table(columns: Option<usize>) -> Table<5> {
    Table::new(["NAME", "UUID", "BARCODE", "DESCRIPTION", "SPECIFICATION"], columns)
}

/// The rows that devices make.
pub(crate) fn rows(devices: &[Device]) -> Vec<[String; 5]> {
    let row = |device: &Device| {
        let texts = [
            device.name(),
            device.uuid(),
            device.barcode().unwrap_or_default(),
            device.description().unwrap_or_default(),
            device.device_specification_uuid().unwrap_or_default(),
        ];
        texts.map(str::to_owned)
    };
    devices.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_well() {
        let count = |devices, pages, told| Count { devices, pages, told, doubles: 0 };
        assert_eq!(count(100_000, 5_000, Some(100_000)).in_words(false), "100,000 devices on 5,000 pages");
        assert_eq!(count(1, 1, None).in_words(false), "1 device on 1 page");
        assert_eq!(
            count(1_234_567, 1, Some(2)).in_words(true),
            "1,234,567 devices on 1 page; the service counts 2 devices; stopped at the limit"
        );
        let doubles = Count { doubles: 12, ..count(48, 3, Some(60)) };
        assert_eq!(
            doubles.in_words(false),
            "48 devices on 3 pages; the service counts 60 devices; 12 devices came twice, so others may be missing"
        );
    }
}
