//! Numbers that keep their digits.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use serde_json::value::RawValue;
use smol_str::SmolStr;

use super::decimal::Decimal;
use crate::error::{Error, ErrorKind};

/// A number as it is written in JSON, digit for digit.
///
/// Two numbers are equal if they are written in the same way: `1.0` is not equal to `1`.
///
/// ```
/// use things_senml::Number;
///
/// let iccid: Number = "89314404000123456789".parse()?;
/// assert_eq!(iccid.as_str(), "89314404000123456789");
/// let time: Number = "1.7657E9".parse()?;
/// assert_eq!(time.to_f64(), 1_765_700_000.0);
/// assert_eq!(Number::try_from(21.5)?.as_str(), "21.5");
/// assert_eq!(Number::from(42).as_str(), "42");
/// # Ok::<(), things_senml::Error>(())
/// ```
#[derive(Clone)]
pub struct Number {
    digits: Digits,
    double: f64,
}

/// The digits of a number. They are written for the first caller that reads them, if they follow from the double: then most
/// callers read the double alone.
enum Digits {
    /// These. Most numbers are short, and a short one needs no allocation.
    Written(SmolStr),
    /// The shortest digits that read back as the same double.
    Shortest(OnceLock<Box<str>>),
    /// The same digits without an exponent, and without zeros at the end of a fraction.
    Plain(OnceLock<Box<str>>),
}

impl Number {
    /// The number as it is written.
    pub fn as_str(&self) -> &str {
        match &self.digits {
            Digits::Written(text) => text,
            Digits::Shortest(text) => {
                text.get_or_init(|| zmij::Buffer::new().format_finite(self.double).into())
            }
            Digits::Plain(text) => text.get_or_init(|| {
                let decimal = Decimal::of_double(self.double).map(Decimal::shortest);
                decimal.unwrap_or(Decimal::ZERO).to_text().as_str().into()
            }),
        }
    }

    /// The nearest double, which is finite. Digits beyond the 17th are lost.
    pub fn to_f64(&self) -> f64 {
        self.double
    }

    /// Returns a number that is finite.
    #[inline]
    pub(crate) fn from_finite(double: f64) -> Self {
        Self { digits: Digits::Shortest(OnceLock::new()), double }
    }

    /// Returns a number from [`Decimal::to_plain_f64`].
    #[inline]
    fn plain(double: f64) -> Self {
        Self { digits: Digits::Plain(OnceLock::new()), double }
    }

    /// Returns the number with these digits.
    pub(crate) fn from_decimal(decimal: Decimal) -> Result<Self, Error> {
        if let Some(double) = decimal.to_plain_f64() {
            return Ok(Self::plain(double));
        }
        let text = decimal.to_text();
        let double = decimal.to_f64().or_else(|| text.parse().ok()).unwrap_or(f64::NAN);
        Self::finite(text, double)
    }

    /// The exact value. `None` if it has too many digits.
    fn decimal(&self) -> Option<Decimal> {
        match &self.digits {
            Digits::Written(text) => Decimal::parse(text),
            Digits::Shortest(_) | Digits::Plain(_) => Decimal::of_double(self.double),
        }
    }

    fn finite(text: SmolStr, double: f64) -> Result<Self, Error> {
        if double.is_finite() {
            Ok(Self { digits: Digits::Written(text), double })
        } else {
            Err(out_of_range())
        }
    }

    /// Reads a number of at most 15 digits from valid JSON, as most are. `None` if the JSON is something else.
    #[inline(always)]
    pub(crate) fn short(text: &str) -> Option<Self> {
        Decimal::plain_f64(text).map(Self::plain)
    }

    /// Reads a number from valid JSON. `None` if the JSON is not a number.
    #[inline]
    pub(crate) fn from_valid_json(text: &str) -> Option<Result<Self, Error>> {
        if let Some(number) = Self::short(text) {
            return Some(Ok(number));
        }
        text.starts_with(|first: char| first == '-' || first.is_ascii_digit()).then(|| {
            let double = text.parse().map_err(|_| out_of_range())?;
            Self::finite(SmolStr::new(text), double)
        })
    }
}

/// A copy of digits that follow from the double writes them itself.
impl Clone for Digits {
    #[inline]
    fn clone(&self) -> Self {
        match self {
            Self::Written(text) => Self::Written(text.clone()),
            Self::Shortest(_) => Self::Shortest(OnceLock::new()),
            Self::Plain(_) => Self::Plain(OnceLock::new()),
        }
    }
}

/// A number that is added to others. Its digits are parsed once.
#[derive(Debug, Clone)]
pub(crate) struct Addend {
    number: Number,
    /// `None` if the number has too many digits for exact sums.
    decimal: Option<Decimal>,
}

impl Addend {
    pub(crate) fn new(number: Number) -> Self {
        Self { decimal: number.decimal(), number }
    }

    pub(crate) fn as_number(&self) -> &Number {
        &self.number
    }

    /// Adds another number. The sum is exact, if it can be written with at most 37 digits. Otherwise it is the sum of the
    /// nearest doubles.
    #[inline]
    pub(crate) fn plus(&self, other: &Number) -> Result<Number, Error> {
        let exact = self.decimal.and_then(|decimal| decimal.plus(other.decimal()?));
        // Most sums are like this, and a double needs no memory on its way.
        if let Some(double) = exact.and_then(Decimal::to_plain_f64) {
            return Ok(Number::plain(double));
        }
        match exact {
            Some(sum) => Number::from_decimal(sum),
            None => Number::try_from(self.number.double + other.double).map_err(|_| out_of_range()),
        }
    }
}

/// Parses a JSON number.
impl FromStr for Number {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let json = serde_json::from_str::<&RawValue>(text).map(RawValue::get).ok();
        // JSON allows blanks around the number.
        let number = json.filter(|json| *json == text).and_then(Self::from_valid_json);
        number.unwrap_or_else(|| {
            Err(error("is not a JSON number: expected digits, such as 21.5 or 1.7E9, without blanks"))
        })
    }
}

impl TryFrom<f64> for Number {
    type Error = Error;

    fn try_from(number: f64) -> Result<Self, Error> {
        if number.is_finite() {
            Ok(Self::from_finite(number))
        } else {
            Err(error("is not finite: JSON has no NaN and no infinity"))
        }
    }
}

/// Numbers that are always finite.
macro_rules! from_integers {
    ($($integer:ty)*) => {$(
        impl From<$integer> for Number {
            fn from(number: $integer) -> Self {
                let decimal = Decimal::from(i128::from(number));
                let digits = match decimal.to_plain_f64() {
                    Some(_) => Digits::Plain(OnceLock::new()),
                    None => Digits::Written(decimal.to_text()),
                };
                Self { digits, double: number as f64 }
            }
        }
    )*};
}

from_integers!(i8 u8 i16 u16 i32 u32 i64 u64);

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Number {}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({})", self.as_str())
    }
}

fn out_of_range() -> Error {
    error("is beyond the range of a double: expected a number between -1.7e308 and 1.7e308")
}

fn error(why: &str) -> Error {
    Error::new(ErrorKind::Number, "SenML number", why)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        for (text, double) in [
            ("89314404000123456789", 89_314_404_000_123_456_789.0),
            ("1.7657E9", 1_765_700_000.0),
            ("1.0", 1.0),
            ("-0", 0.0),
            ("-0.0", 0.0),
            ("0.10", 0.1),
            ("999999999999999", 999_999_999_999_999.0),
            ("1234567.12345678", 1_234_567.123_456_78),
            ("-0.50e+01", -5.0),
            ("1e-400", 0.0),
            ("0.1000000000000000055511151231257827021181583404541015625", 0.1),
        ] {
            let number: Number = text.parse().unwrap();
            assert_eq!((number.as_str(), number.to_f64()), (text, double));
            assert_eq!(format!("{number} {number:?}"), format!("{text} Number({text})"));
        }
    }

    #[test]
    fn numbers_are_equal_if_they_are_written_alike() {
        let number = |text: &str| text.parse::<Number>().unwrap();
        assert_eq!(number("1"), Number::from(1));
        assert_ne!(number("1.0"), number("1"));
    }

    #[test]
    fn what_json_cannot_say_is_refused() {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = Number::try_from(number).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Number);
            assert_eq!(error.to_string(), "SenML number is not finite: JSON has no NaN and no infinity");
        }
    }

    #[test]
    fn what_is_no_json_number_is_refused() {
        for text in [
            "", " 1", "1 ", "+1", ".5", "1.", "01", "0x10", "1_000", "1,5", "NaN", "inf", "true", "\"1\"",
            "[1]", "--1",
        ] {
            let error = text.parse::<Number>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Number, "{text:?}");
            assert!(error.to_string().contains("is not a JSON number"), "{error}");
        }
        for text in ["1e309", "-1e309", "1e999999999"] {
            let error = text.parse::<Number>().unwrap_err();
            assert!(error.to_string().contains("beyond the range of a double"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn every_finite_double_comes_back(number in proptest::num::f64::ANY) {
            match Number::try_from(number) {
                Ok(written) => {
                    prop_assert_eq!(written.to_f64(), number);
                    let read: Number = written.as_str().parse().unwrap();
                    prop_assert_eq!(read.to_f64().to_bits(), number.to_bits());
                }
                Err(_) => prop_assert!(!number.is_finite()),
            }
        }

        #[test]
        fn every_integer_is_written_in_full(number: i64, unsigned: u64) {
            prop_assert_eq!(Number::from(number).as_str().parse(), Ok(number));
            prop_assert_eq!(Number::from(unsigned).as_str().parse(), Ok(unsigned));
            prop_assert_eq!(Number::from(unsigned).to_f64(), unsigned as f64);
        }

        #[test]
        fn numbers_are_written_as_they_were_read(text in "-?(0|[1-9][0-9]{0,17})([.][0-9]{1,17})?([eE][+-]?[0-9]{1,2})?") {
            let number: Number = text.parse().unwrap();
            prop_assert_eq!(number.as_str(), &*text);
            prop_assert_eq!(number.to_f64().to_bits(), text.parse::<f64>().unwrap().to_bits());
            prop_assert_eq!(number.decimal().map(Decimal::shortest), Decimal::parse(&text).map(Decimal::shortest));
        }

        #[test]
        fn digits_that_are_written_later_are_the_same(digits in -(1_i64 << 55)..1_i64 << 55, cut in 0_u32..18, exponent in -20_i32..=0) {
            let digits = digits / 10_i64.pow(cut);
            let Some(decimal) = Decimal::parse(&format!("{digits}e{exponent}")) else { return Ok(()) };
            let number = Number::from_decimal(decimal).unwrap();
            let text = decimal.to_text();
            prop_assert_eq!(number.as_str(), text.as_str());
            prop_assert_eq!(number.as_str().parse(), Ok(number.to_f64()));
            prop_assert_eq!(number.decimal().map(Decimal::shortest), Some(decimal.shortest()));
            prop_assert_eq!(number.clone(), number);
        }

        #[test]
        fn any_text_is_a_number_or_an_error(text in "[-+0-9.eE ]{0,12}") {
            let json = serde_json::from_str::<f64>(&text).is_ok() && text.trim() == text;
            prop_assert_eq!(text.parse::<Number>().is_ok(), json);
        }
    }
}
