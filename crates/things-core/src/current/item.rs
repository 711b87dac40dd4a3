//! An item of a resource, as the service sent it.

use std::borrow::Cow;
use std::fmt;

use serde::ser::{Serialize, Serializer};

use crate::error::DecodeError;
use crate::json::{Flaw, Json, Origin, Part, Scanner};

/// An item in a listing of the current API, as the original JSON: digits, the order of fields and unknown fields are
/// kept.
///
/// Two items are equal if their JSON is [equal](Json). Serialises as its text, with serde_json.
#[derive(Clone)]
pub struct Item(Part);

impl Item {
    /// Creates an item from its JSON.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not one JSON value.
    pub fn from_json(text: &str) -> Result<Self, DecodeError> {
        let json = Json::read(text)
            .map_err(|flaw| DecodeError::new(format_args!("not an item: {}", flaw.why)).at(Some(flaw.at)))?;
        Ok(Self::of(json.as_str(), None))
    }

    /// Creates an item from a text that the scanner has read as one value.
    pub(super) fn of(scanned: &str, origin: Origin<'_>) -> Self {
        let shared = Part::shared(scanned, origin).map(Box::new);
        Self(shared.map_or_else(|| Part::Copy(scanned.into()), Part::Shared))
    }

    /// The whole item.
    pub fn json(&self) -> Json<'_> {
        Json::of(self.0.as_str())
    }

    /// Returns the value of a field, or `None` if the item has no such field.
    pub fn get(&self, field: &str) -> Option<Json<'_>> {
        self.json().get(field)
    }

    /// Returns the value of a text field, without quotes and escapes. `None` if there is no such field, or if its value
    /// is not text.
    pub fn text(&self, field: &str) -> Option<Cow<'_, str>> {
        self.get(field)?.text()
    }

    /// Returns all fields, each with its name and value. Returns none if the item is not an object.
    pub fn fields(&self) -> impl Iterator<Item = (Cow<'_, str>, Json<'_>)> {
        let mut fields = Vec::new();
        let _: Result<(), Flaw> = Scanner::new(self.0.as_str()).object(|scanner, name| {
            let value = scanner.value()?;
            fields.push((name.text().unwrap_or_default(), Json::of(value.raw())));
            Ok(())
        });
        fields.into_iter()
    }

    /// `id`, which the documented items have.
    pub fn id(&self) -> Option<Cow<'_, str>> {
        self.text("id")
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl Eq for Item {}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json().serialize(serializer)
    }
}

/// Shows the size only, because a downlink contains its payload.
impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Item({} bytes)", self.0.as_str().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_keeps_its_text() {
        let text = r#"{"z":89314404000123456789,"id":"d-\u0031","n":1.50}"#;
        let item = Item::from_json(&format!(" {text}\n")).unwrap();
        assert_eq!((item.json().as_str(), item.id().as_deref()), (text, Some("d-1")));
        assert_eq!(item.get("z").unwrap().as_str(), "89314404000123456789");
        assert_eq!((item.text("n"), item.text("none"), item.get("none")), (None, None, None));
        let fields: Vec<_> = item.fields().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(fields, ["z=89314404000123456789", "id=\"d-\\u0031\"", "n=1.50"]);
        assert_eq!(Item::from_json("[1]").unwrap().fields().count(), 0);
        assert_eq!(serde_json::to_string(&[&item]).unwrap(), format!("[{text}]"));
        assert_eq!(format!("{item:?}"), format!("Item({} bytes)", text.len()));
        assert!(Item::from_json("{").unwrap_err().to_string().starts_with("not an item: "));
    }

    #[test]
    fn the_order_of_fields_makes_no_difference() {
        let item = |text| Item::from_json(text).unwrap();
        assert_eq!(item(r#"{"a":1,"b":[2]}"#), item(r#"{"b":[2], "a":1}"#));
        assert_ne!(item(r#"{"a":1}"#), item(r#"{"a":1.0}"#));
    }
}
