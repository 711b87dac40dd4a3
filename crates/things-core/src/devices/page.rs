//! A page of devices, read field by field: known fields into their places, unknown ones kept.

use std::fmt;
use std::vec;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::device::ReadDevice;
use super::extra::field_names;
use super::{Device, Extra, SortEcho};
use crate::error::DecodeError;

/// A page of devices: Spring Data's envelope, as documented.
///
/// Only `content` must be there. The shape of `sort` differs by version of the service, and any shape is accepted.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Page {
    /// `content`: the devices.
    pub devices: Vec<Device>,
    /// `number`: which page this is, from 0. `None` if the answer does not say.
    pub number: Option<u64>,
    /// `size`: devices a full page holds. May be smaller than asked for.
    pub size: Option<u64>,
    /// `totalPages`.
    pub total_pages: Option<u64>,
    /// `totalElements`: devices on all pages together.
    pub total_elements: Option<u64>,
    /// `first`: this is the first page.
    pub first: bool,
    /// `last`: this is the last page. `false` if the answer does not say.
    pub last: bool,
    /// Fields that this library does not know.
    pub extra: Extra,
    pub(crate) said: Said,
}

/// What only a proof of completeness asks for: it must tell a field that says no from a field that is not there.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) first: Option<bool>,
    pub(crate) last: Option<bool>,
    pub(crate) sort: SortEcho,
}

impl Page {
    /// Reads the body of an answer.
    pub fn from_json(body: &[u8]) -> Result<Self, DecodeError> {
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        // Checking the whole text at once is cheaper than string by string; what is no text gets its error below.
        let parsed =
            std::str::from_utf8(body).map_or_else(|_| serde_json::from_slice(body), serde_json::from_str);
        parsed.map_err(|error| DecodeError::json("a page of devices", &error))
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

impl<'de> Deserialize<'de> for Page {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PageVisitor)
    }
}

struct PageVisitor;

impl<'de> Visitor<'de> for PageVisitor {
    type Value = Page;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page with the field content")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Page, A::Error> {
        let mut content = None;
        let (mut number, mut size, mut total_pages, mut total_elements) = (None, None, None, None);
        let mut said = Said::default();
        let mut extra = Extra::default();
        while let Some(key) = map.next_key::<PageKey>()? {
            match key {
                PageKey::Content if content.is_some() => {
                    return Err(serde::de::Error::duplicate_field("content"));
                }
                PageKey::Content => content = Some(map.next_value::<Devices>()?.0),
                PageKey::Number => number = map.next_value()?,
                PageKey::Size => size = map.next_value()?,
                PageKey::TotalPages => total_pages = map.next_value()?,
                PageKey::TotalElements => total_elements = map.next_value()?,
                PageKey::First => said.first = map.next_value()?,
                PageKey::Last => said.last = map.next_value()?,
                PageKey::Sort => said.sort = map.next_value()?,
                PageKey::Derived => {
                    map.next_value::<IgnoredAny>()?;
                }
                PageKey::Unknown(name) => extra.push(name, map.next_value()?),
            }
        }
        let devices = content.ok_or_else(|| serde::de::Error::missing_field("content"))?;
        let (first, last) = (said.first.unwrap_or(false), said.last.unwrap_or(false));
        Ok(Page { devices, number, size, total_pages, total_elements, first, last, extra, said })
    }
}

/// The devices of a page, so that one that cannot be read is named by its place.
struct Devices(Vec<Device>);

impl<'de> Deserialize<'de> for Devices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DevicesVisitor;

        impl<'de> Visitor<'de> for DevicesVisitor {
            type Value = Devices;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of devices")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Devices, A::Error> {
                let mut devices = Vec::with_capacity(20);
                let mut scratch = String::with_capacity(256);
                loop {
                    match seq.next_element_seed(ReadDevice { scratch: &mut scratch }) {
                        Ok(Some(device)) => devices.push(device),
                        Ok(None) => break,
                        Err(error) => {
                            let place = devices.len();
                            return Err(serde::de::Error::custom(format_args!("content[{place}]: {error}")));
                        }
                    }
                }
                Ok(Devices(devices))
            }
        }

        deserializer.deserialize_seq(DevicesVisitor)
    }
}

field_names!(PageKey, PageKeyVisitor {
    Content = "content",
    Number = "number",
    Size = "size",
    TotalPages = "totalPages",
    TotalElements = "totalElements",
    First = "first",
    Last = "last",
    Sort = "sort",
    Derived = "numberOfElements",
});

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// KPN's own sample: the uuid is `xxxxxx`, and it says two elements while showing one.
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
        assert_eq!(device.metadata(), &Value::Null);
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
        assert_eq!(page.devices[0].extra().get("eui").unwrap(), "0059AC0000181EB6");
        assert_eq!(page.extra.get("pageable").unwrap()["offset"], 0);
        assert_eq!(serde_json::to_value(&page.devices[0]).unwrap(), device);
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
            (json!({"items": []}).to_string(), "missing field `content`"),
            (json!({"content": [{"uuid": "a"}, {"uuid": 7}]}).to_string(), "content[1]"),
            (json!({"content": [{"name": "a"}]}).to_string(), "missing field `uuid`"),
            (json!({"content": null}).to_string(), "array of devices"),
            (json!([]).to_string(), "a page with the field content"),
            ("<html>Log in</html>".into(), "expected value at line 1 column 1"),
            (r#"{"content":[{"uuid":"a"}],"content":[]}"#.into(), "duplicate field `content`"),
            (SAMPLE[..200].into(), "EOF"),
            (String::new(), "EOF"),
        ] {
            let error = Page::from_json(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_skipped_and_bad_utf8_is_an_error() {
        assert!(Page::from_json(b"\xEF\xBB\xBF{\"content\":[]}").is_ok());
        assert!(Page::from_json(b"{\"content\":[{\"uuid\":\"\xFF\"}]}").is_err());
    }

    #[test]
    fn deep_nesting_is_an_error() {
        let deep = format!(
            "{{\"content\":[{{\"uuid\":\"u\",\"metadata\":{}1{}}}]}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert!(Page::from_json(deep.as_bytes()).unwrap_err().to_string().contains("recursion"));
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
