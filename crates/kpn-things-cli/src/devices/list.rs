//! `things devices list`: all devices, and whether they are provably all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use things_core::{Device, DeviceFeed, ErrorKind, ListResource, ListingRecord, Page, Proof};
use things_ureq::{Client, Devices};

use super::query::Query;
use super::sheet::{Format, Sheet};
use super::tally::Tally;
use super::{current, customers};
use crate::console::Console;
use crate::count::{number, portion};
use crate::current::Extent;
use crate::failure::Failure;
use crate::interrupt::{Interrupt, Verdict};
use crate::{curl, progress, settings};

/// List your devices
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things devices list
  things devices list --verified --ndjson --with-proof > devices.ndjson
  things devices list --search Parking --sort-by name --descending
  things devices list --fields name,eui,metadata.floor
  things devices list --csv-dialect excel > devices.csv
  things devices list --customer 79658ca8-f1ba-4c25-b824-93813e9fba76
  things devices list --customers customers.txt --csv > devices.csv
  things devices list --api current --barcode 8712345678906",
    after_help = "\
The listing proves that it is complete: it contains every device that existed from the first request to the last \
response. The last message reports this, or why the proof failed. After a failed proof, the remaining devices are \
listed page by page, and the exit status is still 0. With --verified it is 5. There is no proof if you set an order or \
a limit.

The table is sorted by name, up to 50,000 devices. The other formats are written page by page, in the order of uuid, \
so that a fleet of any size takes the same memory. They keep the field names and values of the service. --fields takes \
these names, and paths such as metadata.floor. A device without the field has null in JSON, and an empty cell in a table \
or in CSV.

With --customers, the devices of each customer follow those of the customer before, and each row has the field customer. \
Customers whose listings cannot be proven complete come last. If a customer cannot be listed, the others are, and the exit \
status is 1.

--with-proof adds a last line to NDJSON: an object _listing with proven, requests, devices, when, base_url, search and \
customer. `things devices diff` concludes only from such a file that a device was removed.

--api current lists the devices of KPN's current API: page after page, without a proof. --search then ignores case and finds \
descriptions, too. That API is known from the public part of its documentation, and the tool has never met the real service. The \
table and CSV have a column for each field of the first page, and CSV has the column extra for all others.

--csv has the columns uuid, name, description, deviceSpecificationUUID, barcode, metadata, eui and extra. The column \
extra holds all other fields as one JSON object. --csv-dialect excel changes cells that Excel would change or run: ids, \
numbers and dates become =\"0123\", and a formula gets an apostrophe in front."
)]
pub(crate) struct List {
    #[command(flatten)]
    query: Query,
    /// File with sub-customers to list, one id per line
    ///
    /// - is standard input. Empty lines are skipped, and so is what follows a #. Each row names its customer.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["customer", "limit", "dry_run", "with_proof"])]
    customers: Option<String>,
    /// End NDJSON with the proof, for `things devices diff`
    #[arg(long, requires = "ndjson", conflicts_with_all = ["json", "csv", "csv_dialect", "fields"])]
    with_proof: bool,
    /// Print curl commands for the first page
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    current: current::OfCurrent,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    settings: settings::Options,
}

/// Most devices that are held back to sort them.
const SORTED: usize = 50_000;

impl List {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        if let Some(list) = self.current.query(&self.query)? {
            return self.run_current(list, console);
        }
        let List { query, customers, format, with_proof, dry_run, settings, .. } = self;
        if dry_run {
            return curl::dry_run(&query.first_page(), settings, console);
        }
        let customers = customers.map(|path| customers::read(&path)).transpose()?;
        let client = console.watched(settings.client(console)?);
        let record = with_proof.then(|| query.record(&client));
        let held = (!query.is_plain() && format.is_table()).then(Vec::new);
        let shown = Arc::new(Shown::default());
        let (columns, progress, seen) = (console.columns(), console.progress(), Arc::clone(&shown));
        let _interrupt = Interrupt::handle(console, move || Verdict::Die(Some(seen.interrupted())));
        let sheet = format.sheet(console.out(), columns, customers.is_some());
        let tally = Tally::default();
        let mut list = Listing { sheet, held, is_unsorted: false, tally, proof: None, progress, shown };
        let mut outcome = None;
        let result = match &customers {
            Some(customers) => list.customers(&client, customers, &query).map(|found| {
                let summary = found.summary(list.tally.devices, &query);
                outcome = Some(found);
                summary
            }),
            None if query.is_plain() => list.plain(query.apply(client.devices()), query.limit),
            None => list.proven(query.apply(client.devices()), query.verified, query.deadline),
        };
        // What was held back is written even if the listing failed.
        list.write_held()?;
        match result {
            Ok(summary) => {
                list.sheet.end()?;
                let (warnings, is_unsorted) = (list.sheet.warnings(), list.is_unsorted);
                let (proof, pages, devices) = (list.proof, list.tally.pages, list.tally.devices);
                drop(list);
                if let Some(record) = record {
                    let requests = proof.map_or(pages, |proof| proof.requests);
                    let record = ListingRecord { proven: proof.is_some(), requests, devices, ..record };
                    writeln!(console.out(), "{}", record.to_line())?;
                }
                console.flush()?;
                warnings.into_iter().for_each(|warning| console.warn(warning));
                let note = match is_unsorted {
                    true => format!("; more than {}, so not sorted by name", number(SORTED as u64, "device")),
                    false => String::new(),
                };
                console.say(summary + &note)?;
                outcome.map_or(Ok(()), |outcome| outcome.report(customers.unwrap_or_default().len(), console))
            }
            Err(failure) => {
                list.sheet.leave()?;
                let Tally { devices, counted, .. } = list.tally;
                drop(list);
                if devices > 0 && matches!(failure, Failure::Call(_)) {
                    console.flush()?;
                    console.complain(format_args!("error: {}", incomplete(devices, counted)));
                }
                Err(failure)
            }
        }
    }
}

impl List {
    /// Lists the devices of the current API.
    fn run_current(self, list: ListResource, console: &mut Console<'_>) -> Result<(), Failure> {
        if self.customers.is_some() || self.with_proof {
            return Err(Failure::Usage("--customers and --with-proof are not for --api current".into()));
        }
        if self.dry_run {
            return curl::dry_run(&list, self.settings, console);
        }
        let client = console.watched(self.settings.client(console)?);
        let extent = Extent { noun: "device", limit: self.query.limit, deadline: self.query.deadline };
        crate::current::print(&client, list, &extent, self.format, console)
    }
}

/// How far the output is, for a message from another thread.
#[derive(Debug, Default)]
struct Shown {
    devices: AtomicU64,
    /// The number of devices that the service counts. 0 if it is unknown.
    counted: AtomicU64,
}

impl Shown {
    fn set(&self, tally: &Tally) {
        self.devices.store(tally.devices, Ordering::Relaxed);
        self.counted.store(tally.counted.unwrap_or(0), Ordering::Relaxed);
    }

    fn interrupted(&self) -> String {
        let (devices, counted) = (self.devices.load(Ordering::Relaxed), self.counted.load(Ordering::Relaxed));
        let counted = Some(counted).filter(|counted| *counted > 0);
        if devices == 0 {
            return "interrupted: no device was written".to_owned();
        }
        format!("interrupted: {}", incomplete(devices, counted))
    }
}

/// How much of the output there is. The service may count fewer devices than there are.
fn incomplete(devices: u64, counted: Option<u64>) -> String {
    let may_be = if counted.is_some_and(|counted| counted <= devices) { "may be" } else { "is" };
    format!("the output {may_be} incomplete: {}", portion(devices, counted))
}

/// A listing as it is written.
pub(super) struct Listing<'a> {
    sheet: Sheet<'a>,
    /// Devices that wait to be sorted.
    held: Option<Vec<Device>>,
    /// There were too many devices to sort.
    is_unsorted: bool,
    pub(super) tally: Tally,
    /// The proof that the listing is complete.
    proof: Option<Proof>,
    progress: Option<Arc<progress::State>>,
    shown: Arc<Shown>,
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
        self.tally.doubles = pages.feed().report().doubles;
        Ok(self.tally.summary(left == 0))
    }

    /// Lists with a proof, and returns the summary. If the proof fails and is not required, the devices that are missing are
    /// listed page by page.
    fn proven(
        &mut self,
        mut devices: Devices<Client>,
        required: bool,
        deadline: Option<Duration>,
    ) -> Result<String, Failure> {
        let start = Instant::now();
        let mut batches = devices.clone().verified().batches();
        let why = loop {
            match batches.next() {
                Some(Ok(batch)) => {
                    let total = batches.feed().expected() as u64;
                    self.tally.counted = Some(total).filter(|total| *total > 0);
                    self.add(batch)?;
                }
                Some(Err(error)) if error.kind() == ErrorKind::Incomplete && !required => {
                    break error.incomplete().map(|incomplete| incomplete.why.clone()).unwrap_or_default();
                }
                Some(Err(error)) => return Err(error.into()),
                None => {
                    self.proof = batches.feed().proof();
                    return Ok(self.tally.with_proof(self.proof));
                }
            }
        };
        if let Some(deadline) = deadline {
            devices = devices.deadline(deadline.saturating_sub(start.elapsed()));
        }
        let mut pages = devices.pages();
        for page in pages.by_ref() {
            let mut page = page?;
            page.devices.retain(|device| !batches.feed().has_listed(device));
            self.add_page(page)?;
        }
        self.tally.doubles = pages.feed().report().doubles;
        Ok(format!("{}; not proven complete: {why}", self.tally.summary(false)))
    }

    /// Whether devices are sorted by name, as far as they are held back.
    pub(super) fn is_sorted(&self) -> bool {
        self.held.is_some()
    }

    fn add_page(&mut self, page: Page) -> Result<(), Failure> {
        self.tally.pages += 1;
        self.tally.counted = page.total_elements.or(self.tally.counted);
        self.add(page.devices)
    }

    fn add(&mut self, devices: Vec<Device>) -> Result<(), Failure> {
        self.tally.devices += devices.len() as u64;
        if let Some(progress) = &self.progress {
            progress.devices(self.tally.devices, self.tally.counted);
        }
        if let Some(held) = &mut self.held {
            held.extend(devices);
            if held.len() > SORTED {
                let held = self.held.take().unwrap_or_default();
                self.is_unsorted = true;
                self.sheet.add(&held)?;
            }
            return Ok(());
        }
        self.put(&devices)
    }

    /// Writes devices that are not held back.
    pub(super) fn write(&mut self, devices: &[Device]) -> Result<(), Failure> {
        self.tally.devices += devices.len() as u64;
        if let Some(progress) = &self.progress {
            progress.devices(self.tally.devices, None);
        }
        self.put(devices)
    }

    fn put(&mut self, devices: &[Device]) -> Result<(), Failure> {
        self.sheet.add(devices)?;
        // The reader of a pipe gets each page as it comes.
        self.sheet.flush()?;
        self.shown.set(&self.tally);
        Ok(())
    }

    /// Sorts by name what was held back, and writes it.
    fn write_held(&mut self) -> Result<(), Failure> {
        let mut held = self.held.take().unwrap_or_default();
        held.sort_by_cached_key(|device| device.name().to_lowercase());
        self.sheet.add(&held)
    }
}
