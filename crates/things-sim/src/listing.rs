//! The parameters of a list request, and how the service interprets them.

use crate::quirk::{ListingBehaviour, SortByUuid};
use crate::request::query_pairs;
use std::borrow::Cow;

/// The fields that a listing can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Property {
    Name,
    Uuid,
    Description,
    Barcode,
}

impl Property {
    pub(crate) const ALL: [Self; 4] = [Self::Name, Self::Uuid, Self::Description, Self::Barcode];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Uuid => "uuid",
            Self::Description => "description",
            Self::Barcode => "barcode",
        }
    }
}

/// An order of devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) by: Property,
    pub(crate) descending: bool,
}

/// The parameters of a listing.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    pub(crate) page: usize,
    /// The maximum number of devices on the page.
    pub(crate) size: usize,
    pub(crate) requested_size: usize,
    pub(crate) search: Cow<'a, str>,
    /// The order of the page.
    pub(crate) order: Order,
    pub(crate) requested_order: Order,
}

impl<'a> Listing<'a> {
    /// Reads a query, as the simulator's behaviour requires.
    ///
    /// # Errors
    ///
    /// Returns the reason of a 400.
    pub(crate) fn read(query: &'a str, behaviour: &ListingBehaviour) -> Result<Self, Cow<'static, str>> {
        let (mut page, mut size, mut search) = (0, 20, Cow::Borrowed(""));
        let mut order = Order { by: Property::Name, descending: false };
        for pair in query_pairs(query) {
            let Some((name, value)) = pair else {
                return Err("the query is not percent-encoded UTF-8".into());
            };
            match name.as_ref() {
                "currentPage" => page = number(&value).ok_or("currentPage must be a number from 0")?,
                "pageSize" => {
                    size =
                        number(&value).filter(|size| *size > 0).ok_or("pageSize must be a number from 1")?;
                }
                "search" => search = value,
                "sortBy" => {
                    order.by = Property::ALL
                        .into_iter()
                        .find(|property| property.name() == value)
                        .ok_or("sortBy must be name, uuid, description or barcode")?;
                }
                "sortOrder" => {
                    order.descending = match value.as_ref() {
                        "ASC" => false,
                        "DESC" => true,
                        _ => return Err("sortOrder must be ASC or DESC".into()),
                    };
                }
                _ => {}
            }
        }
        if let Some(limit) = behaviour.page_size_limit.filter(|limit| size > *limit) {
            return Err(format!("pageSize must be at most {limit}").into());
        }
        let requested_order = order;
        match behaviour.sort_by_uuid {
            SortByUuid::Refused if order.by == Property::Uuid => {
                return Err("sortBy must be name, description or barcode".into());
            }
            SortByUuid::Ignored if order.by == Property::Uuid => order.by = Property::Name,
            _ => {}
        }
        order.descending &= !behaviour.sort_order_ignored;
        let requested_size = size;
        let size = size.min(behaviour.page_size_cap.unwrap_or(size));
        Ok(Self { page, size, requested_size, search, order, requested_order })
    }
}

/// Returns a number in the query, from 0 to the largest 32-bit signed integer.
pub(crate) fn number(text: &str) -> Option<usize> {
    let number: i32 = text.parse().ok()?;
    usize::try_from(number).ok()
}
