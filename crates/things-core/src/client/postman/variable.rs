//! A variable of a Postman environment, and the value that Postman would use for it.

use serde::Deserialize;

use super::content::Content;
use super::names;
use crate::secret::Secret;

/// A variable, as one of the dialects writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Variable {
    pub(super) key: String,
    /// The value on the machine of the user, which Postman sends.
    current_value: Option<Content>,
    value: Option<Content>,
    /// The value that is shared with others.
    initial_value: Option<Content>,
    enabled: Option<bool>,
    /// What the format of collections has instead of `enabled`.
    disabled: Option<bool>,
}

/// The value of a variable, or the reason why it has none.
pub(super) enum Value {
    Text(Secret),
    /// A name in double braces, as it can be shown.
    Reference(String),
    NotText,
    Empty,
    Disabled,
    Absent,
}

/// Returns the value that Postman uses for the variable of this name: the last one that is enabled.
pub(super) fn value(name: &str, variables: &[Variable]) -> Value {
    let named = || variables.iter().filter(|variable| variable.key == name);
    match named().rfind(|variable| variable.is_enabled()) {
        Some(variable) => variable.read(name),
        None if named().next().is_some() => Value::Disabled,
        None => Value::Absent,
    }
}

impl Variable {
    fn is_enabled(&self) -> bool {
        self.enabled != Some(false) && self.disabled != Some(true)
    }

    fn read(&self, name: &str) -> Value {
        let values = [&self.current_value, &self.value, &self.initial_value];
        match values.into_iter().flatten().find(|value| value.is_set()) {
            None | Some(Content::Null) => Value::Empty,
            Some(Content::Text(text)) => match reference(name, text.expose()) {
                Some(reference) => Value::Reference(reference),
                None => Value::Text(text.clone()),
            },
            Some(Content::Number(number)) => Value::Text(number.to_string().into()),
            Some(Content::Other) => Value::NotText,
        }
    }
}

/// Returns the reference to another variable in a text, as it can be shown. A secret may contain braces, and be in braces.
fn reference(name: &str, text: &str) -> Option<String> {
    let (before, rest) = text.split_once("{{")?;
    let (inside, after) = rest.split_once("}}")?;
    let is_secret = name == "keySecret";
    if is_secret && !(before.trim().is_empty() && after.trim().is_empty()) {
        return None;
    }
    let can_be_shown = names::is_plain(inside) && (!is_secret || inside.starts_with("vault:"));
    Some(format!("{{{{{}}}}}", if can_be_shown { inside } else { "..." }))
}
