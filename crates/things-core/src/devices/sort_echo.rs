//! The order that a page reports in `sort`.
//!
//! Spring has used several shapes: an array of orders (as in KPN's documentation), `null`, or an object that shows only
//! whether the page is sorted. An unknown shape counts as no information, and is not an error.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The order that a page reports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum SortEcho {
    /// The page contains no readable order.
    #[default]
    Silent,
    /// The page has no order.
    Unsorted,
    /// The property that the page is sorted by first.
    By(String),
}

impl<'de> Deserialize<'de> for SortEcho {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ReadEcho { list: true }.deserialize(deserializer)
    }
}

/// Reads a value of any shape.
struct ReadEcho {
    /// Whether an array is a list of orders, of which the first one decides. Only the outermost array is one: nested
    /// arrays could be deeper than the reader allows.
    list: bool,
}

impl<'de> DeserializeSeed<'de> for ReadEcho {
    type Value = SortEcho;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<SortEcho, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ReadEcho {
    type Value = SortEcho;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<SortEcho, A::Error> {
        let first = if self.list { seq.next_element_seed(ReadEcho { list: false })? } else { None };
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first.unwrap_or_default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SortEcho, A::Error> {
        let mut echo = SortEcho::Silent;
        while let Some(key) = map.next_key::<String>()? {
            match (key.as_str(), &echo) {
                ("property", _) => {
                    if let Scalar::Text(property) = map.next_value()? {
                        echo = SortEcho::By(property);
                    }
                }
                ("unsorted", SortEcho::Silent) => {
                    if let Scalar::Bool(true) = map.next_value()? {
                        echo = SortEcho::Unsorted;
                    }
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(echo)
    }

    fn visit_unit<E>(self) -> Result<SortEcho, E> {
        Ok(SortEcho::Silent)
    }

    fn visit_bool<E>(self, _: bool) -> Result<SortEcho, E> {
        Ok(SortEcho::Silent)
    }

    fn visit_i64<E>(self, _: i64) -> Result<SortEcho, E> {
        Ok(SortEcho::Silent)
    }

    fn visit_u64<E>(self, _: u64) -> Result<SortEcho, E> {
        Ok(SortEcho::Silent)
    }

    fn visit_f64<E>(self, _: f64) -> Result<SortEcho, E> {
        Ok(SortEcho::Silent)
    }

    fn visit_str<E>(self, _: &str) -> Result<SortEcho, E> {
        Ok(SortEcho::Silent)
    }
}

/// A value that matters if it is a text or a boolean.
enum Scalar {
    Text(String),
    Bool(bool),
    Other,
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadScalar)
    }
}

struct ReadScalar;

impl<'de> Visitor<'de> for ReadScalar {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Scalar, A::Error> {
        IgnoredAny.visit_seq(seq).map(|_| Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Scalar, A::Error> {
        IgnoredAny.visit_map(map).map(|_| Scalar::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> SortEcho {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_first_order_of_an_array_decides() {
        let documented =
            r#"[{"direction":"ASC","property":"name","ignoreCase":false,"nullHandling":"NATIVE"}]"#;
        assert_eq!(read(documented), SortEcho::By("name".into()));
        assert_eq!(read(r#"[{"property":"uuid"},{"property":"name"}]"#), SortEcho::By("uuid".into()));
        assert_eq!(read(r#"{"property":"uuid","unsorted":false}"#), SortEcho::By("uuid".into()));
    }

    #[test]
    fn an_object_may_say_that_there_is_no_order() {
        assert_eq!(read(r#"{"empty":true,"sorted":false,"unsorted":true}"#), SortEcho::Unsorted);
        assert_eq!(read(r#"{"empty":false,"sorted":true,"unsorted":false}"#), SortEcho::Silent);
    }

    #[test]
    fn any_other_shape_says_nothing() {
        for json in [
            "null",
            "[]",
            "{}",
            "\"uuid\"",
            "7",
            "-7",
            "1.5",
            "true",
            "[null]",
            "[[{\"property\":\"name\"}]]",
            r#"[{"property":7}]"#,
            r#"[{"property":-7}]"#,
            r#"[{"property":1.5}]"#,
            r#"[{"property":null}]"#,
            r#"[{"property":["uuid"]}]"#,
            r#"[{"property":{"a":1}}]"#,
            r#"{"unsorted":"yes"}"#,
        ] {
            assert_eq!(read(json), SortEcho::Silent, "{json}");
        }
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(read(&deep), SortEcho::Silent);
    }
}
