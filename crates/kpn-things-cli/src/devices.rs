//! `things devices list`: all devices, and whether they are provably all.

use std::sync::Arc;

use clap::Args;
use things_core::{Device, DeviceFeed, ErrorKind, Page, Proof, SortOrder};
use things_ureq::{Client, Devices};

use crate::console::Console;
use crate::count::number;
use crate::failure::Failure;
use crate::sheet::{Format, Sheet};
use crate::{progress, settings};

/// List your devices
#[derive(Args)]
#[command(help_template = crate::HELP, before_help = "\
Examples:
  things devices list
  things devices list --verified --ndjson > devices.ndjson
  things devices list --search Parking --sort-by name --descending
  things devices list --customer 79658ca8-f1ba-4c25-b824-93813e9fba76", after_help = "\
The listing proves that it is complete: every device that was there from the first request to the last response is \
listed. The last message says so, or why it could not be proven; the rest is listed page by page then. The exit status \
is 0 either way, and 5 for a missing proof with --verified. An order or a limit of your own leaves the proof out.

The other formats keep the service's own field names and values. They are written page by page, in the order of uuid: a \
fleet of any size takes the same memory. The table is sorted by name, up to 50,000 devices.")]
pub(crate) struct List {
    #[command(flatten)]
    query: Query,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    settings: settings::Options,
}

/// What to list, and how.
#[derive(Args)]
struct Query {
    /// Only devices that match this text: partial, and case-sensitive
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Require the proof that the listing is complete
    #[arg(long, conflicts_with_all = ["plain", "limit", "sort_by", "ascending", "descending"])]
    verified: bool,
    /// List page by page, without a proof
    #[arg(long)]
    plain: bool,
    /// Property to order by
    #[arg(long, value_name = "PROPERTY")]
    sort_by: Option<String>,
    /// Sort ascending
    #[arg(long, conflicts_with = "descending")]
    ascending: bool,
    /// Sort descending
    #[arg(long)]
    descending: bool,
    /// Most devices per page; 100 by default, the service's maximum is not documented
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    page_size: Option<u32>,
    /// Pages to request at a time, 1 to 64; 8 by default, and fewer where pages are large
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    window: Option<u32>,
    /// Stop after this many devices
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

/// Devices per page where the user names no page size.
const PAGE_SIZE: u32 = 100;

/// Most devices to request at a time: more would cost memory and gain nothing.
const UNDER_WAY: u32 = 2_000;

/// Most devices that are held back to sort them.
const SORTED: usize = 50_000;

impl List {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let List { query, format, settings } = self;
        let plain = query.is_plain();
        let devices = query.apply(console.watched(settings.client()?).devices());
        let (columns, progress) = (console.columns(), console.progress());
        let sheet = format.sheet(console.out(), columns);
        let held = (!plain && format.is_table()).then(Vec::new);
        let mut list = Listing {
            sheet,
            held,
            on_screen: columns.is_some(),
            unsorted: false,
            count: Count::default(),
            progress,
        };
        let result =
            if plain { list.plain(devices, query.limit) } else { list.proven(devices, query.verified) };
        // What was held back is written even if the listing failed.
        list.write_held()?;
        let mut summary = result?;
        if list.unsorted {
            summary
                .push_str(&format!("; more than {}, so not sorted by name", number(SORTED as u64, "device")));
        }
        list.sheet.end()?;
        drop(list);
        console.say(summary)?;
        Ok(())
    }
}

impl Query {
    /// Whether the listing proves nothing: it was requested so, or it has an order or an end of its own.
    fn is_plain(&self) -> bool {
        let order = self.sort_by.is_some() || self.ascending || self.descending;
        self.plain || order || self.limit.is_some()
    }

    fn apply(&self, mut devices: Devices<Client>) -> Devices<Client> {
        if let Some(text) = &self.search {
            devices = devices.search(text);
        }
        if let Some(property) = &self.sort_by {
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
        let page_size = self.page_size.unwrap_or(PAGE_SIZE);
        let window = self.window.unwrap_or((UNDER_WAY / page_size).clamp(2, 8));
        // Pages beyond the limit need not be requested.
        let pages = self.limit.unwrap_or(u64::MAX).div_ceil(page_size.into()).clamp(1, window.into());
        devices.window(usize::try_from(pages).unwrap_or(1))
    }
}

/// A listing as it is written.
struct Listing<'a> {
    sheet: Sheet<'a>,
    /// Devices that wait to be sorted.
    held: Option<Vec<Device>>,
    /// Somebody watches: each page is shown at once.
    on_screen: bool,
    /// There were too many devices to sort.
    unsorted: bool,
    count: Count,
    progress: Option<Arc<progress::State>>,
}

impl Listing<'_> {
    /// Lists page by page, and returns the summary.
    fn plain(&mut self, devices: Devices<Client>, limit: Option<u64>) -> Result<String, Failure> {
        let mut left = limit.unwrap_or(u64::MAX);
        let mut pages = devices.pages();
        while left > 0 {
            let Some(page) = pages.next() else { break };
            let mut page = page?;
            page.devices.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            left -= page.devices.len() as u64;
            self.add_page(page)?;
        }
        self.count.doubles = pages.feed().report().doubles;
        Ok(self.count.in_words(left == 0))
    }

    /// Lists with a proof, and returns the summary. If the proof fails and is not required, the devices that are missing are
    /// listed page by page.
    fn proven(&mut self, devices: Devices<Client>, required: bool) -> Result<String, Failure> {
        let mut batches = devices.clone().verified().batches();
        let why = loop {
            match batches.next() {
                Some(Ok(batch)) => {
                    let total = batches.feed().expected() as u64;
                    self.count.told = Some(total).filter(|total| *total > 0);
                    self.add(batch)?;
                }
                Some(Err(error)) if error.kind() == ErrorKind::Incomplete && !required => {
                    break error.incomplete().map(|incomplete| incomplete.why.clone()).unwrap_or_default();
                }
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(self.count.with_proof(batches.feed().proof())),
            }
        };
        let mut pages = devices.pages();
        for page in pages.by_ref() {
            let mut page = page?;
            page.devices.retain(|device| !batches.feed().has_listed(device));
            self.add_page(page)?;
        }
        self.count.doubles = pages.feed().report().doubles;
        Ok(format!("{}; not proven complete: {why}", self.count.in_words(false)))
    }

    fn add_page(&mut self, page: Page) -> Result<(), Failure> {
        self.count.pages += 1;
        self.count.told = page.total_elements.or(self.count.told);
        self.add(page.devices)
    }

    fn add(&mut self, devices: Vec<Device>) -> Result<(), Failure> {
        self.count.devices += devices.len() as u64;
        if let Some(progress) = &self.progress {
            progress.devices(self.count.devices, self.count.told);
        }
        if let Some(held) = &mut self.held {
            held.extend(devices);
            if held.len() > SORTED {
                let held = self.held.take().unwrap_or_default();
                self.unsorted = true;
                self.sheet.add(&held)?;
            }
            return Ok(());
        }
        self.sheet.add(&devices)?;
        if self.on_screen {
            self.sheet.flush()?;
        }
        Ok(())
    }

    /// Sorts by name what was held back, and writes it.
    fn write_held(&mut self) -> Result<(), Failure> {
        let mut held = self.held.take().unwrap_or_default();
        held.sort_by_cached_key(|device| device.name().to_lowercase());
        self.sheet.add(&held)
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
    /// The summary of a listing that is proven complete.
    fn with_proof(&self, proof: Option<Proof>) -> String {
        let requests = proof.map_or(0, |proof| proof.requests);
        format!("{}, proven complete with {}", number(self.devices, "device"), number(requests, "request"))
    }

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
