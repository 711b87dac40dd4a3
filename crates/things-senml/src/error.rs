//! Errors: what is wrong, in which record, and what to do.

use std::error::Error as StdError;
use std::fmt;

/// An error in SenML.
///
/// The message describes what is wrong, where, and what to do. It never shows a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Details>);

/// They are in a box because every step of a reader returns a result, which should be small.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Details {
    kind: ErrorKind,
    what: &'static str,
    why: String,
    record: Option<usize>,
    field: Option<String>,
}

/// The kind of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is not JSON.
    Syntax,
    /// The JSON is not an array.
    NotAnArray,
    /// The pack has no records.
    Empty,
    /// An item of the array is not an object.
    NotAnObject,
    /// A field has a value of a type other than RFC 8428 requires.
    FieldType,
    /// A record has a field twice.
    DuplicateField,
    /// A record has more than one value.
    SeveralValues,
    /// A name, or base name and name together, breaks the rules of RFC 8428, section 4.5.1.
    Name,
    /// An IMEI does not have 14 to 16 digits.
    Imei,
    /// A text is not a number, or a number is beyond the range of a double.
    Number,
    /// A data value is not base64url.
    Data,
    /// A string escapes half of a surrogate pair.
    HalfSurrogate,
    /// The JSON of a pack has more than [`Pack::MAX_BYTES`](crate::Pack::MAX_BYTES).
    TooLarge,
    /// The JSON of a pack is nested more deeply than [`Pack::MAX_DEPTH`](crate::Pack::MAX_DEPTH).
    TooDeep,
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The version (`bver`) is unknown, or not the same in all records.
    Version,
    /// A field ends in `_`, so it must be understood, and the caller did not list it as understood.
    MustUnderstand,
    /// A measurement has neither a value nor a sum.
    NoValue,
    /// A secondary unit (RFC 8798) is in a pack whose version does not allow it.
    Unit,
    /// A Content-Format (`ct` or `bct`) breaks the syntax of RFC 9193, or is next to a value that is not data.
    ContentFormat,
    /// A record has more fields than [`Record::MAX_FIELDS`](crate::Record::MAX_FIELDS).
    TooManyFields,
}

impl Error {
    /// Creates an error. `what` names the thing, `why` is a clause such as "is empty: expected at least one record".
    pub(crate) fn new(kind: ErrorKind, what: &'static str, why: impl Into<String>) -> Self {
        Self(Box::new(Details { kind, what, why: why.into(), record: None, field: None }))
    }

    /// Creates an error in a record whose index is added by [`at`](Self::at).
    pub(crate) fn in_record(kind: ErrorKind, why: impl Into<String>) -> Self {
        Self::new(kind, RECORD, why)
    }

    /// An error in a field of a record, of a value that is wrong. `thing` is such as "a number".
    pub(crate) fn in_field(label: &str, thing: &str, error: &Self) -> Self {
        let why = format!("has {thing} in {label:?} that {}", error.0.why);
        Self::in_record(error.0.kind, why).of_field(label)
    }

    /// A pack without records.
    pub(crate) fn empty() -> Self {
        Self::new(ErrorKind::Empty, PACK, "is empty: expected at least one record")
    }

    /// A record that is no object.
    pub(crate) fn not_an_object() -> Self {
        Self::in_record(ErrorKind::NotAnObject, "is not an object: expected fields in { and }")
    }

    /// A record that is no map in CBOR.
    #[cfg(feature = "cbor")]
    pub(crate) fn not_a_map() -> Self {
        Self::in_record(ErrorKind::NotAnObject, "is not a CBOR map: expected a map of labels and values")
    }

    /// A label of CBOR that is neither a text nor an integer.
    #[cfg(feature = "cbor")]
    pub(crate) fn wrong_label() -> Self {
        Self::in_record(ErrorKind::FieldType, "has a label that is neither a text nor an integer")
    }

    /// Whether the error is about a record, rather than about the whole pack.
    #[cfg(feature = "cbor")]
    pub(crate) fn is_in_record(&self) -> bool {
        self.0.what == RECORD
    }

    /// A field with a value of a wrong type. `expected` is such as "a text in quotes".
    pub(crate) fn wrong_type(label: &str, expected: &str) -> Self {
        let why = format!("has a value of the wrong type in {label:?}: expected {expected}");
        Self::in_record(ErrorKind::FieldType, why).of_field(label)
    }

    /// A record with a field twice.
    pub(crate) fn twice(label: &str) -> Self {
        let why = format!("has the field {label:?} twice: keep one");
        Self::in_record(ErrorKind::DuplicateField, why).of_field(label)
    }

    /// A record with more than one value.
    pub(crate) fn several_values(label: &str) -> Self {
        let why = r#"has more than one value: keep one of "v", "vs", "vb" and "vd""#;
        Self::in_record(ErrorKind::SeveralValues, why).of_field(label)
    }

    /// A record with too many fields.
    pub(crate) fn too_many_fields() -> Self {
        let why = format!("has more than {} fields: split it into several", crate::Record::MAX_FIELDS);
        Self::in_record(ErrorKind::TooManyFields, why)
    }

    /// A record that is nested too deeply.
    pub(crate) fn too_deep(depth: usize) -> Self {
        let why = format!("is {depth} levels deep: a pack has at most {}", crate::Pack::MAX_DEPTH);
        Self::in_record(ErrorKind::TooDeep, why)
    }

    /// A record with half of a surrogate pair.
    pub(crate) fn half_surrogate() -> Self {
        let why =
            "has half of a surrogate pair in a JSON string: escape both halves, as in \"\\ud83d\\ude00\"";
        Self::in_record(ErrorKind::HalfSurrogate, why)
    }

    /// Adds the label of the field.
    pub(crate) fn of_field(mut self, label: &str) -> Self {
        self.0.field = Some(label.to_owned());
        self
    }

    /// Adds the index of the record, from 0. The message counts from 1.
    pub(crate) fn at(mut self, record: usize) -> Self {
        self.0.record = Some(record);
        self.0.what = RECORD;
        self.0.why = format!("{} {}", record + 1, self.0.why);
        self
    }

    /// The kind of the error, to match on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The thing that is wrong, such as `SenML record`. The message begins with it.
    pub fn what(&self) -> &'static str {
        self.0.what
    }

    /// The rest of the message, such as `2 has more than one value: ...`.
    pub fn why(&self) -> &str {
        &self.0.why
    }

    /// The index of the record in the pack, from 0. `None` if the error is not in a record of a pack.
    pub fn record(&self) -> Option<usize> {
        self.0.record
    }

    /// The label of the field with the error, such as `vs`, if the error is in a field.
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }
}

/// The thing that errors of a whole pack are about.
pub(crate) const PACK: &str = "SenML pack";

const RECORD: &str = "SenML record";

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.what, self.0.why)
    }
}

impl StdError for Error {}
