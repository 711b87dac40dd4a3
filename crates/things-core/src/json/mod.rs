//! JSON as its original text: values that the library does not interpret are returned unchanged.

mod part;
mod scan;
mod text;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::ser::{self, Serialize, Serializer};
use serde_json::value::RawValue;

pub(crate) use part::{Origin, Part, text_of};
pub(crate) use scan::{Flaw, Kind, Scanner, Token, Why};

/// A JSON value in the text of the service: digits, the order of keys and escapes are kept.
///
/// Two values are equal if they hold the same texts, numbers and members. Whitespace, escapes and the order of members
/// do not matter. Numbers are compared as they are written: `1.0` and `1` are different.
///
/// Serialises as its text, with serde_json.
#[derive(Clone, Copy)]
pub struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// `null`.
    pub const NULL: Json<'static> = Json("null");

    /// Creates a value from a text that the scanner has read as one value.
    pub(crate) fn of(scanned: &'a str) -> Self {
        Self(scanned)
    }

    /// Reads a text that is one JSON value, with or without whitespace around it.
    pub(crate) fn read(text: &'a str) -> Result<Self, Flaw> {
        let mut scanner = Scanner::new(text);
        let value = scanner.value()?;
        scanner.end()?;
        Ok(Self(value.raw()))
    }

    /// The text of the value.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether the value is `null`.
    pub fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// Returns the last member of an object with this name. `None` if there is none, or if the value is not an object.
    pub fn get(self, name: &str) -> Option<Self> {
        let mut found = None;
        let read: Result<(), Flaw> = Scanner::new(self.0).object(|scanner, key| {
            let value = scanner.value()?;
            if key.text().as_deref() == Some(name) {
                found = Some(Self(value.raw()));
            }
            Ok(())
        });
        read.ok().and(found)
    }

    /// Returns the text of a string, without its quotes and escapes. `None` if the value is not a string.
    ///
    /// Half of a surrogate pair, as in `"\ud83d"`, becomes U+FFFD.
    pub fn text(self) -> Option<Cow<'a, str>> {
        Scanner::new(self.0).value().ok()?.text()
    }

    /// Parses the value as any type.
    ///
    /// A `serde_json::Value` cannot hold a number of more than 64 bits exactly: parse a long one as `u128`, or use its
    /// text. Half of a surrogate pair, as in `"\ud83d"`, is read as U+FFFD.
    ///
    /// # Errors
    ///
    /// Returns an error if the value does not fit the type.
    pub fn parse<T: DeserializeOwned>(self) -> serde_json::Result<T> {
        serde_json::from_str(self.0).or_else(|error| match text::without_halves(self.0) {
            Cow::Borrowed(_) => Err(error),
            Cow::Owned(text) => serde_json::from_str(&text),
        })
    }

    /// Returns the value with U+FFFD for each half of a surrogate pair, because readers such as serde_json reject
    /// these.
    pub fn without_half_surrogates(self) -> Cow<'a, str> {
        text::without_halves(self.0)
    }
}

impl PartialEq for Json<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || normal(self.0) == normal(other.0)
    }
}

impl Eq for Json<'_> {}

/// Returns the line and the column of an offset in a text, both from 1.
pub(crate) fn place(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}")
}

/// Returns the value in a normalised text. `None` if the text is not JSON, which no value is made of.
fn normal(json: &str) -> Option<String> {
    let mut scanner = Scanner::new(json);
    let token = scanner.value().ok()?;
    let mut text = String::with_capacity(json.len());
    match (token.kind(), token.text()) {
        (_, Some(string)) => text.push_str(&format!("{string:?}")),
        (Kind::Array, _) => {
            Scanner::new(token.raw())
                .array(|scanner| {
                    let element = scanner.value()?;
                    text.push_str(&normal(element.raw()).unwrap_or_default());
                    text.push(',');
                    Ok::<_, Flaw>(())
                })
                .ok()?;
            text.push(']');
        }
        (Kind::Object, _) => {
            let mut members = BTreeMap::new();
            Scanner::new(token.raw())
                .object(|scanner, name| {
                    let value = scanner.value()?;
                    members.insert(name.text().unwrap_or_default(), normal(value.raw()));
                    Ok::<_, Flaw>(())
                })
                .ok()?;
            text.push_str(&format!("{members:?}"));
        }
        _ => text.push_str(token.raw()),
    }
    Some(text)
}

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Shows the text.
impl fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(self.0).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_value_keeps_its_text() {
        let text = r#" {"z":1.7657E9,"iccid":89314404000123456789,"a":[1 , 2]} "#;
        let json = Json::read(text).unwrap();
        assert_eq!(json.as_str(), text.trim());
        assert_eq!(serde_json::to_string(&[json]).unwrap(), format!("[{}]", text.trim()));
        assert_eq!(json.get("iccid").unwrap().parse::<u128>().unwrap(), 89_314_404_000_123_456_789);
        assert_eq!(json.get("z").unwrap().to_string(), "1.7657E9");
        assert_eq!(json.parse::<Value>().unwrap()["a"][1], 2);
        assert_eq!((json.get("b"), Json::NULL.get("a")), (None, None));
        assert!(Json::NULL.is_null() && !json.is_null());
    }

    #[test]
    fn values_are_equal_if_they_hold_the_same() {
        let json = |text| Json::read(text).unwrap();
        for (one, other) in [
            (r#"{"a":1,"b":["\u00e9",{}]}"#, r#"{ "b": ["é", {}], "a" : 1 }"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            ("[ ]", "[]"),
        ] {
            assert_eq!(json(one), json(other));
        }
        for (one, other) in [
            ("1", "1.0"),
            ("1", "\"1\""),
            ("[1,2]", "[12]"),
            ("[]", "{}"),
            ("[[1],2]", "[[1,2]]"),
            (r#"{"a":null}"#, "{}"),
            (r#"["a,"]"#, r#"["a",""]"#),
        ] {
            assert_ne!(json(one), json(other));
        }
    }

    #[test]
    fn the_last_of_two_members_counts() {
        let json = Json::read(r#"{"a":1,"\u0061":"two"}"#).unwrap();
        assert_eq!(json.get("a").unwrap().text().unwrap(), "two");
    }

    #[test]
    fn half_a_surrogate_pair_is_read_as_a_replacement_character() {
        let json = Json::read(r#"{"note":"ok \ud83d","emoji":"\ud83d\ude00"}"#).unwrap();
        assert_eq!(json.get("note").unwrap().text().unwrap(), "ok \u{FFFD}");
        let value: Value = json.parse().unwrap();
        assert_eq!((&value["note"], &value["emoji"]), (&"ok \u{FFFD}".into(), &"😀".into()));
        assert!(serde_json::to_string(&json).unwrap().contains(r"\ud83d"));
    }
}
