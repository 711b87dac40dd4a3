//! Quirks: differences between the list of devices and the documented one, and choices where the current API is unknown.

use crate::behaviour::Behaviour;
use crate::current::{CurrentErrors, DownlinkProgress, ERRORS, NEXT_FIELDS, NextField, NextLink};
use crate::response::Response;
use crate::rule_error::ParseRuleError;
use crate::syntax::{Part, name_of};
use std::fmt;
use std::str::FromStr;

/// A difference between the simulator's list of devices and the documented one, or a choice where the current API is
/// unknown. It is in force from start to end.
///
/// A quirk is written as `NAME[:VALUE]`:
///
/// ```
/// use things_sim::{Envelope, Quirk};
///
/// let quirk: Quirk = "envelope:paged-model".parse()?;
/// assert_eq!(quirk, Quirk::Envelope(Envelope::PagedModel));
/// assert_eq!(quirk.to_string(), "envelope:paged-model");
/// # Ok::<(), things_sim::ParseRuleError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quirk {
    /// `shuffled-ties`: devices with equal sort keys are in another order in each response. The seed decides.
    ShuffledTies,
    /// `shared-names:N`: each generated name belongs to this many devices.
    SharedNames(usize),
    /// `sort-by-uuid:refused` or `ignored`: `sortBy=uuid` is not accepted.
    SortByUuid(SortByUuid),
    /// `sort-order:ignored`: `sortOrder=DESC` has no effect.
    SortOrderIgnored,
    /// `sort-echo:...`: the field `sort` of a page.
    SortEcho(SortEcho),
    /// `page-size-limit:N`: a larger `pageSize` gets a 400.
    PageSizeLimit(usize),
    /// `page-size-cap:N`: no page has more devices, and `size` reports that.
    PageSizeCap(usize),
    /// `silent-page-size-cap:N`: no page has more devices, and `size` reports what was requested. `totalElements`,
    /// `totalPages` and `last` are what Spring's `PageImpl` computes from that, so they are wrong but agree.
    SilentPageSizeCap(usize),
    /// `totals:...`: `totalElements`, `totalPages` and `last` follow from a wrong count.
    Totals(Totals),
    /// `envelope:...`: the JSON around the devices.
    Envelope(Envelope),
    /// `numbers:text` or `float`: how the envelope writes numbers.
    Numbers(Numbers),
    /// `empty-page:N`: the page with this number, from 0, lists no devices. Totals and other pages do not change.
    EmptyPage(usize),
    /// `next-field:...`: the field of a page of the current API that links to the next one.
    NextField(NextField),
    /// `next-link:...`: the form of that link.
    NextLink(NextLink),
    /// `next-loop`: the last page of the current API links to the first one.
    NextLoop,
    /// `empty-items:N`: the page of the current API with this number, from 0, has no items, and links to the next one.
    EmptyItems(usize),
    /// `current-errors:...`: the form of the errors of the current API.
    CurrentErrors(CurrentErrors),
    /// `current-token:401`: the current API rejects a token with 401 instead of 302.
    CurrentToken401,
    /// `downlink-progress:...`: when the current API reports a downlink as `Pending`, as `Executing`, and as ended. The
    /// order of the states, and the name of the last one, are guesses.
    DownlinkProgress(DownlinkProgress),
    /// `sunset`: each response of every path has the header `Sunset` (RFC 8594).
    Sunset,
    /// `deprecation`: each response of every path has the header `Deprecation` (RFC 9745).
    Deprecation,
}

/// The headers that announce the end of an endpoint.
#[derive(Debug, Clone, Default)]
pub(crate) struct Retirement {
    sunset: bool,
    deprecation: bool,
}

impl Retirement {
    pub(crate) fn add_headers(&self, response: &mut Response) {
        if self.sunset {
            response.header("Sunset", "Wed, 31 Dec 2031 23:59:59 GMT");
        }
        if self.deprecation {
            // 2026-01-01T00:00:00Z
            response.header("Deprecation", "@1767225600");
        }
    }
}

/// The effect of `sortBy=uuid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortByUuid {
    /// Sorts by it.
    #[default]
    Accepted,
    /// Responds with 400.
    Refused,
    /// Sorts by name.
    Ignored,
}

/// The field `sort` of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortEcho {
    /// An array of orders, as in KPN's sample. It names the order that the page really has.
    Array,
    /// `{"sorted":true,"unsorted":false,"empty":false}`, as newer versions of Spring Data write it.
    Object,
    /// `null`.
    Null,
    /// No field.
    Absent,
    /// An array of orders that names the requested order, even if it was ignored.
    Requested,
}

/// The count that the totals of a page follow from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Totals {
    /// The devices that exist.
    #[default]
    Exact,
    /// The devices before the changes that were made just before this request.
    Stale,
    /// A count up to twice as high, different in each response. The seed decides.
    Random,
    /// A tenth fewer, and at least one.
    Fewer,
    /// A tenth more, and at least one.
    More,
}

/// The JSON around the devices of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Envelope {
    /// The envelope in KPN's sample: Spring Data 1.x.
    #[default]
    Sample,
    /// `PageImpl` of Spring Data 2 and 3: also `pageable` and `empty`, and `sort` is an object.
    PageImpl,
    /// `PagedModel` of Spring Data 3.3: `content` and `page:{size,number,totalElements,totalPages}`.
    PagedModel,
    /// Spring HATEOAS: `_embedded.devices`, `_links` and `page`.
    Hateoas,
    /// `SliceImpl`: no totals.
    Slice,
    /// The sample without `totalElements` and `totalPages`.
    NoTotals,
    /// Only `content`.
    ContentOnly,
}

/// How an envelope writes numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Numbers {
    /// `5`.
    #[default]
    Integer,
    /// `"5"`.
    Text,
    /// `5.0`.
    Float,
}

const SORT_BY_UUID: &[(&str, SortByUuid)] =
    &[("accepted", SortByUuid::Accepted), ("refused", SortByUuid::Refused), ("ignored", SortByUuid::Ignored)];

const SORT_ECHO: &[(&str, SortEcho)] = &[
    ("array", SortEcho::Array),
    ("object", SortEcho::Object),
    ("null", SortEcho::Null),
    ("absent", SortEcho::Absent),
    ("requested", SortEcho::Requested),
];

const TOTALS: &[(&str, Totals)] = &[
    ("exact", Totals::Exact),
    ("stale", Totals::Stale),
    ("random", Totals::Random),
    ("fewer", Totals::Fewer),
    ("more", Totals::More),
];

const ENVELOPES: &[(&str, Envelope)] = &[
    ("sample", Envelope::Sample),
    ("page-impl", Envelope::PageImpl),
    ("paged-model", Envelope::PagedModel),
    ("hateoas", Envelope::Hateoas),
    ("slice", Envelope::Slice),
    ("no-totals", Envelope::NoTotals),
    ("content-only", Envelope::ContentOnly),
];

const NEXT_LINKS: &[(&str, NextLink)] = &[
    ("url", NextLink::Url),
    ("path", NextLink::Path),
    ("query", NextLink::Query),
    ("cursor", NextLink::Cursor),
];

const NUMBERS: &[(&str, Numbers)] =
    &[("integer", Numbers::Integer), ("text", Numbers::Text), ("float", Numbers::Float)];

/// An example of each quirk.
const FORMS: &[&str] = &[
    "shuffled-ties",
    "shared-names:5",
    "sort-by-uuid:refused",
    "sort-order:ignored",
    "sort-echo:absent",
    "page-size-limit:1000",
    "page-size-cap:25",
    "silent-page-size-cap:25",
    "totals:stale",
    "envelope:paged-model",
    "numbers:text",
    "empty-page:1",
    "next-field:links",
    "next-link:cursor",
    "next-loop",
    "empty-items:1",
    "current-errors:gateway",
    "current-token:401",
    "downlink-progress:reads-3",
    "sunset",
    "deprecation",
];

/// Reads the form of a link.
fn next_link(value: Part<'_>) -> Result<NextLink, ParseRuleError> {
    const EXPECTED: &str = "use url, path, query, cursor, port-8080 or bare-port-8080";
    let port = |prefix| value.strip_prefix(prefix).map(|port: Part<'_>| port.positive(EXPECTED));
    if let Some(port) = port("port-") {
        return port.map(NextLink::Port);
    }
    if let Some(port) = port("bare-port-") {
        return port.map(NextLink::PortWithoutCursor);
    }
    match NEXT_LINKS.iter().find(|(known, _)| *known == value.text()) {
        Some((_, link)) => Ok(*link),
        None => {
            let names = NEXT_LINKS.iter().map(|(name, _)| *name).chain(["port-8080", "bare-port-8080"]);
            Err(value.unknown("value", names, EXPECTED.to_owned()))
        }
    }
}

impl FromStr for Quirk {
    type Err = ParseRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let part = Part::of(text);
        let (name, value) = part.name_and_value();
        let name = name.text();
        let from_one = |value: Part<'_>| value.positive(&format!("use a number from 1, as in {name}:25"));
        Ok(match (name, value) {
            ("shuffled-ties", None) => Self::ShuffledTies,
            ("shared-names", Some(devices)) => Self::SharedNames(from_one(devices)?),
            ("sort-by-uuid", Some(value)) => Self::SortByUuid(value.choice("value", SORT_BY_UUID)?),
            ("sort-order", Some(value)) => {
                value.choice("value", &[("ignored", ())])?;
                Self::SortOrderIgnored
            }
            ("sort-echo", Some(value)) => Self::SortEcho(value.choice("value", SORT_ECHO)?),
            ("page-size-limit", Some(devices)) => Self::PageSizeLimit(from_one(devices)?),
            ("page-size-cap", Some(devices)) => Self::PageSizeCap(from_one(devices)?),
            ("silent-page-size-cap", Some(devices)) => Self::SilentPageSizeCap(from_one(devices)?),
            ("totals", Some(value)) => Self::Totals(value.choice("value", TOTALS)?),
            ("envelope", Some(value)) => Self::Envelope(value.choice("value", ENVELOPES)?),
            ("numbers", Some(value)) => Self::Numbers(value.choice("value", NUMBERS)?),
            ("empty-page", Some(number)) => {
                Self::EmptyPage(number.number("use a page number from 0, as in empty-page:1")?)
            }
            ("next-field", Some(value)) => Self::NextField(value.choice("value", NEXT_FIELDS)?),
            ("next-link", Some(value)) => Self::NextLink(next_link(value)?),
            ("next-loop", None) => Self::NextLoop,
            ("empty-items", Some(number)) => {
                Self::EmptyItems(number.number("use a page number from 0, as in empty-items:1")?)
            }
            ("current-errors", Some(value)) => Self::CurrentErrors(value.choice("value", ERRORS)?),
            ("current-token", Some(value)) => {
                value.choice("value", &[("401", ())])?;
                Self::CurrentToken401
            }
            ("downlink-progress", Some(value)) => Self::DownlinkProgress(DownlinkProgress::read(value)?),
            ("sunset", None) => Self::Sunset,
            ("deprecation", None) => Self::Deprecation,
            _ => return Err(part.no_form("quirk", FORMS)),
        })
    }
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ShuffledTies => f.write_str("shuffled-ties"),
            Self::SharedNames(devices) => write!(f, "shared-names:{devices}"),
            Self::SortByUuid(value) => write!(f, "sort-by-uuid:{}", name_of(value, SORT_BY_UUID)),
            Self::SortOrderIgnored => f.write_str("sort-order:ignored"),
            Self::SortEcho(value) => write!(f, "sort-echo:{}", name_of(value, SORT_ECHO)),
            Self::PageSizeLimit(devices) => write!(f, "page-size-limit:{devices}"),
            Self::PageSizeCap(devices) => write!(f, "page-size-cap:{devices}"),
            Self::SilentPageSizeCap(devices) => write!(f, "silent-page-size-cap:{devices}"),
            Self::Totals(value) => write!(f, "totals:{}", name_of(value, TOTALS)),
            Self::Envelope(value) => write!(f, "envelope:{}", name_of(value, ENVELOPES)),
            Self::Numbers(value) => write!(f, "numbers:{}", name_of(value, NUMBERS)),
            Self::EmptyPage(number) => write!(f, "empty-page:{number}"),
            Self::NextField(value) => write!(f, "next-field:{}", name_of(value, NEXT_FIELDS)),
            Self::NextLink(NextLink::Port(port)) => write!(f, "next-link:port-{port}"),
            Self::NextLink(NextLink::PortWithoutCursor(port)) => write!(f, "next-link:bare-port-{port}"),
            Self::NextLink(value) => write!(f, "next-link:{}", name_of(value, NEXT_LINKS)),
            Self::NextLoop => f.write_str("next-loop"),
            Self::EmptyItems(number) => write!(f, "empty-items:{number}"),
            Self::CurrentErrors(value) => write!(f, "current-errors:{}", name_of(value, ERRORS)),
            Self::CurrentToken401 => f.write_str("current-token:401"),
            Self::DownlinkProgress(value) => write!(f, "downlink-progress:{value}"),
            Self::Sunset => f.write_str("sunset"),
            Self::Deprecation => f.write_str("deprecation"),
        }
    }
}

/// All quirks of the list of devices of one simulator.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListingBehaviour {
    pub(crate) shuffled_ties: bool,
    pub(crate) shared_names: usize,
    pub(crate) sort_by_uuid: SortByUuid,
    pub(crate) sort_order_ignored: bool,
    /// `None` is the usual field of the envelope.
    pub(crate) sort_echo: Option<SortEcho>,
    pub(crate) page_size_limit: Option<usize>,
    pub(crate) page_size_cap: Option<usize>,
    pub(crate) silent_cap: bool,
    pub(crate) totals: Totals,
    pub(crate) envelope: Envelope,
    pub(crate) numbers: Numbers,
    pub(crate) empty_page: Option<usize>,
}

impl Behaviour {
    /// Adds a quirk. A later quirk overrides an earlier one of the same name.
    pub(crate) fn add(&mut self, quirk: Quirk) {
        let current = &mut self.current;
        match quirk {
            Quirk::NextField(field) => current.next_field = field,
            Quirk::NextLink(link) => current.next_link = link,
            Quirk::NextLoop => current.next_loop = true,
            Quirk::EmptyItems(number) => current.empty_items = Some(number),
            Quirk::CurrentErrors(errors) => current.errors = errors,
            Quirk::CurrentToken401 => current.rejects_with_401 = true,
            Quirk::DownlinkProgress(progress) => current.progress = progress,
            Quirk::Sunset => self.retirement.sunset = true,
            Quirk::Deprecation => self.retirement.deprecation = true,
            quirk => self.listing.add(quirk),
        }
    }
}

impl ListingBehaviour {
    fn add(&mut self, quirk: Quirk) {
        match quirk {
            Quirk::ShuffledTies => self.shuffled_ties = true,
            Quirk::SharedNames(devices) => self.shared_names = devices,
            Quirk::SortByUuid(value) => self.sort_by_uuid = value,
            Quirk::SortOrderIgnored => self.sort_order_ignored = true,
            Quirk::SortEcho(value) => self.sort_echo = Some(value),
            Quirk::PageSizeLimit(devices) => self.page_size_limit = Some(devices),
            Quirk::PageSizeCap(devices) | Quirk::SilentPageSizeCap(devices) => {
                self.page_size_cap = Some(devices.max(1));
                self.silent_cap = matches!(quirk, Quirk::SilentPageSizeCap(_));
            }
            Quirk::Totals(value) => self.totals = value,
            Quirk::Envelope(value) => self.envelope = value,
            Quirk::Numbers(value) => self.numbers = value,
            Quirk::EmptyPage(number) => self.empty_page = Some(number),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quirks_are_written_as_they_are_read() {
        let mut texts: Vec<String> = [
            "shuffled-ties",
            "shared-names:5",
            "sort-order:ignored",
            "page-size-limit:1000",
            "page-size-cap:1",
            "silent-page-size-cap:25",
            "empty-page:0",
            "next-link:port-8080",
            "next-link:bare-port-1",
            "next-loop",
            "empty-items:0",
            "current-token:401",
            "downlink-progress:at-once",
            "downlink-progress:after-20ms",
            "downlink-progress:reads-3",
            "sunset",
            "deprecation",
        ]
        .map(str::to_owned)
        .to_vec();
        texts.extend(SORT_BY_UUID.iter().map(|(name, _)| format!("sort-by-uuid:{name}")));
        texts.extend(SORT_ECHO.iter().map(|(name, _)| format!("sort-echo:{name}")));
        texts.extend(TOTALS.iter().map(|(name, _)| format!("totals:{name}")));
        texts.extend(ENVELOPES.iter().map(|(name, _)| format!("envelope:{name}")));
        texts.extend(NUMBERS.iter().map(|(name, _)| format!("numbers:{name}")));
        texts.extend(NEXT_FIELDS.iter().map(|(name, _)| format!("next-field:{name}")));
        texts.extend(NEXT_LINKS.iter().map(|(name, _)| format!("next-link:{name}")));
        texts.extend(ERRORS.iter().map(|(name, _)| format!("current-errors:{name}")));
        for text in texts {
            assert_eq!(text.parse::<Quirk>().unwrap().to_string(), text);
        }
    }
}
