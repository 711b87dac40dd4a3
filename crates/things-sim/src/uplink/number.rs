//! The spellings of a number in an uplink.

use serde::Deserialize;

/// How the numbers of an uplink are written. Use [`UplinkSpec::numbers`](crate::UplinkSpec::numbers) to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UplinkNumbers {
    /// `java`: as KPN writes them, which is how Java writes a double: `1.76573996026E9`, `1.0`.
    #[default]
    Java,
    /// `plain`: without an exponent and without a needless fraction: `1765739960.26`, `1`.
    Plain,
    /// `text`: as `java`, and the numbers of [`measurements`](crate::UplinkSpec::measurements) are in `vs`: `"33.0"`.
    Text,
}

impl UplinkNumbers {
    /// Returns a finite number as JSON.
    pub(crate) fn written(self, number: f64) -> String {
        match self {
            Self::Java | Self::Text => java(number),
            Self::Plain => number.to_string(),
        }
    }
}

/// Writes a number as Java's `Double.toString` does: with an exponent from 10^7 and below 10^-3, and always with a fraction.
fn java(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{number:?}");
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let fraction = if digits.contains('.') { "" } else { ".0" };
    format!("{digits}{fraction}E{exponent}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_java_writes_a_double() {
        for (number, written) in [
            (1_765_739_960.26, "1.76573996026E9"),
            (1_585_650_750.0, "1.58565075E9"),
            (1.0, "1.0"),
            (33.0, "33.0"),
            (-97.5, "-97.5"),
            (0.0, "0.0"),
            (9_999_999.0, "9999999.0"),
            (10_000_000.0, "1.0E7"),
            (0.001, "0.001"),
            (0.000_1, "1.0E-4"),
            (-1.5e-7, "-1.5E-7"),
        ] {
            assert_eq!(UplinkNumbers::Java.written(number), written);
            assert_eq!(written.parse::<f64>().unwrap(), number);
        }
    }

    #[test]
    fn plain_numbers_have_neither_exponent_nor_needless_fraction() {
        assert_eq!(UplinkNumbers::Plain.written(1_765_739_960.26), "1765739960.26");
        assert_eq!(UplinkNumbers::Plain.written(1.0), "1");
    }
}
