//! Decimal numbers that are added without loss.

use std::fmt;

use smol_str::{SmolStr, SmolStrBuilder, ToSmolStr};

/// An exact decimal number: `digits` times 10 to the power of `exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    digits: i128,
    exponent: i32,
}

/// An `i128` holds any number of this many digits, and the sum of two.
const MOST_DIGITS: u32 = 37;

/// Beyond this, a number is not finite as a double, or so small that its digits do not matter.
const MOST_EXPONENT: i32 = 400;

impl Decimal {
    pub(crate) const ZERO: Self = Self { digits: 0, exponent: 0 };

    /// Creates a number. `None` if it has too many digits, or its exponent is too large.
    #[cfg(feature = "cbor")]
    pub(crate) fn new(digits: i128, exponent: i32) -> Option<Self> {
        let fits = digits.unsigned_abs() < 10_u128.pow(MOST_DIGITS)
            && exponent.unsigned_abs() <= MOST_EXPONENT.unsigned_abs();
        fits.then_some(Self { digits, exponent })
    }

    /// Reads a JSON number. `None` if it has too many digits, or its exponent is too large.
    pub(crate) fn parse(number: &str) -> Option<Self> {
        let (negative, rest) = match number.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, number),
        };
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => (rest.get(..at)?, rest.get(at + 1..)?.parse::<i32>().ok()?),
            None => (rest, 0),
        };
        let (mut digits, mut count, mut fraction, mut after_point) = (0_i128, 0, 0, false);
        for byte in mantissa.bytes() {
            match byte {
                b'0'..=b'9' => {
                    digits = digits * 10 + i128::from(byte - b'0');
                    count += u32::from(digits != 0);
                    fraction += i32::from(after_point);
                    if count > MOST_DIGITS || fraction > MOST_EXPONENT {
                        return None;
                    }
                }
                b'.' => after_point = true,
                _ => return None,
            }
        }
        let exponent = exponent.checked_sub(fraction)?;
        (exponent.abs() <= MOST_EXPONENT)
            .then_some(Self { digits: if negative { -digits } else { digits }, exponent })
    }

    /// Returns the number that the shortest digits of a double are. `None` if its exponent is too large.
    pub(crate) fn of_double(double: f64) -> Option<Self> {
        if double.abs() <= EXACT as f64 && double as i64 as f64 == double {
            return Some(Self { digits: (double as i64).into(), exponent: 0 });
        }
        Self::parse(zmij::Buffer::new().format_finite(double))
    }

    /// Returns the exact sum. `None` if it has too many digits.
    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        if self.digits == 0 {
            return Some(other.shortest());
        }
        if other.digits == 0 {
            return Some(self.shortest());
        }
        let exponent = self.exponent.min(other.exponent);
        let digits = self.digits_at(exponent)?.checked_add(other.digits_at(exponent)?)?;
        Some(Self { digits, exponent }.shortest())
    }

    /// Returns the number as [`Display`](fmt::Display) writes it. Most are short, and are written without a formatter.
    pub(crate) fn to_text(self) -> SmolStr {
        let places = usize::try_from(self.exponent.unsigned_abs()).unwrap_or(usize::MAX);
        let mut buffer = itoa::Buffer::new();
        let text = match i64::try_from(self.digits) {
            Ok(digits) if (-18..=0).contains(&self.exponent) => buffer.format(digits.unsigned_abs()),
            _ => return self.to_smolstr(),
        };
        let mut builder = SmolStrBuilder::new();
        if self.digits < 0 {
            builder.push('-');
        }
        match text.len().checked_sub(places).map(|point| text.split_at(point)) {
            Some((whole, "")) => builder.push_str(whole),
            Some((whole, fraction)) if !whole.is_empty() => {
                builder.push_str(whole);
                builder.push('.');
                builder.push_str(fraction);
            }
            _ => {
                builder.push_str("0.");
                (text.len()..places).for_each(|_| builder.push('0'));
                builder.push_str(text);
            }
        }
        builder.finish()
    }

    /// Returns the nearest double, if its shortest digits are these digits, without zeros at the end of a fraction.
    ///
    /// No two numbers of 15 digits are the same double.
    #[inline]
    pub(crate) fn to_plain_f64(self) -> Option<f64> {
        const BELOW: i64 = 10_i64.pow(15);
        let digits = i64::try_from(self.digits).ok().filter(|digits| (-BELOW + 1..BELOW).contains(digits))?;
        let is_plain = self.exponent == 0 || (-18..0).contains(&self.exponent) && digits % 10 != 0;
        if is_plain { self.to_f64() } else { None }
    }

    /// Returns the nearest double of a JSON number, if its shortest digits are written like the number.
    #[inline]
    pub(crate) fn plain_f64(number: &str) -> Option<f64> {
        let (sign, rest) = match number.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, number),
        };
        // 15 digits and a point.
        if rest.len() > 16 {
            return None;
        }
        let (mut digits, mut places, mut after_point) = (0_i64, 0, 0);
        for byte in rest.bytes() {
            match byte {
                b'0'..=b'9' => {
                    digits = digits * 10 + i64::from(byte - b'0');
                    places += after_point;
                }
                b'.' => after_point = 1,
                _ => return None,
            }
        }
        let is_negative_zero = sign < 0 && digits == 0;
        let decimal = Self { digits: (sign * digits).into(), exponent: -places };
        if is_negative_zero { None } else { decimal.to_plain_f64() }
    }

    /// Returns the nearest double if it can be computed exactly, with one rounding.
    #[inline]
    pub(crate) fn to_f64(self) -> Option<f64> {
        // Both operands are exact as doubles, so that the result is rounded once.
        let digits =
            i64::try_from(self.digits).ok().filter(|digits| (-EXACT..=EXACT).contains(digits))? as f64;
        let power = POWERS.get(usize::try_from(self.exponent.unsigned_abs()).ok()?)?;
        Some(if self.exponent < 0 { digits / power } else { digits * power })
    }

    /// Returns the digits at a smaller exponent.
    pub(crate) fn digits_at(self, exponent: i32) -> Option<i128> {
        let steps = u32::try_from(self.exponent.checked_sub(exponent)?).ok()?;
        match (i64::try_from(self.digits), 10_i64.checked_pow(steps)) {
            // The product of two numbers of 64 bits fits, and is much faster.
            (Ok(digits), Some(power)) => Some(i128::from(digits) * i128::from(power)),
            _ => self.digits.checked_mul(10_i128.checked_pow(steps)?),
        }
    }

    /// Returns the digits at this exponent, rounded down.
    pub(crate) fn floor_at(self, exponent: i32) -> Option<i128> {
        if self.exponent >= exponent {
            return if self.digits == 0 { Some(0) } else { self.digits_at(exponent) };
        }
        let steps = u32::try_from(exponent.checked_sub(self.exponent)?).ok()?;
        Some(match 10_i128.checked_pow(steps) {
            Some(power) => self.digits.div_euclid(power),
            None if self.digits < 0 => -1,
            None => 0,
        })
    }

    /// The digits and the exponent.
    #[cfg(feature = "cbor")]
    pub(crate) fn parts(self) -> (i128, i32) {
        (self.digits, self.exponent)
    }

    /// Whether the numbers are equal, however they are written.
    #[cfg(feature = "cbor")]
    pub(crate) fn is_same(self, other: Self) -> bool {
        let exponent = self.exponent.min(other.exponent);
        self.digits_at(exponent).zip(other.digits_at(exponent)).is_some_and(|(one, other)| one == other)
    }

    /// Removes zeros at the end of a fraction.
    pub(crate) fn shortest(mut self) -> Self {
        if self.digits == 0 {
            return Self::ZERO;
        }
        // Division of 64 bits is much faster.
        if let Ok(mut digits) = i64::try_from(self.digits) {
            while self.exponent < 0 && digits % 10 == 0 {
                digits /= 10;
                self.exponent += 1;
            }
            return Self { digits: digits.into(), ..self };
        }
        while self.exponent < 0 && self.digits % 10 == 0 {
            self.digits /= 10;
            self.exponent += 1;
        }
        self
    }
}

impl From<i128> for Decimal {
    fn from(integer: i128) -> Self {
        Self { digits: integer, exponent: 0 }
    }
}

/// Integers up to this one are exact as doubles.
const EXACT: i64 = 1 << 53;

/// Powers of ten that are exact as doubles.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Writes a JSON number: plain digits where they are not many, and an exponent otherwise.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.exponent {
            1..=20 => match self.digits_at(0) {
                Some(digits) => write!(f, "{digits}"),
                None => write!(f, "{}e{}", self.digits, self.exponent),
            },
            0 => write!(f, "{}", self.digits),
            -30..=-1 => {
                let places = self.exponent.unsigned_abs();
                // 10 to the power of 30 fits.
                let power = 10_u128.pow(places);
                let digits = self.digits.unsigned_abs();
                let sign = if self.digits < 0 { "-" } else { "" };
                let places = usize::try_from(places).unwrap_or_default();
                write!(f, "{sign}{}.{:0places$}", digits / power, digits % power)
            }
            _ => write!(f, "{}e{}", self.digits, self.exponent),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(one: &str, other: &str) -> Option<String> {
        Some(Decimal::parse(one)?.plus(Decimal::parse(other)?)?.to_string())
    }

    #[test]
    fn sums_are_exact() {
        for (one, other, expected) in [
            ("0.1", "0.2", "0.3"),
            ("1.50", "0.5", "2"),
            ("1.276020076001e+09", "-5", "1276020071.001"),
            ("1.58565075E9", "0.250", "1585650750.25"),
            ("89314404000123456789", "1", "89314404000123456790"),
            ("-1", "1.0", "0"),
            ("-0.05", "0", "-0.05"),
            ("-0", "0.0", "0"),
            ("1e20", "1", "100000000000000000001"),
            ("1e22", "0", "1e22"),
            ("1e-40", "0", "1e-40"),
            ("0e400", "7", "7"),
        ] {
            assert_eq!(sum(one, other).as_deref(), Some(expected), "{one} + {other}");
            assert_eq!(sum(other, one).as_deref(), Some(expected), "{other} + {one}");
        }
    }

    #[test]
    fn numbers_with_too_many_digits_have_no_exact_sum() {
        let long = "1".repeat(38);
        for (one, other) in
            [("1e300", "1"), ("1e-300", "1"), (&*long, "1"), ("1e500", "1"), ("1e99999999999", "1")]
        {
            assert_eq!(sum(one, other), None, "{one} + {other}");
        }
    }

    #[test]
    fn digits_beyond_an_exponent_are_rounded_down() {
        let floor = |number: &str, exponent| Decimal::parse(number).unwrap().floor_at(exponent);
        assert_eq!(floor("1.9999999999", -9), Some(1_999_999_999));
        assert_eq!(floor("-0.0000000001", -9), Some(-1));
        assert_eq!(floor("1.5E9", -9), Some(1_500_000_000_000_000_000));
        assert_eq!(floor("-1e-300", -9), Some(-1));
        assert_eq!(floor("1e-300", -9), Some(0));
        assert_eq!(floor("0e300", -9), Some(0));
        assert_eq!(floor("1e300", -9), None);
    }

    proptest! {
        #[test]
        fn a_double_of_a_decimal_is_the_nearest(digits in -(1_i64 << 54)..1_i64 << 54, exponent in -25_i32..25) {
            let decimal = Decimal { digits: digits.into(), exponent };
            if let Some(double) = decimal.to_f64() {
                prop_assert_eq!(double, format!("{digits}e{exponent}").parse::<f64>().unwrap());
            }
            let written = decimal.to_string();
            prop_assert_eq!(written.parse::<f64>(), format!("{digits}e{exponent}").parse::<f64>());
            prop_assert!(written.parse::<crate::Number>().is_ok());
            let text = decimal.to_text();
            prop_assert_eq!(written.as_str(), text.as_str());
        }

        #[test]
        fn integers_are_added_as_integers(one: i64, other: i64) {
            let expected = (i128::from(one) + i128::from(other)).to_string();
            prop_assert_eq!(sum(&one.to_string(), &other.to_string()), Some(expected));
        }
    }
}
