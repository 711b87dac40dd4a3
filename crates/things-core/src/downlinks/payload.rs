//! The payload and the LoRaWAN port of a downlink.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};

use crate::input::InputError;

/// The bytes of a raw downlink: 1 to 242, the LoRaWAN limit of the fastest EU868 data rates.
///
/// More than [`Payload::ALWAYS_FITS`] bytes reach a device only at a good data rate.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Payload(Vec<u8>);

impl Payload {
    /// Maximum number of bytes at the fastest EU868 data rates (DR4 to DR7).
    pub const MAX: usize = 242;

    /// Maximum number of bytes at every EU868 data rate (DR0 to DR2; RX2 is DR0 by default).
    pub const ALWAYS_FITS: usize = 51;

    /// Creates a payload of 1 to 242 bytes.
    ///
    /// # Errors
    ///
    /// Returns an error that names the range if there are fewer or more bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, InputError> {
        let bytes = bytes.into();
        match bytes.len() {
            0 => Err(InputError::new("payload", "is empty: expected 1 to 242 bytes")),
            1..=Self::MAX => Ok(Self(bytes)),
            more => Err(InputError::new("payload", format!("has {more} bytes: LoRaWAN carries at most 242"))),
        }
    }

    /// Reads a payload in base64, in the standard or the URL-safe alphabet, with or without padding. Ignores spaces and
    /// line breaks.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not base64, or does not contain 1 to 242 bytes.
    pub fn from_base64(text: &str) -> Result<Self, InputError> {
        let wrong = |why: String| InputError::new("payload", format!("{why}: expected base64, such as AQL/"));
        let mut symbols = String::with_capacity(text.len());
        for (place, char) in text.chars().enumerate() {
            if char.is_ascii_alphanumeric() || "+/-_=".contains(char) {
                symbols.push(char);
            } else if !char.is_whitespace() {
                return Err(wrong(format!("has {char:?} at position {}", place + 1)));
            }
        }
        let alphabet = if symbols.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
        let padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let bytes = GeneralPurpose::new(alphabet, padding).decode(&symbols).map_err(|_| {
            wrong("is not base64: characters are missing, or = is in the wrong place".to_owned())
        })?;
        Self::new(bytes)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the payload fits at every data rate of EU868.
    pub fn always_fits(&self) -> bool {
        self.0.len() <= Self::ALWAYS_FITS
    }

    /// Reads the hex of a downlink's record, which is sent as it is: digits only, without `0x` and separators.
    pub(super) fn from_record(hex: &str) -> Result<Self, InputError> {
        if hex.starts_with("0x") || hex.starts_with("0X") {
            return Err(not_hex("starts with 0x"));
        }
        check_digits(hex, 1)?;
        Self::decode(hex)
    }

    /// Decodes digits that were checked.
    fn decode(digits: &str) -> Result<Self, InputError> {
        Self::new(hex::decode(digits).map_err(not_hex)?)
    }

    /// Returns lower-case hex, as in a downlink's record.
    pub(crate) fn hex(&self) -> String {
        hex::encode(&self.0)
    }
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<Vec<u8>> for Payload {
    type Error = InputError;

    fn try_from(bytes: Vec<u8>) -> Result<Self, InputError> {
        Self::new(bytes)
    }
}

impl TryFrom<&[u8]> for Payload {
    type Error = InputError;

    fn try_from(bytes: &[u8]) -> Result<Self, InputError> {
        Self::new(bytes)
    }
}

/// Parses bytes in hex as people paste them: `0102ff`, `01 02 FF`, `01:02:ff`, `01-02-FF`, `0x0102ff`, `0x01, 0x02`.
///
/// Digits are in either case, two per byte. Bytes may be separated by blanks, line breaks, `:`, `-` or `,`. `0x` may be in
/// front of the digits, also after each separator.
///
/// ```
/// use things_core::Payload;
///
/// for text in ["0102ff", "01 02 FF", "01-02-FF", "0x01, 0x02, 0xff"] {
///     assert_eq!(text.parse::<Payload>()?.bytes(), [1, 2, 255]);
/// }
/// # Ok::<(), things_core::InputError>(())
/// ```
impl FromStr for Payload {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Self, InputError> {
        let trimmed = text.trim();
        if let Some(end) = [trimmed.chars().next(), trimmed.chars().next_back()]
            .into_iter()
            .flatten()
            .find(|&char| is_separator(char))
        {
            return Err(not_hex(format!("starts or ends with {end:?}, so that a byte may be missing")));
        }
        let mut digits = String::with_capacity(text.len());
        let mut place = 1;
        for group in text.split(is_separator) {
            let hex = group.strip_prefix("0x").or_else(|| group.strip_prefix("0X")).unwrap_or(group);
            let prefix = group.len() - hex.len();
            if prefix > 0 && hex.is_empty() {
                return Err(not_hex(format!("has no digits after 0x at position {place}")));
            }
            check_digits(hex, place + prefix)?;
            digits.push_str(hex);
            place += group.chars().count() + 1;
        }
        Self::decode(&digits)
    }
}

fn is_separator(char: char) -> bool {
    char.is_whitespace() || matches!(char, ':' | '-' | ',')
}

/// Checks that these are hex digits, two per byte. `place` is the position of the first in the whole text, from 1.
fn check_digits(digits: &str, place: usize) -> Result<(), InputError> {
    if let Some((index, char)) = digits.chars().enumerate().find(|(_, char)| !char.is_ascii_hexdigit()) {
        return Err(not_hex(format!("has {char:?} at position {}", place + index)));
    }
    match digits.len() {
        even if even % 2 == 0 => Ok(()),
        1 => Err(not_hex(format!("has 1 hex digit, an odd number, at position {place}"))),
        odd => Err(not_hex(format!("has {odd} hex digits, an odd number, from position {place}"))),
    }
}

fn not_hex(why: impl fmt::Display) -> InputError {
    InputError::new("payload", format!("{why}: expected two hex digits per byte, such as 0102ff"))
}

/// Shows the number of bytes, not the bytes.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}

/// The LoRaWAN port of an application: 1 to 223. 0 is for MAC commands, 224 for tests, and the rest is reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64")]
pub struct FPort(u8);

impl FPort {
    /// Creates a port from 1 to 223.
    ///
    /// # Errors
    ///
    /// Returns an error that names the range if the number is outside it.
    pub fn new(number: u8) -> Result<Self, InputError> {
        u64::from(number).try_into()
    }

    /// The number.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for FPort {
    type Error = InputError;

    fn try_from(number: u8) -> Result<Self, InputError> {
        Self::new(number)
    }
}

impl TryFrom<u64> for FPort {
    type Error = InputError;

    fn try_from(number: u64) -> Result<Self, InputError> {
        let why = match number {
            1..=223 => {
                return u8::try_from(number)
                    .map(Self)
                    .map_err(|error| InputError::new("FPort", error.to_string()));
            }
            0 => "is for MAC commands",
            224 => "is the test port",
            225..=255 => "is reserved",
            _ => "does not fit one byte",
        };
        Err(InputError::new("FPort", format!("{number} {why}: applications have 1 to 223")))
    }
}

impl FromStr for FPort {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Self, InputError> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<u64>() {
            Ok(number) if digits => number.try_into(),
            _ => Err(InputError::new("FPort", format!("{text:?} is not a number from 1 to 223"))),
        }
    }
}

impl fmt::Display for FPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn payloads_have_1_to_242_bytes() {
        assert!(Payload::new([]).is_err());
        assert!(Payload::new([0; 243]).unwrap_err().to_string().contains("243 bytes"));
        assert!(Payload::new([0; 51]).unwrap().always_fits());
        assert!(!Payload::new([0; 52]).unwrap().always_fits());
        assert!(Payload::new([0; 242]).is_ok());
    }

    #[test]
    fn hex_is_read_as_people_paste_it() {
        for text in [
            "0102fF",
            "01 02 ff",
            "01:02:FF",
            "01-02-FF",
            "0102-ff",
            "0x0102ff",
            "0X01 0X02 0Xff",
            "0x01,0x02,0xFF",
            "0x01, 0x02, 0xff",
            " 01\t02\r\nff\n",
        ] {
            assert_eq!(text.parse::<Payload>().unwrap().bytes(), [1, 2, 255], "{text:?}");
        }
        assert_eq!("01".parse::<Payload>().unwrap().bytes(), [1]);
    }

    #[test]
    fn what_is_no_hex_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "is empty"),
            ("  \n", "is empty"),
            ("012", "has 3 hex digits, an odd number, from position 1"),
            ("01020", "has 5 hex digits, an odd number, from position 1"),
            ("01 2 03", "has 1 hex digit, an odd number, at position 4"),
            ("0x102", "has 3 hex digits, an odd number, from position 3"),
            ("1, 2, 255", "has 1 hex digit, an odd number, at position 1"),
            ("0x", "has no digits after 0x at position 1"),
            ("01 0x", "has no digits after 0x at position 4"),
            ("01-02-", "ends with '-'"),
            (":01", "starts or ends with ':'"),
            ("0g", "has 'g' at position 2"),
            ("0102h", "has 'h' at position 5"),
            ("01 é2", "has 'é' at position 4"),
            ("\\x01\\x02", "has '\\\\' at position 1"),
            ("０1", "has '０' at position 1"),
            ("01\0", "has '\\0' at position 3"),
        ] {
            let error = text.parse::<Payload>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    #[test]
    fn base64_is_read_as_other_platforms_write_it() {
        for text in ["AQL/", "AQL_", " AQ L/\n"] {
            assert_eq!(Payload::from_base64(text).unwrap().bytes(), [1, 2, 255], "{text:?}");
        }
        for text in ["AQI=", "AQI"] {
            assert_eq!(Payload::from_base64(text).unwrap().bytes(), [1, 2], "{text:?}");
        }
    }

    #[test]
    fn what_is_no_base64_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "payload is empty"),
            ("A", "characters are missing"),
            ("AQJ", "characters are missing"),
            ("A=QI", "= is in the wrong place"),
            ("AQ/_", "is not base64"),
            ("AQ!I", "has '!' at position 3"),
            ("01:02", "has ':' at position 3"),
        ] {
            let error = Payload::from_base64(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    #[test]
    fn hex_of_a_record_has_digits_only() {
        assert_eq!(Payload::from_record("0102fF").unwrap().bytes(), [1, 2, 255]);
        for text in ["0x0102", "01 02", "01:02", "01-02", "0102\n", "", "012"] {
            assert!(Payload::from_record(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn ports_are_1_to_223() {
        for (text, reason) in [
            ("0", "MAC commands"),
            ("224", "test port"),
            ("225", "reserved"),
            ("255", "reserved"),
            ("256", "one byte"),
            ("257", "one byte"),
            ("-1", "not a number"),
            ("+1", "not a number"),
            ("", "not a number"),
            ("١", "not a number"),
        ] {
            let error = text.parse::<FPort>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
        assert_eq!("1".parse::<FPort>().unwrap().number(), 1);
        assert_eq!("223".parse::<FPort>().unwrap().number(), 223);
    }

    #[test]
    fn debug_does_not_show_the_payload() {
        assert_eq!(format!("{:?}", Payload::new([1, 2]).unwrap()), "Payload(2 bytes)");
    }

    #[test]
    fn values_are_made_from_what_they_hold_and_from_json() {
        assert_eq!(Payload::try_from(vec![1, 2]).unwrap().as_ref(), [1, 2]);
        assert!(Payload::try_from(&[][..]).is_err());
        assert_eq!(FPort::try_from(1_u8), FPort::new(1));
        assert!(FPort::try_from(224_u8).is_err());
        let json = serde_json::to_string(&FPort::new(1).unwrap()).unwrap();
        assert_eq!((json.as_str(), serde_json::from_str(&json).ok()), ("1", FPort::new(1).ok()));
        assert!(serde_json::from_str::<FPort>("224").unwrap_err().to_string().contains("test port"));
    }

    proptest! {
        #[test]
        fn every_payload_survives_hex(bytes in proptest::collection::vec(any::<u8>(), 1..=242)) {
            let payload = Payload::new(bytes).unwrap();
            prop_assert_eq!(payload.hex().parse::<Payload>(), Ok(payload.clone()));
            prop_assert_eq!(payload.hex().to_uppercase().parse::<Payload>(), Ok(payload.clone()));
            for (prefix, separator) in [("", " "), ("", ":"), ("", "-"), ("0x", ", "), ("0X", "\n")] {
                let bytes: Vec<_> = payload.bytes().iter().map(|byte| format!("{prefix}{byte:02x}")).collect();
                prop_assert_eq!(bytes.join(separator).parse::<Payload>(), Ok(payload.clone()));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,12}") {
            let _ = (text.parse::<Payload>(), Payload::from_base64(&text), text.parse::<FPort>());
        }
    }
}
