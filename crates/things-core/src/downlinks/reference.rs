//! The caller's reference for a downlink.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::input::{InputError, check_text};

/// The caller's reference for a downlink, which the service returns: any text without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ExternalReference(String);

impl ExternalReference {
    /// Creates a reference.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is empty, starts or ends with a space, or has a control character.
    pub fn new(text: impl Into<String>) -> Result<Self, InputError> {
        let text = text.into();
        check_text("external reference", &text)?;
        Ok(Self(text))
    }

    /// Generates a reference: a UUID of version 7 (RFC 9562) in lower case, such as
    /// `019ab2c4-5d00-7cc3-98c4-dc0c0c07398f`.
    ///
    /// `unix_millis` is the time in milliseconds since 1970, of which 48 bits are used. References sort by it. 74 bits of
    /// `random` are used; they make references of the same millisecond differ.
    pub fn generate(unix_millis: u64, random: u128) -> Self {
        const MOST_MILLIS: u64 = (1 << 48) - 1;
        const RANDOM: u128 = (0xFFF << 64) | ((1 << 62) - 1);
        const VERSION_AND_VARIANT: u128 = (7 << 76) | (0b10 << 62);
        let time = u128::from(unix_millis.min(MOST_MILLIS)) << 80;
        let digits = format!("{:032x}", time | VERSION_AND_VARIANT | (random & RANDOM));
        let mut text = String::with_capacity(36);
        for (place, digit) in digits.chars().enumerate() {
            if matches!(place, 8 | 12 | 16 | 20) {
                text.push('-');
            }
            text.push(digit);
        }
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ExternalReference {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for ExternalReference {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Self, InputError> {
        Self::new(text)
    }
}

impl TryFrom<&str> for ExternalReference {
    type Error = InputError;

    fn try_from(text: &str) -> Result<Self, InputError> {
        Self::new(text)
    }
}

impl TryFrom<String> for ExternalReference {
    type Error = InputError;

    fn try_from(text: String) -> Result<Self, InputError> {
        Self::new(text)
    }
}

impl fmt::Display for ExternalReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn references_are_any_plain_text() {
        for good in ["valve-42", "a&b=c é %", "100 %"] {
            assert_eq!(ExternalReference::new(good).unwrap().as_str(), good);
        }
        for bad in ["", " a", "a\r\nb", "a\0", "a\n"] {
            assert!(ExternalReference::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_reference_is_made_from_text_and_from_json() {
        let reference: ExternalReference = "valve-42".parse().unwrap();
        assert_eq!((reference.as_ref(), ExternalReference::try_from(" ").is_err()), ("valve-42", true));
        let json = serde_json::to_string(&reference).unwrap();
        assert_eq!(json, "\"valve-42\"");
        assert_eq!(serde_json::from_str::<ExternalReference>(&json).unwrap(), reference);
        assert!(serde_json::from_str::<ExternalReference>("\"a\\n\"").is_err());
    }

    #[test]
    fn a_generated_reference_is_a_uuid_of_version_7() {
        let generated = |millis, random| ExternalReference::generate(millis, random).to_string();
        // The example of RFC 9562, appendix A.6.
        assert_eq!(
            generated(0x017F_22E2_79B0, 0xCC3_18C4_DC0C_0C07_398F),
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
        );
        assert_eq!(generated(0, 0), "00000000-0000-7000-8000-000000000000");
        assert_eq!(generated(u64::MAX, u128::MAX), "ffffffff-ffff-7fff-bfff-ffffffffffff");
        assert_eq!(generated(1 << 48, 0), "ffffffff-ffff-7000-8000-000000000000");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,12}") {
            let _ = ExternalReference::new(text.as_str());
        }

        #[test]
        fn generated_references_sort_by_time_and_differ_at_the_same_time(
            early in 0..(1_u64 << 48) - 1, later in 1..1_000_u64, random in any::<[u128; 2]>()
        ) {
            let late = (early + later).min((1 << 48) - 1);
            let references = [ExternalReference::generate(early, random[0]), ExternalReference::generate(late, random[1])];
            prop_assert!(references[0].as_str() < references[1].as_str());
            let twin = ExternalReference::generate(early, random[0] ^ (1 << 61));
            prop_assert_ne!(&twin, &references[0]);
            prop_assert_eq!(ExternalReference::new(twin.as_str()), Ok(twin));
        }
    }
}
