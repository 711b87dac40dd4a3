//! A page of devices. The totals are read in every known shape of Spring, and a malformed hint is ignored: only
//! `content` decides whether a page can be read.

use std::vec;

use bytes::Bytes;
use http::HeaderMap;
use serde::de::{self, Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::extra::Members;
use super::flaw::{Flaw, Why};
use super::{Device, Extra, SortEcho};
use crate::coding;
use crate::error::DecodeError;
use crate::json::{Kind, Origin, Scanner, Token};

/// A page with more devices than this is rejected: nobody requested it, and it would take too much memory.
pub(super) const MOST_DEVICES: usize = 10_000;

/// A page of devices: Spring Data's envelope, as documented.
///
/// Only `content` is required. Newer versions of Spring put the numbers into a field `page`, and they are read there
/// too. The shape of `sort` differs by version of the service, and any shape is accepted.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Page {
    /// `content`: the devices, at most 10,000.
    pub devices: Vec<Device>,
    /// `number`: the number of the page, from 0. `None` if the response does not contain it.
    pub number: Option<u64>,
    /// `size`: the number of devices on a full page. It can be smaller than requested.
    pub size: Option<u64>,
    /// `totalPages`.
    pub total_pages: Option<u64>,
    /// `totalElements`: the number of devices on all pages together.
    pub total_elements: Option<u64>,
    /// `first`: whether this is the first page. `false` if the response does not contain it.
    pub first: bool,
    /// `last`: whether this is the last page. `false` if the response does not contain it.
    pub last: bool,
    /// Fields that this library does not know.
    pub extra: Extra,
    pub(crate) said: Said,
}

/// The fields that only a proof of completeness needs. It must distinguish a field that is `false` from a missing
/// field.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    pub(crate) first: Option<bool>,
    pub(crate) last: Option<bool>,
    pub(crate) sort: SortEcho,
}

/// Pages are equal if all their public fields are: a page that was serialised and read again holds less of this.
impl PartialEq for Said {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Page {
    /// Reads the body of a response.
    ///
    /// # Errors
    ///
    /// Returns an error if the bytes are not a JSON object with the field `content`, if a device in it cannot be read
    /// (see [`Device::from_json`]), or if there are more than 10,000 devices.
    pub fn from_json(body: &[u8]) -> Result<Self, DecodeError> {
        Self::of(&HeaderMap::new(), body, None)
    }

    /// Reads the body of a response with these headers.
    pub(super) fn from_body(headers: &HeaderMap, body: &Bytes) -> Result<Self, DecodeError> {
        Self::of(headers, body, Some(body))
    }

    fn of(headers: &HeaderMap, body: &[u8], origin: Origin<'_>) -> Result<Self, DecodeError> {
        const WHAT: &str = "a page of devices";
        let text = coding::text(headers, body).map_err(|no_text| {
            DecodeError::new(format_args!("not {WHAT}: {}", no_text.why)).at(no_text.at)
        })?;
        Self::read(text, origin).map_err(|flaw| flaw.into_error(WHAT, body, text))
    }

    fn read(text: &str, origin: Origin<'_>) -> Result<Self, Flaw> {
        let mut scanner = Scanner::new(text);
        let mut envelope = Envelope::default();
        let (mut content, mut embedded) = (None, false);
        let mut extra = Members::default();
        let mut after_last = 0;
        scanner.object(|scanner, name| {
            match name.text().as_deref() {
                Some("content") if content.is_some() => return Err(Flaw::new(name.at(), Why::ContentTwice)),
                Some("content") => content = Some(devices(scanner, text, origin)?),
                field => {
                    let value = scanner.value()?;
                    embedded |= field == Some("_embedded");
                    if !field.is_some_and(|field| envelope.take(field, value)) {
                        extra.keep(name.at(), scanner.at(), after_last);
                    }
                }
            }
            after_last = scanner.at();
            Ok(())
        })?;
        scanner.end()?;
        let missing = if embedded { Why::Embedded } else { Why::NoContent };
        let devices = content.ok_or(Flaw::new(0, missing))?;
        Ok(envelope.around(devices, extra.into_extra(text, origin)))
    }
}

fn devices<'a>(scanner: &mut Scanner<'a>, text: &'a str, origin: Origin<'_>) -> Result<Vec<Device>, Flaw> {
    if scanner.peek().is_some_and(|byte| byte != b'[') {
        return Err(Flaw::new(scanner.at(), Why::ContentIsNoArray));
    }
    let mut devices = Vec::with_capacity(20);
    scanner.array(|scanner| {
        if devices.len() == MOST_DEVICES {
            return Err(Flaw::new(scanner.at(), Why::TooManyDevices));
        }
        devices.push(Device::scan(scanner, text, origin).map_err(|flaw| flaw.at_place(devices.len()))?);
        Ok(())
    })?;
    Ok(devices)
}

/// The numbers of a page, which are at the top level or in a field `page`.
#[derive(Default, Clone, Copy)]
struct Numbers {
    number: Option<u64>,
    size: Option<u64>,
    total_pages: Option<u64>,
    total_elements: Option<u64>,
}

impl Numbers {
    /// Reads a field. Returns `false` if it is another one.
    fn take(&mut self, field: &str, value: Token<'_>) -> bool {
        let place = match field {
            "number" => &mut self.number,
            "size" => &mut self.size,
            "totalPages" => &mut self.total_pages,
            "totalElements" => &mut self.total_elements,
            _ => return false,
        };
        *place = count(value);
        true
    }
}

/// All of a page except its devices.
#[derive(Default)]
struct Envelope {
    top: Numbers,
    /// The field `page` of Spring Data's `PagedModel`.
    nested: Numbers,
    said: Said,
}

impl Envelope {
    /// Reads a field. Returns `false` if it is not known.
    fn take(&mut self, field: &str, value: Token<'_>) -> bool {
        match field {
            "first" => self.said.first = flag(value),
            "last" => self.said.last = flag(value),
            "sort" => self.said.sort = serde_json::from_str(value.raw()).unwrap_or_default(),
            "page" if value.kind() == Kind::Object => {
                let read: Result<(), Flaw> = Scanner::new(value.raw()).object(|scanner, name| {
                    let value = scanner.value()?;
                    if let Some(field) = name.text() {
                        self.nested.take(&field, value);
                    }
                    Ok(())
                });
                // The scanner has already read it.
                return read.is_ok();
            }
            "numberOfElements" => {}
            _ => return self.top.take(field, value),
        }
        true
    }

    fn around(mut self, devices: Vec<Device>, extra: Extra) -> Page {
        let Self { top, nested, said } = &mut self;
        // A `PagedModel` has no `first` and no `last`, so they are computed from its numbers.
        if let (Some(number), Some(pages)) = (nested.number, nested.total_pages) {
            said.first = said.first.or(Some(number == 0));
            said.last = said.last.or(Some(number.saturating_add(1) >= pages));
        }
        Page {
            devices,
            number: top.number.or(nested.number),
            size: top.size.or(nested.size),
            total_pages: top.total_pages.or(nested.total_pages),
            total_elements: top.total_elements.or(nested.total_elements),
            first: said.first.unwrap_or(false),
            last: said.last.unwrap_or(false),
            extra,
            said: self.said,
        }
    }
}

/// Returns a count, also from a text or from `5.0`. Returns `None` for anything else.
fn count(value: Token<'_>) -> Option<u64> {
    /// `f64` is exact for all integers up to this one.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let text = value.text();
    let text = match (&text, value.kind()) {
        (Some(text), _) => text.trim(),
        (None, Kind::Number) => value.raw(),
        _ => return None,
    };
    text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        let whole = number.fract() == 0.0 && (0.0..=EXACT).contains(&number);
        whole.then_some(number as u64)
    })
}

/// Returns a boolean, also from a text. Returns `None` for anything else.
fn flag(value: Token<'_>) -> Option<bool> {
    match (value.kind(), value.text()) {
        (Kind::Bool, _) => value.raw().parse().ok(),
        (_, Some(text)) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The devices of the page, in order.
impl IntoIterator for Page {
    type Item = Device;
    type IntoIter = vec::IntoIter<Device>;

    fn into_iter(self) -> Self::IntoIter {
        self.devices.into_iter()
    }
}

/// Reads what [`Page::from_json`] reads, with serde_json.
impl<'de> Deserialize<'de> for Page {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::read(raw.get(), None).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::error::ErrorKind;

    /// KPN's own sample: the uuid is `xxxxxx`, and the total is two although it shows one element.
    const SAMPLE: &str = r#"{"content":[{"uuid":"xxxxxx","name":"My first own device","description":"","metadata":null,
      "deviceSpecificationUUID":"d2723e99-1fe4-4d60-9b6d-8061f7414b24","barcode":null}],
     "last":true,"totalPages":1,"totalElements":2,
     "sort":[{"direction":"ASC","property":"name","ignoreCase":false,"nullHandling":"NATIVE","ascending":true,"descending":false}],
     "first":true,"numberOfElements":2,"size":20,"number":0}"#;

    fn page(value: Value) -> Result<Page, DecodeError> {
        Page::from_json(value.to_string().as_bytes())
    }

    #[test]
    fn the_vendors_sample_parses() {
        let page = Page::from_json(SAMPLE.as_bytes()).unwrap();
        assert_eq!(
            (page.number, page.size, page.total_pages, page.total_elements),
            (Some(0), Some(20), Some(1), Some(2))
        );
        assert!(page.first && page.last && page.extra.is_empty());
        let device = &page.devices[0];
        assert_eq!(device.uuid(), "xxxxxx");
        assert_eq!(device.name(), "My first own device");
        assert_eq!(device.description(), Some(""));
        assert!(device.metadata().is_null());
        assert_eq!(device.device_specification_uuid(), Some("d2723e99-1fe4-4d60-9b6d-8061f7414b24"));
        assert_eq!(device.barcode(), None);
    }

    #[test]
    fn sort_may_have_any_shape() {
        for sort in [json!([]), json!(null), json!({"sorted": true, "unsorted": false}), json!("name")] {
            assert!(page(json!({"content": [], "sort": sort})).is_ok());
        }
    }

    #[test]
    fn what_is_not_said_is_not_taken_for_a_no() {
        let said = |value| page(value).unwrap().said;
        assert_eq!(said(json!({"content": []})), Said::default());
        let full = said(json!({"content": [], "first": true, "last": false, "sort": [{"property": "uuid"}]}));
        assert_eq!(full, Said { first: Some(true), last: Some(false), sort: SortEcho::By("uuid".into()) });
    }

    #[test]
    fn unknown_fields_are_kept_and_written_again() {
        let device = json!({"uuid": "u", "name": "n", "description": null, "metadata": {"a": [1, 2.5, null]},
            "deviceSpecificationUUID": null, "barcode": "b", "eui": "0059AC0000181EB6", "tags": {"x": true}});
        let page = page(json!({"content": [device.clone()], "pageable": {"offset": 0}})).unwrap();
        assert_eq!(page.devices[0].extra().get("eui").unwrap().text().unwrap(), "0059AC0000181EB6");
        assert_eq!(page.extra.get("pageable").unwrap().as_str(), r#"{"offset":0}"#);
        assert_eq!(serde_json::to_value(&page.devices[0]).unwrap(), device);
    }

    #[test]
    fn a_field_that_is_large_shares_the_memory_of_the_response() {
        let large = "a".repeat(1 << 20);
        let device = json!({"uuid": "u", "name": "n", "description": large, "metadata": [large], "barcode": "b", "eui": large});
        let small = json!({"uuid": "v", "metadata": {"a": "\n"}, "eui": "e"});
        let body = json!({"content": [device, small], "pageable": {"a": large}}).to_string();
        let (copied, body) = (Page::from_json(body.as_bytes()).unwrap(), Bytes::from(body));
        let shared = Page::from_body(&HeaderMap::new(), &body).unwrap();
        assert_eq!(shared, copied);
        let of_body = |text: &str| body.as_ptr_range().contains(&text.as_ptr());
        let [one, two] = &shared.devices[..] else { panic!("there are two") };
        assert!(of_body(one.description().unwrap()) && of_body(one.metadata().as_str()));
        assert!(of_body(one.extra().get("eui").unwrap().as_str()));
        assert!(of_body(shared.extra.get("pageable").unwrap().as_str()));
        assert!(!of_body(one.name()) && !of_body(two.metadata().as_str()) && !of_body(two.uuid()));
        assert!(!of_body(copied.devices[0].metadata().as_str()));
    }

    #[test]
    fn only_content_and_uuid_must_be_there() {
        let page = page(json!({"content": [{"uuid": "u"}]})).unwrap();
        assert_eq!(page.devices[0].name(), "");
        assert_eq!(page.total_pages, None);
        assert!(!page.last);
    }

    #[test]
    fn a_body_that_is_no_page_is_an_error_that_says_where() {
        for (body, part) in [
            (json!({"items": []}).to_string(), "there is no field content"),
            (
                json!({"content": [{"uuid": "a"}, {"uuid": []}]}).to_string(),
                "content[1]: its uuid is not a text",
            ),
            (json!({"content": [{"name": "a"}]}).to_string(), "content[0]: there is no field uuid"),
            (json!({"content": [{"uuid": "a"}, null]}).to_string(), "content[1]: not a JSON object"),
            (json!({"content": null}).to_string(), "content is no array of devices"),
            (json!([]).to_string(), "not a JSON object"),
            (json!({"_embedded": {"devices": []}}).to_string(), "`_embedded`: this is HATEOAS"),
            ("<html>Log in</html>".into(), "not a JSON object (line 1, column 1)"),
            (r#"{"content":[{"uuid":"a"}],"content":[]}"#.into(), "two fields content"),
            (
                "{\"content\":[{\"uuid\":\"a\",\n\"x\":NaN}]}".into(),
                "(uuid \"a\"): not a JSON value (line 2, column 5)",
            ),
            (SAMPLE[..200].into(), "the JSON is cut short"),
            (String::new(), "the JSON is cut short"),
        ] {
            let error = Page::from_json(body.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("not a page of devices: ") && error.contains(part), "{error}");
        }
    }

    #[test]
    fn an_error_of_a_device_knows_the_device_and_the_place() {
        let error = |body: &str| Page::from_json(body.as_bytes()).unwrap_err();
        let tab = error("\u{FEFF}{\"content\":[{\"uuid\":\"u-1\"},{\"uuid\":\"u-2\",\"name\":\"a\tb\"}]}");
        assert_eq!(tab.part(), Some("the device with the uuid \"u-2\""));
        assert_eq!(tab.place(), Some(53));
        assert!(tab.to_string().contains("content[1] (uuid \"u-2\"): a control character"), "{tab}");
        assert_eq!(
            error(r#"{"content":[{"uuid":"u-1"},{"name":"b"}]}"#).part(),
            Some("device 2 of the page")
        );
        assert_eq!(error(r#"{"content":[],"size":+1}"#).part(), None);
        let long =
            error(&format!("{{\"content\":[{{\"uuid\":\"{}\",\"name\":\"a\tb\"}}]}}", "s3cr".repeat(20)));
        assert_eq!(long.part(), Some("device 1 of the page"));
        assert!(!long.to_string().contains("s3cr"), "{long}");
    }

    #[test]
    fn the_totals_are_read_in_each_shape_that_spring_gave_them() {
        let numbers = |value: Value| {
            let page = page(value).unwrap();
            ((page.number, page.size, page.total_pages, page.total_elements), page.said.first, page.said.last)
        };
        let all = (Some(2), Some(5), Some(3), Some(11));
        let (no, yes) = (Some(false), Some(true));
        let paged_model =
            json!({"content": [], "page": {"size": 5, "number": 2, "totalElements": 11, "totalPages": 3}});
        assert_eq!(numbers(paged_model.clone()), (all, no, yes));
        assert!(page(paged_model).unwrap().extra.is_empty());
        let page_impl = json!({"content": [], "size": 5, "number": 2, "totalElements": 11, "totalPages": 3,
            "first": false, "last": true, "pageable": {"pageNumber": 2}, "empty": true});
        assert_eq!(numbers(page_impl), (all, no, yes));
        let texts = json!({"content": [], "size": "5", "number": " 2", "totalElements": 11.0, "totalPages": "3.0",
            "first": "false", "last": "true"});
        assert_eq!(numbers(texts), (all, no, yes));
        let slice = json!({"content": [], "pageable": "INSTANCE", "size": 5, "number": 2, "last": false});
        assert_eq!(numbers(slice), ((Some(2), Some(5), None, None), None, no));
        let first = json!({"content": [], "page": {"number": 0, "totalPages": 0}});
        assert_eq!(numbers(first), ((Some(0), None, Some(0), None), yes, yes));
        let top_first =
            json!({"content": [], "number": 1, "page": {"number": 0, "totalPages": 9, "size": "x"}});
        assert_eq!(numbers(top_first), ((Some(1), None, Some(9), None), yes, no));
    }

    #[test]
    fn a_hint_that_is_not_what_it_should_be_says_nothing() {
        for odd in
            [json!(null), json!(-1), json!(1.5), json!("x"), json!([]), json!({}), json!(true), json!(1e300)]
        {
            let page = page(
                json!({"content": [], "number": odd, "size": odd, "totalPages": odd, "totalElements": odd,
                "numberOfElements": odd, "sort": odd, "first": 7, "last": [odd]}),
            )
            .unwrap();
            let numbers = [page.number, page.size, page.total_pages, page.total_elements];
            assert_eq!((numbers, page.said.last), ([None; 4], None), "{odd}");
        }
        assert_eq!(page(json!({"content": [], "page": 3})).unwrap().extra.get("page").unwrap().as_str(), "3");
    }

    #[test]
    fn a_page_has_a_bound() {
        let devices = |count| format!(r#"{{"content":[{}]}}"#, vec![r#"{"uuid":""}"#; count].join(","));
        assert_eq!(Page::from_json(devices(MOST_DEVICES).as_bytes()).unwrap().devices.len(), MOST_DEVICES);
        let error = Page::from_json(devices(MOST_DEVICES + 1).as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(error.to_string().contains("it has more than 10000 devices"), "{error}");
    }

    #[test]
    fn a_byte_order_mark_is_skipped_and_other_characters_are_named() {
        assert!(Page::from_json(b"\xEF\xBB\xBF{\"content\":[]}").is_ok());
        let error = Page::from_json(b"{\"content\":[{\"uuid\":\"\xFF\"}]}").unwrap_err();
        assert_eq!(
            (error.to_string().as_str(), error.place()),
            ("not a page of devices: the response is not UTF-8", Some(21))
        );
    }

    #[test]
    fn deep_nesting_is_an_error() {
        let nested = |levels: usize| {
            let (open, close) = ("[".repeat(levels), "]".repeat(levels));
            Page::from_json(format!(r#"{{"content":[{{"uuid":"u","metadata":{open}1{close}}}]}}"#).as_bytes())
        };
        let deepest = nested(124).unwrap();
        assert!(deepest.devices[0].metadata().parse::<Value>().is_ok());
        for levels in [125, 100_000] {
            let error = nested(levels).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TooDeep);
            assert!(
                error.to_string().contains("content[0] (uuid \"u\"): nested more than 127 levels"),
                "{error}"
            );
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect()))
            ]
        })
    }

    proptest! {
        #[test]
        fn a_device_survives_the_round_trip(
            uuid in any::<String>(), name in any::<String>(), description in any::<Option<String>>(),
            metadata in any_json(), barcode in any::<Option<String>>(),
            extra in proptest::collection::btree_map("x-[a-z]{1,5}", any_json(), 0..4),
        ) {
            let mut device = json!({"uuid": uuid, "name": name, "description": description,
                "metadata": metadata, "deviceSpecificationUUID": null, "barcode": barcode});
            device.as_object_mut().unwrap().extend(extra);
            let read: Device = serde_json::from_value(device.clone()).unwrap();
            prop_assert_eq!(serde_json::to_value(&read).unwrap(), device.clone());
            let text: Device = serde_json::from_str(&device.to_string()).unwrap();
            prop_assert_eq!(text, read);
        }

        #[test]
        fn any_bytes_are_a_page_or_an_error(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Page::from_json(&body);
        }

        #[test]
        fn any_json_is_a_page_or_an_error(body in any_json()) {
            let _ = page(json!({"content": body.clone(), "size": body}));
        }
    }
}
