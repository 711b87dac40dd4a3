//! The fields of a device that a command shows.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Serialize, Serializer};
use things_core::{Device, Json};

use super::customers::CUSTOMER;
use crate::cell;

/// The fields that KPN documents, in the order of its documentation.
const DOCUMENTED: [&str; 6] =
    ["uuid", "name", "description", "metadata", "deviceSpecificationUUID", "barcode"];

/// The undocumented field that holds the DevEUI.
pub(crate) const EUI: &str = "eui";

/// A field by the service's name, or a path into one such as `metadata.floor`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field(String);

impl From<&str> for Field {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl Field {
    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// Whether its values name something: digits of it must not be lost.
    pub(crate) fn is_id(&self) -> bool {
        matches!(self.name(), "uuid" | EUI | "deviceSpecificationUUID" | "barcode" | CUSTOMER)
    }

    /// The value of this field, unless the device has no such field.
    pub(crate) fn value<'a>(&self, device: &'a Device) -> Option<Value<'a>> {
        let text = match self.name() {
            "uuid" => Some(device.uuid()),
            "name" => Some(device.name()),
            "description" => device.description(),
            "deviceSpecificationUUID" => device.device_specification_uuid(),
            "barcode" => device.barcode(),
            name => return whole_or_path(device, name).map(Value::Json),
        };
        Some(text.map_or(Value::Json(Json::NULL), Value::Text))
    }

    /// The value of this field in an object; or, of a path, the member that it leads to.
    pub(crate) fn in_json<'a>(&self, object: Json<'a>) -> Option<Json<'a>> {
        inside(object, self.name())
    }

    /// The value as the text of a cell. Empty if there is none.
    pub(crate) fn text<'a>(&self, device: &'a Device) -> Cow<'a, str> {
        self.value(device).map_or(Cow::Borrowed(""), |value| value.text())
    }
}

/// The field of this name; or, of a path, the member that it leads to.
fn whole_or_path<'a>(device: &'a Device, name: &str) -> Option<Json<'a>> {
    let field = |name: &str| match name {
        "metadata" => Some(device.metadata()),
        name => device.extra().get(name),
    };
    field(name).or_else(|| {
        let (head, path) = name.split_once('.')?;
        inside(field(head)?, path)
    })
}

fn inside<'a>(json: Json<'a>, path: &str) -> Option<Json<'a>> {
    json.get(path).or_else(|| {
        let (head, path) = path.split_once('.')?;
        inside(json.get(head)?, path)
    })
}

/// A value in a device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Json(Json<'a>),
}

impl<'a> Value<'a> {
    /// A text without quotes, any other value as JSON, and nothing for `null`.
    pub(crate) fn text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Json(json) if json.is_null() => Cow::Borrowed(""),
            Self::Json(json) => json.text().unwrap_or(Cow::Borrowed(json.as_str())),
        }
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Json(json) => json.serialize(serializer),
        }
    }
}

/// Fields to show, in this order.
#[derive(Debug, Clone)]
pub(crate) struct Fields(Vec<Field>);

impl FromIterator<Field> for Fields {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        Self(fields.into_iter().collect())
    }
}

impl<const N: usize> From<[&str; N]> for Fields {
    fn from(names: [&str; N]) -> Self {
        Self(names.map(Field::from).into())
    }
}

impl Fields {
    /// Reads the value of `--fields`: names with commas between them.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<Field> = text.split(',').map(|name| Field::from(name.trim())).collect();
        for (place, field) in fields.iter().enumerate() {
            if field.name().is_empty() {
                return Err("a name is empty: put one comma between names".into());
            }
            if fields.iter().take(place).any(|before| before == field) {
                return Err(format!("{} is named twice", field.name()));
            }
        }
        Ok(Self(fields))
    }

    /// The same fields, with that of the customer first unless it is one of them.
    pub(crate) fn with_customer(mut self) -> Self {
        if self.iter().all(|field| field.name() != CUSTOMER) {
            self.0.insert(0, CUSTOMER.into());
        }
        self
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Field> {
        self.0.iter()
    }

    /// The chosen fields of a device, as one JSON object.
    pub(crate) fn of<'a>(&'a self, device: &'a Device) -> impl Serialize + 'a {
        Chosen(self, device)
    }
}

struct Chosen<'a>(&'a Fields, &'a Device);

impl Serialize for Chosen<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|field| {
            let value = field.value(self.1).unwrap_or(Value::Json(Json::NULL));
            (field.name(), value)
        }))
    }
}

/// Looks for chosen fields that no device has.
#[derive(Debug)]
pub(crate) struct Lookout {
    missing: Vec<Field>,
    /// The names that devices have instead.
    names: BTreeSet<String>,
    devices: u64,
}

/// Most names to suggest from.
const NAMES: usize = 1_000;

impl Lookout {
    pub(crate) fn new(fields: &Fields) -> Self {
        let undocumented = fields.iter().filter(|field| !DOCUMENTED.contains(&field.name()));
        Self { missing: undocumented.cloned().collect(), names: BTreeSet::new(), devices: 0 }
    }

    pub(crate) fn see(&mut self, device: &Device) {
        self.devices += 1;
        self.missing.retain(|field| field.value(device).is_none());
        if !self.missing.is_empty() && self.names.len() < NAMES {
            self.names.extend(device.extra().iter().map(|(name, _)| name.into_owned()));
        }
    }

    /// What to warn of: each field that no device has, and the name that is most like it.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let missing = self.missing.iter().filter(|_| self.devices > 0);
        let warning = |field: &Field| {
            let names = DOCUMENTED.into_iter().chain(self.names.iter().map(String::as_str));
            // A path has a name of its own at its end, which may be like nothing here.
            let like = most_like(field.name(), names).filter(|_| !field.name().contains('.'));
            let hint = like.map_or(String::new(), |name| format!("; did you mean {name}?"));
            cell::plain(&format!("no device has the field {}{hint}", field.name()))
        };
        missing.map(warning).collect()
    }
}

/// The name that is most like this text, if any is like it.
fn most_like<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = names.filter_map(|name| Some((likeness(text, name)?, name)));
    scored.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, name)| name)
}

/// How much two texts are alike, up to 1. The case of letters does not count. `None`: they are not alike.
pub(crate) fn likeness(text: &str, name: &str) -> Option<f64> {
    const LEAST: f64 = 0.85;
    let likeness = strsim::jaro(&text.to_lowercase(), &name.to_lowercase());
    (likeness > LEAST).then_some(likeness)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(json: &str) -> Device {
        Device::from_json(json.as_bytes()).unwrap()
    }

    fn awkward() -> Device {
        device(
            r#"{"uuid":"u","name":"N","metadata":{"floor":{"no":2},"a.b":"dot"},"eui":"00E1","n":1.50,"x.y":true}"#,
        )
    }

    #[test]
    fn values_are_texts_or_json_as_written() {
        let text = |name: &str| Field::from(name).text(&awkward()).into_owned();
        assert_eq!((text("uuid"), text("name"), text("eui")), ("u".into(), "N".into(), "00E1".into()));
        assert_eq!((text("n"), text("description"), text("nothing")), ("1.50".into(), "".into(), "".into()));
        assert_eq!(text("metadata"), r#"{"floor":{"no":2},"a.b":"dot"}"#);
    }

    #[test]
    fn paths_lead_into_objects() {
        let text = |name: &str| Field::from(name).text(&awkward()).into_owned();
        assert_eq!((text("metadata.floor.no"), text("metadata.floor")), ("2".into(), r#"{"no":2}"#.into()));
        assert_eq!((text("metadata.a.b"), text("x.y")), ("dot".into(), "true".into()));
        assert_eq!((text("metadata.none.no"), text("eui.no")), (String::new(), String::new()));
    }

    #[test]
    fn chosen_fields_are_one_object_with_null_for_what_is_missing() {
        let fields = Fields::parse("n, eui,metadata.floor,barcode,none").unwrap();
        let json = serde_json::to_string(&fields.of(&awkward())).unwrap();
        assert_eq!(json, r#"{"n":1.50,"eui":"00E1","metadata.floor":{"no":2},"barcode":null,"none":null}"#);
    }

    #[test]
    fn names_that_cannot_be_right_are_refused() {
        assert!(Fields::parse("a,,b").unwrap_err().contains("empty"));
        assert!(Fields::parse("").unwrap_err().contains("empty"));
        assert!(Fields::parse("a,b,a").unwrap_err().contains("a is named twice"));
    }

    #[test]
    fn fields_that_no_device_has_are_named_with_a_likely_name() {
        let fields = Fields::parse("nmae,EUI,barcode,n,metadata.rack,zzz").unwrap();
        let mut lookout = Lookout::new(&fields);
        assert!(lookout.warnings().is_empty(), "without devices nothing is missing");
        lookout.see(&device(r#"{"uuid":"u"}"#));
        lookout.see(&awkward());
        let expected = [
            "no device has the field nmae; did you mean name?",
            "no device has the field EUI; did you mean eui?",
            "no device has the field metadata.rack",
            "no device has the field zzz",
        ];
        assert_eq!(lookout.warnings(), expected);
        let mut lookout = Lookout::new(&Fields::parse("serialno").unwrap());
        lookout.see(&device(r#"{"uuid":"u","serial\u001bNo":1}"#));
        let expected = "no device has the field serialno; did you mean serial No?";
        assert_eq!(lookout.warnings(), [expected], "nothing steers the terminal");
    }
}
