//! Prints a listing of the current API.

use things_core::{Item, ListResource};
use things_ureq::Client;

use super::ItemSheet;
use crate::console::Console;
use crate::count::number;
use crate::devices::sheet::Format;
use crate::failure::Failure;
use crate::interrupt::{Interrupt, Verdict};

/// How much of a listing to print.
pub(crate) struct Extent {
    /// What an item is called.
    pub(crate) noun: &'static str,
    /// The number of items after which to stop.
    pub(crate) limit: Option<u64>,
    /// The time limit for all pages.
    pub(crate) deadline: Option<std::time::Duration>,
}

/// Lists what the query selects, and prints it page by page.
pub(crate) fn print(
    client: &Client,
    query: ListResource,
    extent: &Extent,
    format: Format,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let noun = extent.noun;
    let _interrupt = Interrupt::handle(console, move || {
        Verdict::Die(Some(format!("interrupted: the output may lack {noun}s")))
    });
    let columns = console.columns();
    let mut sheet = format.item_sheet(console.out(), columns);
    let result = list(client, query, extent, &mut sheet);
    match &result {
        Ok(_) => sheet.end()?,
        Err(_) => sheet.leave()?,
    }
    drop(sheet);
    match result {
        Ok(summary) => Ok(console.say(summary)?),
        Err((failure, items)) => {
            if items > 0 && matches!(failure, Failure::Call(_)) {
                console.flush()?;
                console.complain(format_args!("error: the output is incomplete: {}", number(items, noun)));
            }
            Err(failure)
        }
    }
}

/// Writes the items, and returns the summary. An error comes with the number of items before it.
fn list(
    client: &Client,
    query: ListResource,
    extent: &Extent,
    sheet: &mut ItemSheet<'_>,
) -> Result<String, (Failure, u64)> {
    let mut listing = client.current().list::<Item>(query);
    if let Some(deadline) = extent.deadline {
        listing = listing.deadline(deadline);
    }
    let mut stream = listing.stream();
    let (mut count, limit) = (0, extent.limit.unwrap_or(u64::MAX));
    while count < limit {
        let Some(item) = stream.next() else { break };
        let mut batch = vec![item.map_err(|error| (error.into(), count))?];
        // All items of the page that arrived are written at once, so that a table has the fields of all of them.
        let room = usize::try_from(limit - count).unwrap_or(usize::MAX);
        let mut failed = None;
        while batch.len() < room
            && failed.is_none()
            && let Some(result) = stream.ready()
        {
            match result {
                Ok(item) => batch.push(item),
                Err(error) => failed = Some(error),
            }
        }
        count += batch.len() as u64;
        let written = sheet.add(&batch).and_then(|()| sheet.flush());
        written.map_err(|error| (error.into(), count))?;
        if let Some(error) = failed {
            return Err((error.into(), count));
        }
    }
    let pages = number(stream.feed().pages(), "page");
    let limited = if extent.limit == Some(count) { "; stopped at the limit" } else { "" };
    Ok(format!("{} on {pages}{limited}", number(count, extent.noun)))
}
