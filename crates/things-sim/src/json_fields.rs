//! The fields of a JSON object, each as its original text.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;

/// The fields of a JSON object, in their order.
pub(crate) struct Fields<'a>(Vec<(String, &'a str)>);

impl<'a> Fields<'a> {
    /// # Errors
    ///
    /// Returns the reason, on one line.
    pub(crate) fn read(json: &'a str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| {
            let message = error.to_string();
            let place = format!(" at line {} column {}", error.line(), error.column());
            let reason = message.strip_suffix(&place).unwrap_or(&message);
            match error.is_data() {
                true => reason.to_owned(),
                false => format!("not JSON: {reason} in column {}", error.column()),
            }
        })
    }

    /// Returns the text of a field, or the digits of a number. `None` if the field is absent or null.
    ///
    /// # Errors
    ///
    /// Returns the reason if the field is of another type.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, String> {
        // As in a map, the last field of a name counts.
        match self.0.iter().rfind(|(field, _)| field == name) {
            None | Some((_, "null")) => Ok(None),
            Some((_, json)) if json.starts_with('"') => match serde_json::from_str(json) {
                Ok(Lossy(text)) => Ok(Some(text)),
                Err(error) => Err(format!("`{name}` is not text: {error}")),
            },
            Some((_, json)) if json.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
                Ok(Some((*json).to_owned()))
            }
            Some(_) => Err(format!("`{name}` is not text")),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| field == name)
    }

    /// Sets a field to a value, which is JSON. A missing field is added at the end.
    pub(crate) fn set(&mut self, name: &str, json: &'a str) {
        match self.0.iter_mut().rfind(|(field, _)| *field == name) {
            Some((_, value)) => *value = json,
            None => self.0.push((name.to_owned(), json)),
        }
    }
}

impl fmt::Display for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, json)) in self.0.iter().enumerate() {
            let before = if place == 0 { '{' } else { ',' };
            write!(f, "{before}{}:{json}", Value::from(name.as_str()))?;
        }
        f.write_str(if self.0.is_empty() { "{}" } else { "}" })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(String, &'de str)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    fields.push((name, value.get()));
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Object).map(Self)
    }
}

/// A text in which half of a surrogate pair became U+FFFD.
struct Lossy(String);

impl<'de> Deserialize<'de> for Lossy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = String;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<String, E> {
                Ok(String::from_utf8_lossy(bytes).into_owned())
            }
        }

        deserializer.deserialize_bytes(Text).map(Self)
    }
}
