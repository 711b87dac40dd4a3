//! Writes a page: the envelopes of Spring Data around devices that are already JSON.

use crate::listing::{Listing, Order};
use crate::quirk::{Envelope, ListingBehaviour, Numbers, SortEcho};
use crate::response::Response;
use std::fmt::{self, Write as _};

/// The numbers in the envelope of a page.
struct Figures {
    size: usize,
    number: usize,
    count: usize,
    total: usize,
    pages: usize,
    last: bool,
}

impl Figures {
    fn new(listing: &Listing<'_>, count: usize, devices: usize, silent_cap: bool) -> Self {
        let number = listing.page;
        let (mut size, mut total) = (listing.size, devices);
        if silent_cap {
            size = listing.requested_size;
            // Spring's `PageImpl` corrects the total of a page that seems to be the last one.
            let start = number.saturating_mul(size);
            if listing.size < size && count > 0 && start.saturating_add(size) > total {
                total = start.saturating_add(count);
            }
        }
        let pages = total.div_ceil(size.max(1));
        Self { size, number, count, total, pages, last: number.saturating_add(1) >= pages }
    }
}

/// Appends a page to the body. `devices` are the devices on the page, and `total` counts those on all pages.
pub(crate) fn write<'a>(
    devices: impl ExactSizeIterator<Item = &'a str>,
    total: usize,
    listing: &Listing<'_>,
    behaviour: &ListingBehaviour,
    out: &mut Response,
) {
    let count = if behaviour.empty_page == Some(listing.page) { 0 } else { devices.len() };
    let figures = Figures::new(listing, count, total, behaviour.silent_cap);
    let envelope = behaviour.envelope;
    out.push(match envelope {
        Envelope::Hateoas => br#"{"_embedded":{"devices":["#.as_slice(),
        _ => br#"{"content":["#,
    });
    for (place, device) in devices.take(count).enumerate() {
        if place > 0 {
            out.push(b",");
        }
        out.push(device.as_bytes());
    }
    out.push(if envelope == Envelope::Hateoas { br#"]},"_links":{}"# } else { b"]" });
    // Writing into memory does not fail.
    let _ = write_envelope(&figures, listing, behaviour, out);
    out.push(b"}");
}

fn write_envelope(
    figures: &Figures,
    listing: &Listing<'_>,
    behaviour: &ListingBehaviour,
    out: &mut Response,
) -> fmt::Result {
    let number = |number| Number(number, behaviour.numbers);
    let Figures { last, .. } = *figures;
    let (size, page, count) = (number(figures.size), number(figures.number), number(figures.count));
    let (total, pages) = (number(figures.total), number(figures.pages));
    let (first, empty) = (figures.number == 0, figures.count == 0);
    let sort = Sort::new(listing, behaviour);
    match behaviour.envelope {
        Envelope::Sample => write!(
            out,
            r#","last":{last},"totalPages":{pages},"totalElements":{total}{sort},"first":{first},"numberOfElements":{count},"size":{size},"number":{page}"#
        ),
        Envelope::NoTotals => write!(
            out,
            r#","last":{last}{sort},"first":{first},"numberOfElements":{count},"size":{size},"number":{page}"#
        ),
        Envelope::PageImpl => {
            let offset = number(figures.number.saturating_mul(figures.size));
            write!(
                out,
                r#","pageable":{{"pageNumber":{page},"pageSize":{size},"offset":{offset},"paged":true,"unpaged":false}},"last":{last},"totalPages":{pages},"totalElements":{total},"size":{size},"number":{page}{sort},"first":{first},"numberOfElements":{count},"empty":{empty}"#
            )
        }
        Envelope::Slice => write!(
            out,
            r#","pageable":"INSTANCE","size":{size},"number":{page}{sort},"first":{first},"last":{last},"numberOfElements":{count},"empty":{empty}"#
        ),
        Envelope::PagedModel | Envelope::Hateoas => write!(
            out,
            r#","page":{{"size":{size},"number":{page},"totalElements":{total},"totalPages":{pages}}}{sort}"#
        ),
        Envelope::ContentOnly => write!(out, "{sort}"),
    }
}

/// The field `sort`, with a leading comma.
enum Sort {
    Order(Order),
    Object,
    Null,
    Absent,
}

impl Sort {
    fn new(listing: &Listing<'_>, behaviour: &ListingBehaviour) -> Self {
        let usual = match behaviour.envelope {
            Envelope::Sample | Envelope::NoTotals => SortEcho::Array,
            Envelope::PageImpl | Envelope::Slice => SortEcho::Object,
            Envelope::PagedModel | Envelope::Hateoas | Envelope::ContentOnly => SortEcho::Absent,
        };
        match behaviour.sort_echo.unwrap_or(usual) {
            SortEcho::Array => Self::Order(listing.order),
            SortEcho::Requested => Self::Order(listing.requested_order),
            SortEcho::Object => Self::Object,
            SortEcho::Null => Self::Null,
            SortEcho::Absent => Self::Absent,
        }
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Order(Order { by, descending }) => {
                let (direction, property) = (if descending { "DESC" } else { "ASC" }, by.name());
                let ascending = !descending;
                write!(
                    f,
                    r#","sort":[{{"direction":"{direction}","property":"{property}","ignoreCase":false,"nullHandling":"NATIVE","ascending":{ascending},"descending":{descending}}}]"#
                )
            }
            Self::Object => f.write_str(r#","sort":{"sorted":true,"unsorted":false,"empty":false}"#),
            Self::Null => f.write_str(r#","sort":null"#),
            Self::Absent => Ok(()),
        }
    }
}

/// A number, written in the form that the quirk requires.
struct Number(usize, Numbers);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Numbers::Integer => write!(f, "{}", self.0),
            Numbers::Text => write!(f, "\"{}\"", self.0),
            Numbers::Float => write!(f, "{}.0", self.0),
        }
    }
}
