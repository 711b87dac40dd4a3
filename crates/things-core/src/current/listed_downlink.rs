//! A downlink as the service lists it, and how far it got.

use std::borrow::Cow;

use super::Item;
use crate::json::{Kind, Scanner, Token};

/// A state of a downlink that is documented.
///
/// The documentation names no other state, so it is unknown how the service calls a downlink that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DownlinkState {
    /// `Pending`
    Pending,
    /// `Executing`
    Executing,
}

impl DownlinkState {
    /// The name in the documentation.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Executing => "Executing",
        }
    }

    fn named(text: &str) -> Option<Self> {
        [Self::Pending, Self::Executing].into_iter().find(|state| text.eq_ignore_ascii_case(state.name()))
    }
}

/// A downlink of `GET /downlinks`, `/lora/downlinks` or `/mqtt/downlinks`.
///
/// The fields of a downlink are not documented, so this type has methods for none of them. [`item`](Self::item) has all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedDownlink(Item);

impl ListedDownlink {
    /// Returns the state of the downlink, if it is a documented one: the first field, at any depth, whose whole text is
    /// `Pending` or `Executing` in any case.
    ///
    /// `None` means that no field has such a text. The downlink has then probably ended, in a state that the JSON of the
    /// item shows. The documentation does not say in which field the state is.
    pub fn state(&self) -> Option<DownlinkState> {
        self.found().map(|(_, state)| state)
    }

    /// Returns the path of the field with the [state](Self::state), such as `status` or `delivery.state`.
    ///
    /// A program that follows a downlink can read the same field after the downlink has left the documented states.
    pub fn state_field(&self) -> Option<String> {
        self.found().map(|(path, _)| path)
    }

    /// Returns the text of the field with this path, as [`state_field`](Self::state_field) returns it.
    pub fn text_at(&self, path: &str) -> Option<Cow<'_, str>> {
        let mut json = self.0.json();
        for name in path.split('.') {
            json = json.get(name)?;
        }
        json.text()
    }

    /// `id`, by which the items of the current API are told apart.
    pub fn id(&self) -> Option<Cow<'_, str>> {
        self.0.id()
    }

    /// The item, with all its fields.
    pub fn item(&self) -> &Item {
        &self.0
    }

    fn found(&self) -> Option<(String, DownlinkState)> {
        let token = Scanner::new(self.0.json().as_str()).value().ok()?;
        search(token)
    }
}

impl From<Item> for ListedDownlink {
    fn from(item: Item) -> Self {
        Self(item)
    }
}

impl From<ListedDownlink> for Item {
    fn from(downlink: ListedDownlink) -> Self {
        downlink.0
    }
}

/// Returns the first member of an object, at any depth, whose text is a documented state. Arrays are left out, because
/// they may hold the history of the states.
fn search(object: Token<'_>) -> Option<(String, DownlinkState)> {
    if object.kind() != Kind::Object {
        return None;
    }
    let (mut found, mut inner) = (None, Vec::new());
    let read: Result<(), crate::json::Flaw> = Scanner::new(object.raw()).object(|scanner, name| {
        let value = scanner.value()?;
        if found.is_some() {
            return Ok(());
        }
        match value.text() {
            Some(text) => {
                let name = || name.text().unwrap_or_default().into_owned();
                found = DownlinkState::named(&text).map(|state| (name(), state));
            }
            None => inner.push((name, value)),
        }
        Ok(())
    });
    read.ok()?;
    found.or_else(|| {
        inner.into_iter().find_map(|(name, value)| {
            let (path, state) = search(value)?;
            Some((format!("{}.{path}", name.text().unwrap_or_default()), state))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn downlink(json: &str) -> ListedDownlink {
        Item::from_json(json).unwrap().into()
    }

    #[test]
    fn a_documented_state_is_found_in_any_field() {
        use DownlinkState::*;
        for (json, state, field) in [
            (r#"{"id":"d-1","status":"Pending"}"#, Some(Pending), Some("status")),
            (r#"{"state":"EXECUTING"}"#, Some(Executing), Some("state")),
            (r#"{"a":{"b":{"c":"pending"}},"d":"executing"}"#, Some(Executing), Some("d")),
            (r#"{"x":{},"a":{"b":{"c":"pending"}}}"#, Some(Pending), Some("a.b.c")),
            (r#"{"status":"Delivered","history":["Pending",{"state":"Executing"}]}"#, None, None),
            (r#"{"message":"is Pending"}"#, None, None),
            (r#""Pending""#, None, None),
            ("7", None, None),
        ] {
            let downlink = downlink(json);
            assert_eq!((downlink.state(), downlink.state_field().as_deref()), (state, field), "{json}");
        }
    }

    #[test]
    fn the_field_of_the_state_can_be_read_again_after_it_changed() {
        let path = downlink(r#"{"delivery":{"state":"Pending"}}"#).state_field().unwrap();
        let later = downlink(r#"{"id":"d-1","delivery":{"state":"Failed"}}"#);
        assert_eq!((later.text_at(&path).as_deref(), later.state()), (Some("Failed"), None));
        assert_eq!(later.text_at("delivery.none"), None);
        assert_eq!(later.id().as_deref(), Some("d-1"));
    }
}
