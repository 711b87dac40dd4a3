//! A listing whose pages link to the next one: which page to request, and when the listing ends.
//!
//! What a link looks like is not documented, so every form is read ([`Link`]):
//!
//! | link | next request |
//! |---|---|
//! | URL or path on the base URL's own server, below the base URL | that URL |
//! | any other URL or path, a relative link | the original query, from the `cursor` of the link |
//! | bare cursor | the original query, from this cursor |
//! | URL or path elsewhere without a `cursor` | none: an error |
//!
//! A link elsewhere is never followed, because the request would carry the access token. An empty page with a link goes
//! on. A link to a page that was already requested is an error, because the listing would never end.

use std::collections::HashSet;
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::marker::PhantomData;
use std::vec;

use crate::config::BaseUrl;
use crate::current::{Item, ItemPage, Link, ListResource};
use crate::error::{Error, ErrorKind};
use crate::feed::{Feed, Ticket, Want};
use crate::moment::Moment;
use crate::operation::Operation;
use crate::session::Session;
use crate::stage::Stage;

/// The items of a resource of the current API, page by page: a [`Feed`] of items, or of a typed view of them, such as
/// [`Project`](crate::Project).
///
/// A page is requested once all items of the page before it were taken.
#[derive(Debug)]
pub struct Cursor<T = Item> {
    query: ListResource,
    base_url: BaseUrl,
    /// The maximum number of pages to request.
    most: u64,
    /// The query for the next page, unless it is in flight.
    next: Option<ListResource>,
    in_flight: bool,
    /// The number of pages that arrived.
    pages: u64,
    ready: vec::IntoIter<Item>,
    /// The error after the last item.
    failure: Option<Error>,
    /// A hash of each request, to notice a loop.
    requested: HashSet<u64>,
    views: PhantomData<fn() -> T>,
}

impl<T> Cursor<T> {
    /// The number of pages that arrived.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// Processes a page: keeps its items, and decides about the next page.
    fn page(&mut self, page: ItemPage) -> Result<(), Error> {
        self.pages += 1;
        self.ready = page.items.into_iter();
        let Some(link) = page.next else { return Ok(()) };
        if self.pages >= self.most {
            return Err(Error::too_many_pages(format!("no end after {} pages", self.most)));
        }
        let next = self.follow(&link)?;
        if !self.requested.insert(fingerprint(&next)) {
            let path = self.query.resource().path();
            return Err(endless(format!(
                "page {} of {path} links to a page that was requested before",
                self.pages
            )));
        }
        self.next = Some(next);
        Ok(())
    }

    /// Returns the query for the page that a link leads to, by the table of this module.
    fn follow(&self, link: &str) -> Result<ListResource, Error> {
        let url = match Link::of(link) {
            Link::Bare(cursor) => return Ok(self.query.clone().cursor(cursor)),
            Link::Relative(cursor) => return Ok(self.query.encoded_cursor(cursor)),
            Link::Path(path) => self.base_url.at_root(path),
            Link::Url(url) if url.starts_with("//") => format!("{}:{url}", self.base_url.scheme()),
            Link::Url(url) => url.to_owned(),
        };
        if self.base_url.join(&url).is_ok() {
            return Ok(self.query.at(url));
        }
        match Link::cursor_of(&url) {
            Some(cursor) => Ok(self.query.encoded_cursor(cursor)),
            None => Err(endless(format!(
                "page {} of {} links to a URL that is not below the base URL and has no cursor",
                self.pages,
                self.query.resource().path()
            ))),
        }
    }
}

impl<T: From<Item> + Send + 'static> Feed for Cursor<T> {
    type Operation = ListResource;
    type Commit = Infallible;
    type Item = T;

    fn want(&mut self, _now: Moment) -> Want<ListResource> {
        if self.ready.len() > 0 {
            return Want::Nothing;
        }
        let Some(query) = self.next.take() else { return Want::Nothing };
        self.in_flight = true;
        Want::call(Ticket::new(self.pages), query)
    }

    fn accept(&mut self, _ticket: Ticket, page: Result<ItemPage, Error>) {
        self.in_flight = false;
        self.failure = page.and_then(|page| self.page(page)).err().map(|error| self.with_scope(error));
    }

    fn committed(&mut self, never: Infallible) {
        match never {}
    }

    fn take(&mut self) -> Option<Result<T, Error>> {
        match self.ready.next() {
            Some(item) => Some(Ok(item.into())),
            None => self.failure.take().map(Err),
        }
    }

    fn is_finished(&self) -> bool {
        self.ready.len() == 0 && self.failure.is_none() && self.next.is_none() && !self.in_flight
    }
}

impl<T> Cursor<T> {
    /// Adds the scope that the resource needs to a 403.
    fn with_scope(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::Forbidden || error.stage() != Stage::Call {
            return error;
        }
        let scope = self.query.resource().scope();
        error.with(|report| {
            let hint = report.hint.take().unwrap_or_default();
            report.hint = Some(format!("the API key may lack the scope {scope}; {hint}"));
        })
    }
}

impl Session {
    /// Creates a listing of a resource of the current API, within the limit of pages of the configuration.
    pub fn cursor<T>(&self, query: ListResource) -> Cursor<T> {
        let config = self.config();
        Cursor {
            requested: HashSet::from([fingerprint(&query)]),
            next: Some(query.clone()),
            query,
            base_url: config.base_url.clone(),
            most: config.limits().max_pages,
            in_flight: false,
            pages: 0,
            ready: Vec::new().into_iter(),
            failure: None,
            views: PhantomData,
        }
    }
}

fn endless(message: String) -> Error {
    Error::listing(message).with(|report| {
        report.hint =
            Some("the service links its pages in an unexpected way: see a page with request()".into());
    })
}

/// Returns a hash of a request. A query that cannot be encoded is never requested.
fn fingerprint(query: &ListResource) -> u64 {
    let mut hasher = DefaultHasher::new();
    query.encode().map(|call| call.target).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::client::Builder;
    use crate::config::{Config, Credentials};
    use crate::current::{Filter, Project, Resource};

    fn now() -> Moment {
        Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH)
    }

    fn session(base_url: &str, pages: u64) -> Session {
        let builder = Builder::new(Credentials::new("t", "k", "s"), Ok).base_url(base_url).max_pages(pages);
        let config: Config = builder.build().unwrap();
        Session::new(config, 0)
    }

    fn devices() -> ListResource {
        ListResource::new(Resource::Devices).filter(Filter::Q, "a b").limit(2)
    }

    fn page(json: &str) -> Result<ItemPage, Error> {
        Ok(ItemPage::from_json(json.as_bytes()).unwrap())
    }

    /// Lists against a server of these pages. Returns the items, the targets, and the error at the end.
    fn list(cursor: &mut Cursor, pages: &[&str]) -> (Vec<String>, Vec<String>, Option<Error>) {
        let mut pages: VecDeque<_> = pages.iter().copied().collect();
        let (mut items, mut targets) = (Vec::new(), Vec::new());
        while !cursor.is_finished() {
            match cursor.take() {
                Some(Ok(item)) => items.push(item.json().as_str().to_owned()),
                Some(Err(error)) => {
                    assert!(cursor.is_finished());
                    return (items, targets, Some(error));
                }
                None => {
                    let Want::Call { ticket, operation, .. } = cursor.want(now()) else { panic!("no call") };
                    assert!(!cursor.is_finished() && cursor.take().is_none());
                    assert!(matches!(cursor.want(now()), Want::Nothing), "one call at a time");
                    targets.push(operation.encode().unwrap().target);
                    cursor.accept(ticket, page(pages.pop_front().expect("a page more than the server has")));
                }
            }
        }
        assert!(cursor.take().is_none() && matches!(cursor.want(now()), Want::Nothing));
        (items, targets, None)
    }

    /// The second request, after a first page with this link.
    fn second(base_url: &str, link: &str) -> Result<String, Error> {
        let mut cursor = session(base_url, 100).cursor(devices());
        let first = format!("{{\"items\":[1],\"next\":{}}}", serde_json::to_string(link).unwrap());
        let (items, targets, error) = list(&mut cursor, &[&first, r#"{"items":[]}"#]);
        assert_eq!(items, ["1"]);
        error.map_or_else(|| Ok(targets[1].clone()), Err)
    }

    const KPN: &str = "https://api.kpnthings.com";

    #[test]
    fn pages_are_read_one_after_the_other_to_the_one_without_a_link() {
        let mut cursor = session(KPN, 100).cursor(devices());
        let pages = [
            r#"{"items":[{"id":1},{"id":2}],"next":"c1"}"#,
            r#"{"items":[],"next":"c2"}"#,
            r#"{"items":[],"next":"c3"}"#,
            r#"{"items":[{"id":3}]}"#,
        ];
        let (items, targets, error) = list(&mut cursor, &pages);
        assert_eq!(items, [r#"{"id":1}"#, r#"{"id":2}"#, r#"{"id":3}"#]);
        let query = "/devices?q=a%20b&limit=2";
        let expected =
            ["", "&cursor=c1", "&cursor=c2", "&cursor=c3"].map(|cursor| format!("{query}{cursor}"));
        assert_eq!((targets, error.is_none(), cursor.pages()), (expected.to_vec(), true, 4));
    }

    #[test]
    fn a_page_is_requested_once_the_items_before_it_were_taken() {
        let mut cursor: Cursor = session(KPN, 100).cursor(devices());
        let Want::Call { ticket, .. } = cursor.want(now()) else { panic!("no call") };
        cursor.accept(ticket, page(r#"{"items":[1,2],"next":"c"}"#));
        assert!(cursor.take().is_some() && matches!(cursor.want(now()), Want::Nothing));
        assert!(cursor.take().is_some() && matches!(cursor.want(now()), Want::Call { .. }));
    }

    #[test]
    fn a_link_on_the_same_server_is_followed() {
        for (base_url, link, target) in [
            (
                KPN,
                "https://api.kpnthings.com/devices?cursor=a%2B&x=1",
                "https://api.kpnthings.com/devices?cursor=a%2B&x=1",
            ),
            (KPN, "https://API.kpnthings.com:443/v2/devices", "https://API.kpnthings.com:443/v2/devices"),
            (KPN, "//api.kpnthings.com/devices?cursor=a", "https://api.kpnthings.com/devices?cursor=a"),
            (KPN, "/devices?cursor=a", "https://api.kpnthings.com/devices?cursor=a"),
            (
                "http://127.0.0.1:81/proxy",
                "/proxy/devices?cursor=a",
                "http://127.0.0.1:81/proxy/devices?cursor=a",
            ),
        ] {
            assert_eq!(second(base_url, link).unwrap(), target, "{link}");
        }
    }

    #[test]
    fn of_any_other_link_only_the_cursor_is_used() {
        for (base_url, link) in [
            (KPN, "https://other.example/devices?cursor=a%2Fb"),
            (KPN, "http://api.kpnthings.com/devices?limit=9&cursor=a%2Fb"),
            (KPN, "https://api.kpnthings.com:8443/devices?cursor=a%2Fb"),
            (KPN, "https://user@api.kpnthings.com/devices?cursor=a%2Fb"),
            (KPN, "https://api.kpnthings.com.evil.example/devices?cursor=a%2Fb"),
            (KPN, "https://api.kpnthings.com\\@evil.example/devices?cursor=a%2Fb"),
            (KPN, "//evil.example/devices?cursor=a%2Fb"),
            (KPN, "javascript://x?cursor=a%2Fb"),
            (KPN, "/a/../devices?cursor=a%2Fb"),
            (KPN, "?cursor=a%2Fb"),
            (KPN, "devices?limit=9&cursor=a%2Fb"),
            (KPN, "a/b"),
            ("http://127.0.0.1:81/proxy", "/devices?cursor=a%2Fb"),
        ] {
            assert_eq!(second(base_url, link).unwrap(), "/devices?q=a%20b&limit=2&cursor=a%2Fb", "{link}");
        }
    }

    #[test]
    fn a_link_elsewhere_without_a_cursor_is_an_error_after_the_items_before_it() {
        for link in
            ["https://evil.example/devices?page=2", "https://evil.example/", "//evil.example/?cursor="]
        {
            let error = second(KPN, link).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Listing);
            assert_eq!(
                error.message(),
                "page 1 of /devices links to a URL that is not below the base URL and has no cursor"
            );
        }
    }

    #[test]
    fn a_loop_of_any_length_ends_in_an_error() {
        for length in [1, 2, 3, 50] {
            let mut cursor = session(KPN, 100).cursor(devices());
            let pages: Vec<_> = (0..=length)
                .map(|nth| format!("{{\"items\":[{nth}],\"next\":\"c{}\"}}", nth % length))
                .collect();
            let pages: Vec<_> = pages.iter().map(String::as_str).collect();
            let (items, _, error) = list(&mut cursor, &pages);
            let error = error.unwrap();
            assert_eq!((items.len(), error.kind()), (length + 1, ErrorKind::Listing));
            let expected =
                format!("page {} of /devices links to a page that was requested before", length + 1);
            assert_eq!(error.message(), expected);
        }
        let mut cursor = session(KPN, 100).cursor(devices().cursor("c"));
        let (items, _, error) = list(&mut cursor, &[r#"{"items":[1],"next":"c"}"#]);
        assert_eq!((items.len(), error.unwrap().kind()), (1, ErrorKind::Listing), "the first page");
    }

    #[test]
    fn links_that_never_end_are_stopped_by_the_number_of_pages() {
        let mut cursor = session(KPN, 2).cursor(devices());
        let pages = [r#"{"items":[1],"next":"c1"}"#, r#"{"items":[2],"next":"c2"}"#];
        let (items, _, error) = list(&mut cursor, &pages);
        let error = error.unwrap();
        assert_eq!(
            (items.len(), error.kind(), error.message()),
            (2, ErrorKind::TooManyPages, "no end after 2 pages")
        );
        let mut cursor = session(KPN, 2).cursor(devices());
        let (items, _, error) = list(&mut cursor, &[pages[0], r#"{"items":[2]}"#]);
        assert_eq!((items.len(), error.is_none()), (2, true));
    }

    #[test]
    fn an_error_is_the_last_item_and_a_403_names_the_scope() {
        let mut cursor: Cursor = session(KPN, 100).cursor(devices());
        let Want::Call { ticket, .. } = cursor.want(now()) else { panic!("no call") };
        let refused = Error::new(ErrorKind::Forbidden, Stage::Call, "403")
            .with(|report| report.hint = Some("why".into()));
        cursor.accept(ticket, Err(refused));
        assert!(!cursor.is_finished());
        let error = cursor.take().unwrap().unwrap_err();
        assert_eq!(error.hint(), Some("the API key may lack the scope device.read; why"));
        assert!(cursor.is_finished() && cursor.take().is_none());
    }

    #[test]
    fn items_can_be_typed() {
        let mut cursor: Cursor<Project> = session(KPN, 100).cursor(ListResource::new(Resource::Projects));
        let Want::Call { ticket, .. } = cursor.want(now()) else { panic!("no call") };
        cursor.accept(ticket, page(r#"{"items":[{"name":"Roof"}]}"#));
        assert_eq!(cursor.take().unwrap().unwrap().name().as_deref(), Some("Roof"));
        assert!(cursor.is_finished());
    }
}
