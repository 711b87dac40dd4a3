//! The options that say what to list.

use std::time::{Duration, SystemTime};

use clap::Args;
use things_core::{FeedClient, Filter, ListDevices, ListResource, ListingRecord, SortOrder};
use things_ureq::{Client, Devices};

use crate::failure::Failure;
use crate::settings::seconds;

/// What to list, and how.
#[derive(Args)]
pub(super) struct Query {
    /// Only devices that match this text
    ///
    /// The match is partial and case-sensitive.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Require the proof that the listing is complete
    #[arg(long, conflicts_with_all = ["plain", "limit", "sort_by", "ascending", "descending"])]
    pub(super) verified: bool,
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
    /// Most devices per page [default: 100]
    ///
    /// The maximum of the service is not documented.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    page_size: Option<u32>,
    /// Pages to request at a time, 1 to 64
    ///
    /// The default is 8, and fewer if pages are large.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    window: Option<u32>,
    /// Stop after this many devices
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<u64>,
    /// Time limit for the whole listing [default: none]
    ///
    /// --timeout is the limit per page.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(super) deadline: Option<Duration>,
}

/// Devices per page where the user names no page size.
const PAGE_SIZE: u32 = 100;

/// Most devices to request at a time: more would cost memory and gain nothing.
const UNDER_WAY: u32 = 2_000;

impl Query {
    /// Whether the listing proves nothing: it was requested so, or it has an order or an end of its own.
    pub(super) fn is_plain(&self) -> bool {
        let order = self.sort_by.is_some() || self.ascending || self.descending;
        self.plain || order || self.limit.is_some()
    }

    /// The request for the first page, where the service takes every default.
    pub(super) fn first_page(&self) -> ListDevices {
        let mut page = ListDevices::new().page_size(self.page_size.unwrap_or(PAGE_SIZE));
        page = page.sort_by(self.sort_by.as_deref().unwrap_or("uuid"));
        if let Some(text) = &self.search {
            page = page.search(text);
        }
        if self.ascending {
            page = page.sort_order(SortOrder::Ascending);
        }
        if self.descending {
            page = page.sort_order(SortOrder::Descending);
        }
        page
    }

    /// The record of a listing by this client that starts now. Its outcome is not known yet.
    pub(super) fn record(&self, client: &Client) -> ListingRecord {
        ListingRecord {
            when: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            base_url: client.session().config().base_url(),
            search: self.search.clone(),
            customer: client.session().customer().map(ToString::to_string),
            ..ListingRecord::default()
        }
    }

    /// Adds the options to a query of the current API, which has no numbered pages and no order that proves anything.
    pub(super) fn in_current(&self, mut query: ListResource) -> Result<ListResource, Failure> {
        if self.verified || self.plain || self.window.is_some() {
            return Err(Failure::Usage(
                "--verified, --plain and --window are not for --api current, whose pages link to the next one".into(),
            ));
        }
        match (&self.sort_by, self.descending) {
            (Some(property), true) => query = query.sort(format!("-{property}")),
            (Some(property), false) => query = query.sort(property),
            (None, _) if self.descending || self.ascending => {
                return Err(Failure::Usage("--api current needs --sort-by for an order".into()));
            }
            (None, _) => {}
        }
        if let Some(text) = &self.search {
            query = query.filter(Filter::Q, text);
        }
        if let Some(size) = self.page_size {
            query = query.limit(size);
        }
        Ok(query)
    }

    pub(super) fn apply<C>(&self, mut devices: Devices<C>) -> Devices<C> {
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
        if let Some(deadline) = self.deadline {
            devices = devices.deadline(deadline);
        }
        let page_size = self.page_size.unwrap_or(PAGE_SIZE);
        let window = self.window.unwrap_or((UNDER_WAY / page_size).clamp(2, 8));
        // Pages beyond the limit need not be requested.
        let pages = self.limit.unwrap_or(u64::MAX).div_ceil(page_size.into()).clamp(1, window.into());
        devices.window(usize::try_from(pages).unwrap_or(1))
    }
}
