//! The read side of KPN's current API: which resources there are, how to query them, and what a page holds.
//!
//! This part is inferred from the part of the documentation that can be read without an account, and it has never met
//! the real service. Only fields that are documented have a method. All others are in the JSON of an item.

mod filter;
mod item;
mod link;
mod list;
mod listed_downlink;
mod page;
mod project;
mod resource;

pub use filter::Filter;
pub use item::Item;
pub(crate) use link::Link;
pub use list::ListResource;
pub use listed_downlink::{DownlinkState, ListedDownlink};
pub use page::ItemPage;
pub use project::Project;
pub use resource::Resource;
