//! The defaults of a listing: pages of 100, ordered by `uuid`.
//!
//! The service's own defaults are pages of 20, ordered by `name`. Names are not unique, and a database may order equal
//! names differently in each request. Pages then overlap and skip devices although nothing changes. A `uuid` is unique.
//!
//! Whether the service accepts `sortBy=uuid`, and how large a page may be, is not documented. If it responds to the
//! first page with 400, the listing retries without the order, then without the page size, then without both. The
//! session remembers what succeeded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::devices::{ListDevices, Page};
use crate::error::{Error, ErrorKind};

/// Devices per page.
pub(super) const PAGE_SIZE: u32 = 100;

/// The property that devices are ordered by.
const ORDER: &str = "uuid";

/// The defaults of one listing.
#[derive(Debug)]
pub(super) struct Defaults {
    /// The defaults that the next request relies on.
    used: Set,
    /// The sets to try after a 400, in order.
    left: Vec<Set>,
    /// The first 400.
    refusal: Option<Error>,
    /// The defaults that the service refused, shared by all listings of the session.
    refused: Arc<AtomicU8>,
}

/// Which of the two defaults are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Set {
    order: bool,
    size: bool,
}

const REFUSES_ORDER: u8 = 1;
const REFUSES_SIZE: u8 = 2;

/// Whether the service refused the order in an earlier listing.
pub(super) fn refuses_order(refused: &AtomicU8) -> bool {
    refused.load(Ordering::Relaxed) & REFUSES_ORDER != 0
}

/// Whether the service refused the page size in an earlier listing.
pub(super) fn refuses_size(refused: &AtomicU8) -> bool {
    refused.load(Ordering::Relaxed) & REFUSES_SIZE != 0
}

/// Makes later listings of the session start with smaller pages.
pub(super) fn remember_refused_size(refused: &AtomicU8) {
    refused.fetch_or(REFUSES_SIZE, Ordering::Relaxed);
}

impl Defaults {
    /// Creates the defaults for values that a query does not set. `refused` is shared by the listings of a session.
    pub(super) fn new(query: &ListDevices, refused: Arc<AtomicU8>) -> Self {
        let known = refused.load(Ordering::Relaxed);
        let used = Set {
            order: !query.names_order() && known & REFUSES_ORDER == 0,
            size: !query.names_page_size() && known & REFUSES_SIZE == 0,
        };
        let mut left = Vec::new();
        for (order, size) in [(false, true), (true, false), (false, false)] {
            let fewer = Set { order: order && used.order, size: size && used.size };
            if fewer != used && !left.contains(&fewer) {
                left.push(fewer);
            }
        }
        Self { used, left, refusal: None, refused }
    }

    /// Sets the values that the query does not set.
    pub(super) fn apply(&self, mut query: ListDevices) -> ListDevices {
        if self.used.order {
            query = query.sort_by(ORDER);
        }
        if self.used.size {
            query = query.page_size(PAGE_SIZE);
        }
        query
    }

    /// Processes the first page. Returns `None` if it must be requested again with fewer defaults.
    pub(super) fn settle(&mut self, first: Result<Page, Error>) -> Option<Result<Page, Error>> {
        match first {
            Ok(page) => {
                if self.refusal.take().is_some() {
                    self.remember();
                }
                Some(Ok(page))
            }
            Err(error) if error.kind() == ErrorKind::BadRequest => {
                let refusal = self.refusal.take().unwrap_or(error);
                if self.left.is_empty() {
                    return Some(Err(refusal));
                }
                self.used = self.left.remove(0);
                self.refusal = Some(refusal);
                None
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// Makes later listings of the session start with the defaults that succeeded.
    fn remember(&self) {
        for (used, refusal) in [(self.used.order, REFUSES_ORDER), (self.used.size, REFUSES_SIZE)] {
            if !used {
                self.refused.fetch_or(refusal, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Operation;
    use crate::stage::Stage;

    fn target(defaults: &Defaults, query: &ListDevices) -> String {
        defaults.apply(query.clone()).encode().unwrap().target
    }

    fn refusal(message: &str) -> Result<Page, Error> {
        Err(Error::new(ErrorKind::BadRequest, Stage::Call, message))
    }

    fn page() -> Result<Page, Error> {
        Ok(Page::from_json(br#"{"content":[]}"#).unwrap())
    }

    const BOTH: &str = "/api/devices?currentPage=0&pageSize=100&sortBy=uuid";
    const NO_ORDER: &str = "/api/devices?currentPage=0&pageSize=100";
    const NO_SIZE: &str = "/api/devices?currentPage=0&sortBy=uuid";
    const NEITHER: &str = "/api/devices?currentPage=0";

    #[test]
    fn what_the_user_names_is_left_alone() {
        let fresh = |query: &ListDevices| target(&Defaults::new(query, Arc::default()), query);
        let query = ListDevices::new();
        assert_eq!(fresh(&query), BOTH);
        assert_eq!(
            fresh(&query.clone().sort_by("name")),
            "/api/devices?currentPage=0&pageSize=100&sortBy=name"
        );
        assert_eq!(fresh(&query.clone().page_size(7)), "/api/devices?currentPage=0&pageSize=7&sortBy=uuid");
        let descending = query.sort_order(crate::devices::SortOrder::Descending);
        assert_eq!(fresh(&descending), "/api/devices?currentPage=0&pageSize=100&sortOrder=DESC");
    }

    #[test]
    fn a_400_is_tried_with_fewer_defaults_and_the_first_one_is_the_error() {
        let query = ListDevices::new();
        let refused = Arc::default();
        let mut defaults = Defaults::new(&query, Arc::clone(&refused));
        for expected in [BOTH, NO_ORDER, NO_SIZE] {
            assert_eq!(target(&defaults, &query), expected);
            assert!(defaults.settle(refusal(expected)).is_none());
        }
        assert_eq!(target(&defaults, &query), NEITHER);
        let error = defaults.settle(refusal(NEITHER)).unwrap().unwrap_err();
        assert_eq!(error.message(), BOTH);
        assert_eq!(refused.load(Ordering::Relaxed), 0, "nothing succeeded");
    }

    #[test]
    fn what_succeeded_is_where_the_next_listing_of_the_session_begins() {
        let query = ListDevices::new();
        for (refusals, expected) in [(1, NO_ORDER), (2, NO_SIZE), (3, NEITHER)] {
            let refused = Arc::default();
            let mut defaults = Defaults::new(&query, Arc::clone(&refused));
            for _ in 0..refusals {
                assert!(defaults.settle(refusal("no")).is_none());
            }
            assert!(defaults.settle(page()).unwrap().is_ok());
            assert_eq!(target(&Defaults::new(&query, refused), &query), expected);
        }
        let refused = Arc::default();
        assert!(Defaults::new(&query, Arc::clone(&refused)).settle(page()).unwrap().is_ok());
        assert_eq!(target(&Defaults::new(&query, refused), &query), BOTH);
    }

    #[test]
    fn only_defaults_are_given_up() {
        let own = ListDevices::new().sort_by("name").page_size(7);
        let mut defaults = Defaults::new(&own, Arc::default());
        assert_eq!(defaults.settle(refusal("bad order")).unwrap().unwrap_err().message(), "bad order");
        let sized = ListDevices::new().page_size(7);
        let mut defaults = Defaults::new(&sized, Arc::default());
        assert!(defaults.settle(refusal("no order")).is_none());
        assert_eq!(target(&defaults, &sized), "/api/devices?currentPage=0&pageSize=7");
        assert!(defaults.settle(refusal("no size")).is_some());
    }

    #[test]
    fn another_error_is_the_error() {
        let mut defaults = Defaults::new(&ListDevices::new(), Arc::default());
        let error = Error::new(ErrorKind::Forbidden, Stage::Call, "no");
        assert_eq!(defaults.settle(Err(error)).unwrap().unwrap_err().kind(), ErrorKind::Forbidden);
    }
}
