//! The fields of a record that the RFCs define.

/// A field of RFC 8428 (tables 1 and 2) or RFC 9193 (section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    BaseVersion,
    BaseName,
    BaseTime,
    BaseUnit,
    BaseValue,
    BaseSum,
    BaseContentFormat,
    Name,
    Unit,
    Value,
    StringValue,
    BooleanValue,
    DataValue,
    Sum,
    Time,
    UpdateTime,
    ContentFormat,
}

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldType {
    Number,
    Text,
    Boolean,
    Data,
}

impl Field {
    /// The field with this label in JSON.
    pub(crate) fn of_label(label: &str) -> Option<Self> {
        Some(match label {
            "n" => Self::Name,
            "v" => Self::Value,
            "u" => Self::Unit,
            "t" => Self::Time,
            "vs" => Self::StringValue,
            "vb" => Self::BooleanValue,
            "vd" => Self::DataValue,
            "s" => Self::Sum,
            "ut" => Self::UpdateTime,
            "ct" => Self::ContentFormat,
            "bn" => Self::BaseName,
            "bt" => Self::BaseTime,
            "bu" => Self::BaseUnit,
            "bv" => Self::BaseValue,
            "bs" => Self::BaseSum,
            "bver" => Self::BaseVersion,
            "bct" => Self::BaseContentFormat,
            _ => return None,
        })
    }

    /// The label in JSON.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::BaseVersion => "bver",
            Self::BaseName => "bn",
            Self::BaseTime => "bt",
            Self::BaseUnit => "bu",
            Self::BaseValue => "bv",
            Self::BaseSum => "bs",
            Self::BaseContentFormat => "bct",
            Self::Name => "n",
            Self::Unit => "u",
            Self::Value => "v",
            Self::StringValue => "vs",
            Self::BooleanValue => "vb",
            Self::DataValue => "vd",
            Self::Sum => "s",
            Self::Time => "t",
            Self::UpdateTime => "ut",
            Self::ContentFormat => "ct",
        }
    }

    /// The field with this label in CBOR (RFC 8428, table 4). No field has got such a label since, nor will (section 6).
    #[cfg(feature = "cbor")]
    pub(crate) fn of_cbor_label(label: i128) -> Option<Self> {
        Some(match label {
            -1 => Self::BaseVersion,
            -2 => Self::BaseName,
            -3 => Self::BaseTime,
            -4 => Self::BaseUnit,
            -5 => Self::BaseValue,
            -6 => Self::BaseSum,
            0 => Self::Name,
            1 => Self::Unit,
            2 => Self::Value,
            3 => Self::StringValue,
            4 => Self::BooleanValue,
            5 => Self::Sum,
            6 => Self::Time,
            7 => Self::UpdateTime,
            8 => Self::DataValue,
            _ => return None,
        })
    }

    /// The label in CBOR. `None` for a field of RFC 9193, whose label is a text in CBOR too.
    #[cfg(feature = "cbor")]
    pub(crate) fn cbor_label(self) -> Option<i8> {
        Some(match self {
            Self::BaseVersion => -1,
            Self::BaseName => -2,
            Self::BaseTime => -3,
            Self::BaseUnit => -4,
            Self::BaseValue => -5,
            Self::BaseSum => -6,
            Self::Name => 0,
            Self::Unit => 1,
            Self::Value => 2,
            Self::StringValue => 3,
            Self::BooleanValue => 4,
            Self::Sum => 5,
            Self::Time => 6,
            Self::UpdateTime => 7,
            Self::DataValue => 8,
            Self::ContentFormat | Self::BaseContentFormat => return None,
        })
    }

    /// The type of the field (RFC 8428, table 3).
    pub(crate) fn field_type(self) -> FieldType {
        match self {
            Self::BaseVersion
            | Self::BaseTime
            | Self::BaseValue
            | Self::BaseSum
            | Self::Value
            | Self::Sum
            | Self::Time
            | Self::UpdateTime => FieldType::Number,
            Self::BooleanValue => FieldType::Boolean,
            Self::DataValue => FieldType::Data,
            _ => FieldType::Text,
        }
    }

    /// A bit that no other field has.
    pub(crate) const fn bit(self) -> u32 {
        1 << self as u32
    }
}
