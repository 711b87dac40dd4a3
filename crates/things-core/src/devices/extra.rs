//! Fields that this library does not know.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use crate::json::{Json, Origin, Part, Scanner};

/// Fields that this library does not know, unchanged and in their original order.
///
/// They are kept as one text, so that an object of a million small fields takes no more memory than it did in the
/// response. Two values are equal if they have the same fields, in any order.
#[derive(Clone, Default)]
pub struct Extra {
    /// The members of an object, with commas between them and without braces.
    members: Part,
}

impl Extra {
    /// Creates a value from a text that the scanner has read as members of an object.
    pub(super) fn of(members: Part) -> Self {
        Self { members }
    }

    /// Returns the same fields and this text, in place of a field with the same name.
    pub(super) fn with_text(&self, name: &str, text: &str) -> Self {
        let same = |(field, _): &(Cow<'_, str>, Json<'_>)| field == name;
        let mut members = match self.iter().any(|field| same(&field)) {
            false => self.members.as_str().to_owned(),
            true => {
                let others = self.iter().filter(|field| !same(field));
                let others = others.map(|(name, value)| format!("{}:{value}", Value::from(name)));
                others.collect::<Vec<_>>().join(",")
            }
        };
        if !members.is_empty() {
            members.push(',');
        }
        members.push_str(&format!("{}:{}", Value::from(name), Value::from(text)));
        Self::of(Part::Copy(members.into_boxed_str()))
    }

    /// Returns the value of a field, or `None` if there is no such field.
    pub fn get(&self, name: &str) -> Option<Json<'_>> {
        self.iter().filter(|(field, _)| field == name).last().map(|(_, value)| value)
    }

    /// Returns all fields, each with its name and value. A name that occurs twice is returned twice.
    pub fn iter(&self) -> Fields<'_> {
        Fields(Scanner::new(self.members.as_str()))
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.members.as_str().is_empty()
    }
}

/// The fields of an [`Extra`], in their original order.
pub struct Fields<'a>(Scanner<'a>);

impl<'a> Iterator for Fields<'a> {
    type Item = (Cow<'a, str>, Json<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.0.member().ok()??;
        Some((name.text()?, Json::of(value.raw())))
    }
}

impl<'a> IntoIterator for &'a Extra {
    type Item = (Cow<'a, str>, Json<'a>);
    type IntoIter = Fields<'a>;

    fn into_iter(self) -> Fields<'a> {
        self.iter()
    }
}

impl PartialEq for Extra {
    fn eq(&self, other: &Self) -> bool {
        self.members.as_str() == other.members.as_str()
            || self.iter().collect::<BTreeMap<_, _>>() == other.iter().collect::<BTreeMap<_, _>>()
    }
}

impl Serialize for Extra {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.iter().try_for_each(|(name, value)| map.serialize_entry(&name, &value))?;
        map.end()
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// The members of an object to keep, collected while it is read.
#[derive(Default)]
pub(super) struct Members {
    /// Their positions in the text. Members that follow each other share one range.
    places: Vec<(usize, usize)>,
}

impl Members {
    /// Keeps a member: from the first byte of its name to the last of its value. `after_last` is the end of the member
    /// before it in the object.
    pub(super) fn keep(&mut self, start: usize, end: usize, after_last: usize) {
        match self.places.last_mut() {
            Some(last) if last.1 == after_last => last.1 = end,
            _ => self.places.push((start, end)),
        }
    }

    pub(super) fn into_extra(self, text: &str, origin: Origin<'_>) -> Extra {
        if let [(start, end)] = *self.places
            && let Some(shared) = text.get(start..end).and_then(|part| Part::shared(part, origin))
        {
            return Extra::of(Part::Shared(Box::new(shared)));
        }
        let parts = || self.places.iter().filter_map(|(start, end)| text.get(*start..*end));
        // One allocation of the right size, because the members can be as large as the response.
        let length = parts().map(|part| part.len() + 1).sum::<usize>();
        let mut members = String::with_capacity(length.saturating_sub(1));
        for part in parts() {
            if !members.is_empty() {
                members.push(',');
            }
            members.push_str(part);
        }
        Extra::of(Part::Copy(members.into_boxed_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extra(members: &str) -> Extra {
        Extra::of(Part::Copy(members.into()))
    }

    #[test]
    fn fields_come_in_their_order_and_the_last_of_a_name_counts() {
        let extra = extra(r#""b":89314404000123456789 , "\u0061":[1],"b":null"#);
        let fields: Vec<_> = extra.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(fields, ["b=89314404000123456789", "a=[1]", "b=null"]);
        assert_eq!((extra.len(), extra.get("b"), extra.get("c")), (3, Some(Json::NULL), None));
        assert_eq!(format!("{extra:?}"), r#"{"b": 89314404000123456789, "a": [1], "b": null}"#);
    }

    #[test]
    fn the_order_makes_no_difference() {
        assert_eq!(extra(r#""a":1,"b":[2]"#), extra(r#""b":[2],"a":1"#));
        assert_ne!(extra(r#""a":1"#), extra(r#""a":1.0"#));
        assert_ne!(extra(r#""a":1"#), extra(r#""a":1,"b":[2]"#));
        assert!(Extra::default().is_empty() && Extra::default().iter().next().is_none());
    }

    #[test]
    fn members_that_follow_each_other_are_kept_as_they_came() {
        let text = r#"{"a":1, "x":0,"b":2 ,"c":3}"#;
        let mut members = Members::default();
        members.keep(1, 6, 0);
        members.keep(14, 19, 13);
        members.keep(21, 26, 19);
        assert_eq!(members.into_extra(text, None).members.as_str(), r#""a":1,"b":2 ,"c":3"#);
    }
}
