//! Numbers: integers, floating-point numbers, big integers and decimal fractions.

use std::fmt;

use ciborium_ll::{Header, tag};

use super::input::Input;
use crate::error::Error;
use crate::value::{Decimal, Number};

/// The tag of a decimal fraction: an array of exponent and mantissa (RFC 8949, section 3.4.4).
pub(super) const DECIMAL_FRACTION: u64 = 4;

/// Most bytes of a big integer: a double has at most 1,024 bits.
const MOST_BIG: usize = 128;

/// Returns the number that begins with this header. `None` if it is something else, or too large.
pub(super) fn number(header: Header, input: &mut Input<'_>) -> Result<Option<Result<Number, Error>>, Error> {
    Ok(Some(match header {
        Header::Positive(integer) => Ok(Number::from(integer)),
        Header::Negative(complement) => {
            let integer = -1 - i128::from(complement);
            i64::try_from(integer)
                .map_or_else(|_| integer.to_string().parse(), |integer| Ok(Number::from(integer)))
        }
        Header::Float(double) => Number::try_from(double),
        Header::Tag(tag::BIGPOS | tag::BIGNEG) => match integer(header, input)? {
            Some(integer) => integer.to_string().parse(),
            None => return Ok(None),
        },
        Header::Tag(DECIMAL_FRACTION) => match fraction(input)? {
            Some(number) => number,
            None => return Ok(None),
        },
        _ => return Ok(None),
    }))
}

/// An integer of any size.
enum Integer {
    Small(i128),
    /// The digits of an integer that is tagged as a big one.
    Big(String),
}

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Small(integer) => write!(f, "{integer}"),
            Self::Big(digits) => f.write_str(digits),
        }
    }
}

/// Returns the integer that begins with this header.
fn integer(header: Header, input: &mut Input<'_>) -> Result<Option<Integer>, Error> {
    let (negative, bytes) = match header {
        Header::Positive(integer) => return Ok(Some(Integer::Small(integer.into()))),
        Header::Negative(complement) => return Ok(Some(Integer::Small(-1 - i128::from(complement)))),
        Header::Tag(tag @ (tag::BIGPOS | tag::BIGNEG)) => match input.header()? {
            Header::Bytes(length) => (tag == tag::BIGNEG, input.bytes(length)?),
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let bytes = bytes.get(start..).unwrap_or_default();
    Ok((bytes.len() <= MOST_BIG).then(|| Integer::Big(digits(bytes, negative))))
}

/// Returns the digits of a big integer. A negative one is -1 minus the bytes.
fn digits(bytes: &[u8], negative: bool) -> String {
    // Groups of nine digits, the last ones first.
    const GROUP: u64 = 1_000_000_000;
    let mut groups: Vec<u64> = vec![u64::from(negative && bytes.is_empty())];
    for (place, byte) in bytes.iter().enumerate() {
        let mut carry = u64::from(*byte) + u64::from(negative && place + 1 == bytes.len());
        for group in &mut groups {
            let sum = *group * 256 + carry;
            (*group, carry) = (sum % GROUP, sum / GROUP);
        }
        if carry > 0 {
            groups.push(carry);
        }
    }
    let mut text = String::from(if negative { "-" } else { "" });
    for (place, group) in groups.iter().rev().enumerate() {
        text.push_str(&if place == 0 { group.to_string() } else { format!("{group:09}") });
    }
    text
}

/// Returns a decimal fraction.
fn fraction(input: &mut Input<'_>) -> Result<Option<Result<Number, Error>>, Error> {
    let Header::Array(Some(2)) = input.header()? else { return Ok(None) };
    let header = input.header()?;
    let Some(exponent) = integer(header, input)? else { return Ok(None) };
    let header = input.header()?;
    let Some(mantissa) = integer(header, input)? else { return Ok(None) };
    // 21.50 reads better than 2150e-2, and is the same number.
    if let (Integer::Small(exponent), Integer::Small(mantissa)) = (&exponent, &mantissa)
        && let Some(decimal) =
            i32::try_from(*exponent).ok().and_then(|exponent| Decimal::new(*mantissa, exponent))
    {
        return Ok(Some(Number::from_decimal(decimal)));
    }
    let text = match exponent {
        Integer::Small(0) => mantissa.to_string(),
        _ => format!("{mantissa}e{exponent}"),
    };
    Ok(Some(match Decimal::parse(&text) {
        Some(decimal) => Number::from_decimal(decimal),
        None => text.parse(),
    }))
}
