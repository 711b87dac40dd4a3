//! One record: a name, at most one value, and its other fields.

use std::fmt;

use crate::base_name::check_full;
use crate::error::{Error, ErrorKind};
use crate::value::{Number, Value};

/// One SenML record as it is written, before base fields are applied to it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Record {
    pub(crate) base_version: Option<Number>,
    pub(crate) base_name: Option<String>,
    pub(crate) base_time: Option<Number>,
    pub(crate) base_unit: Option<String>,
    pub(crate) base_value: Option<Number>,
    pub(crate) base_sum: Option<Number>,
    pub(crate) name: String,
    pub(crate) unit: Option<String>,
    pub(crate) value: Option<Value>,
    pub(crate) sum: Option<Number>,
    pub(crate) time: Option<Number>,
    pub(crate) update_time: Option<Number>,
    /// Label and JSON of each field that RFC 8428 does not define.
    pub(crate) extra: Vec<(String, String)>,
}

impl Record {
    /// Maximum number of fields in one record.
    pub const MAX_FIELDS: usize = 256;

    /// Creates a record with this name, without a value.
    ///
    /// # Errors
    ///
    /// Returns [`ErrorKind::Name`] if the name is empty, does not start with a letter or digit, or has characters other
    /// than letters, digits and `-:./_`.
    pub fn new(name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        match check_full(&name) {
            Ok(()) => Ok(Self { name, ..Self::default() }),
            Err(why) => Err(Error::new(ErrorKind::Name, "SenML name", why)),
        }
    }

    /// Sets the value, replacing a previous one.
    pub fn with_value(mut self, value: impl Into<Value>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// Sets the unit (`u`), such as `Cel`.
    pub fn with_unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// The name (`n`), which is appended to the base name. Empty if the record has none.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value (`v`, `vs`, `vb` or `vd`).
    pub fn value(&self) -> Option<&Value> {
        self.value.as_ref()
    }

    /// The unit (`u`).
    pub fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    /// The integrated sum (`s`).
    pub fn sum(&self) -> Option<&Number> {
        self.sum.as_ref()
    }

    /// The time (`t`) in seconds, which the base time is added to.
    pub fn time(&self) -> Option<&Number> {
        self.time.as_ref()
    }

    /// The seconds (`ut`) until the next record of this name.
    pub fn update_time(&self) -> Option<&Number> {
        self.update_time.as_ref()
    }

    /// The base name (`bn`) for this record and those after it.
    pub fn base_name(&self) -> Option<&str> {
        self.base_name.as_deref()
    }

    /// The base time (`bt`) in seconds, for this record and those after it.
    pub fn base_time(&self) -> Option<&Number> {
        self.base_time.as_ref()
    }

    /// The base unit (`bu`) for this record and those after it.
    pub fn base_unit(&self) -> Option<&str> {
        self.base_unit.as_deref()
    }

    /// The base value (`bv`) for this record and those after it.
    pub fn base_value(&self) -> Option<&Number> {
        self.base_value.as_ref()
    }

    /// The base sum (`bs`) for this record and those after it.
    pub fn base_sum(&self) -> Option<&Number> {
        self.base_sum.as_ref()
    }

    /// The version of SenML (`bver`).
    pub fn base_version(&self) -> Option<&Number> {
        self.base_version.as_ref()
    }

    /// Label and JSON of each field that RFC 8428 does not define, without blanks, as they were written.
    pub fn extra(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.extra.iter().map(|(label, json)| (label.as_str(), json.as_str()))
    }
}

/// Shows the name, not the value.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_one_value() {
        let record = Record::new("n1").unwrap().with_value("a").with_value(true);
        assert_eq!(record.value(), Some(&Value::Boolean(true)));
    }

    #[test]
    fn a_new_record_has_its_name_and_nothing_else() {
        let record = Record::new("n1").unwrap();
        assert_eq!((record.name(), record.value(), record.unit()), ("n1", None, None));
        assert_eq!((record.base_name(), record.base_unit()), (None, None));
        let numbers = [
            record.sum(),
            record.time(),
            record.update_time(),
            record.base_time(),
            record.base_value(),
            record.base_sum(),
            record.base_version(),
        ];
        assert_eq!((numbers, record.extra().len()), ([None; 7], 0));
        assert_eq!(record.with_unit("Cel").unit(), Some("Cel"));
    }

    #[test]
    fn names_that_rfc_8428_does_not_allow_are_refused() {
        for (bad, message) in [
            ("", "SenML name is empty"),
            ("_a", "SenML name does not start with a letter or digit (RFC 8428)"),
            (
                "a b",
                "SenML name has ' ', which RFC 8428 does not allow: use letters, digits and the characters - : . / _",
            ),
        ] {
            let error = Record::new(bad).unwrap_err();
            assert_eq!((error.kind(), &*error.to_string()), (ErrorKind::Name, message));
        }
    }

    #[test]
    fn debug_shows_the_name_and_not_the_value() {
        let record = Record::new("n1").unwrap().with_value("hunter2");
        assert_eq!(format!("{record:?} {:?}", record.value()), "Record(n1) Some(String(..))");
    }
}
