//! `things devices list --api current`: the devices of KPN's current API.

use clap::{Args, ValueEnum};
use things_core::{Filter, ListResource, Resource};

use super::query::Query;
use crate::current::Filters;
use crate::failure::Failure;

/// The API to list from, and what only the current one takes.
#[derive(Args)]
pub(super) struct OfCurrent {
    /// API to list from, beta or current [default: beta]
    ///
    /// beta is `/api/devices`. current is KPN's current API, `/devices`.
    #[arg(long, value_name = "API", value_enum, default_value_t = Api::Beta, hide_default_value = true, hide_possible_values = true)]
    api: Api,
    /// Only devices with this barcode
    #[arg(long, value_name = "TEXT", help_heading = HEADING)]
    barcode: Option<String>,
    /// Only devices of this specification (repeatable)
    #[arg(long, value_name = "ID", help_heading = HEADING)]
    specification_id: Vec<String>,
    #[command(flatten)]
    filters: Filters,
}

const HEADING: &str = "Filters of the current API";

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq)]
enum Api {
    Beta,
    Current,
}

impl OfCurrent {
    /// Returns the query for the current API, or `None` if the devices of the other one are to be listed.
    pub(super) fn query(&self, query: &Query) -> Result<Option<ListResource>, Failure> {
        let is_filtered =
            self.barcode.is_some() || !self.specification_id.is_empty() || !self.filters.is_empty();
        match self.api {
            Api::Beta if is_filtered => Err(Failure::Usage(
                "--barcode, --specification-id, --project-id, --client-id, --created-* and --modified-* \
                 are filters of the current API: add --api current"
                    .into(),
            )),
            Api::Beta => Ok(None),
            Api::Current => {
                let mut list = query.in_current(ListResource::new(Resource::Devices))?;
                if let Some(barcode) = &self.barcode {
                    list = list.filter(Filter::Barcode, barcode);
                }
                for id in &self.specification_id {
                    list = list.filter(Filter::DeviceSpecificationId, id);
                }
                Ok(Some(self.filters.apply(list)))
            }
        }
    }
}
