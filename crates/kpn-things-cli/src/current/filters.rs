//! The filters that every resource of the current API takes.

use clap::Args;
use things_core::{Filter, ListResource};

/// Which items to list.
#[derive(Args)]
#[command(next_help_heading = "Filters of the current API")]
pub(crate) struct Filters {
    /// Only what was created at this time or later
    ///
    /// A date, or a time with an offset: 2026-01-31 or 2026-01-31T09:30:00Z
    #[arg(long, value_name = "TIME")]
    created_since: Option<String>,
    /// Only what was created before this time
    #[arg(long, value_name = "TIME")]
    created_before: Option<String>,
    /// Only what was changed at this time or later
    #[arg(long, value_name = "TIME")]
    modified_since: Option<String>,
    /// Only what was changed before this time
    #[arg(long, value_name = "TIME")]
    modified_before: Option<String>,
    /// Only items of this Customer ID
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Only items of this project
    #[arg(long, value_name = "ID")]
    project_id: Option<String>,
}

impl Filters {
    /// Whether no filter is set.
    pub(crate) fn is_empty(&self) -> bool {
        self.values().all(|(_, value)| value.is_none())
    }

    /// Adds the filters to a query.
    pub(crate) fn apply(&self, query: ListResource) -> ListResource {
        self.values().fold(query, |query, (filter, value)| match value {
            Some(value) => query.filter(filter, value),
            None => query,
        })
    }

    fn values(&self) -> impl Iterator<Item = (Filter, Option<&str>)> {
        [
            (Filter::CreatedSince, &self.created_since),
            (Filter::CreatedBefore, &self.created_before),
            (Filter::ModifiedSince, &self.modified_since),
            (Filter::ModifiedBefore, &self.modified_before),
            (Filter::ClientId, &self.client_id),
            (Filter::ProjectId, &self.project_id),
        ]
        .into_iter()
        .map(|(filter, value)| (filter, value.as_deref()))
    }
}

/// The order of a listing, and the size of its pages.
#[derive(Args)]
pub(crate) struct Order {
    /// Fields to sort by, such as createdAt,-name
    ///
    /// A `-` in front of a field sorts it in descending order.
    #[arg(long, value_name = "FIELDS", allow_hyphen_values = true)]
    pub(crate) sort: Option<String>,
    /// Most items per page [default: 50]
    ///
    /// That is the default of the service. Its maximum is not documented.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) page_size: Option<u32>,
}

impl Order {
    /// Adds the order and the size to a query.
    pub(crate) fn apply(&self, mut query: ListResource) -> ListResource {
        if let Some(sort) = &self.sort {
            query = query.sort(sort);
        }
        if let Some(size) = self.page_size {
            query = query.limit(size);
        }
        query
    }
}
