//! Listings of KPN's current API.

mod filters;
mod item_list;
mod item_sheet;

pub(crate) use filters::{Filters, Order};
pub(crate) use item_list::{Extent, print};
pub(crate) use item_sheet::ItemSheet;
