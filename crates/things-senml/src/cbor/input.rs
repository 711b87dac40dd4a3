//! CBOR that is being read, item by item.

use std::borrow::Cow;

use ciborium_ll::{Decoder, Header};

use crate::error::{Error, ErrorKind, PACK};
use crate::pack::Pack;

/// The rest of the CBOR of a pack.
pub(super) struct Input<'a> {
    rest: &'a [u8],
    length: usize,
}

/// The first tag of a file that says that it is CBOR (RFC 8949, section 3.4.6).
const SELF_DESCRIBED: u64 = 55_799;

impl<'a> Input<'a> {
    /// Begins with a pack, and returns the number of its records, if that is known.
    pub(super) fn of_pack(cbor: &'a [u8]) -> Result<(Self, Option<usize>), Error> {
        if cbor.len() > Pack::MAX_BYTES {
            let (bytes, most) = (cbor.len(), Pack::MAX_BYTES);
            let why = format!("has {bytes} bytes of CBOR, more than {most}: split it into several");
            return Err(Error::new(ErrorKind::TooLarge, PACK, why));
        }
        let mut input = Self { rest: cbor, length: cbor.len() };
        let mut header = input.header()?;
        if header == Header::Tag(SELF_DESCRIBED) {
            header = input.header()?;
        }
        match header {
            Header::Array(records) => Ok((input, records)),
            _ => Err(Error::new(ErrorKind::NotAnArray, PACK, "is not a CBOR array of records")),
        }
    }

    /// Returns the next header.
    // Its caller then needs no header in memory.
    #[inline(always)]
    pub(super) fn header(&mut self) -> Result<Header, Error> {
        match common(self.rest) {
            Some((header, rest)) => {
                self.rest = rest;
                Ok(header)
            }
            None => self.rare_header(),
        }
    }

    #[cold]
    fn rare_header(&mut self) -> Result<Header, Error> {
        let mut decoder = Decoder::from(self.rest);
        let header = decoder.pull().map_err(|_| self.syntax())?;
        let length = decoder.offset();
        self.rest = self.rest.get(length..).unwrap_or_default();
        Ok(header)
    }

    /// Whether an array or map of this many items has one more. `left` is counted down. A map or array of unknown length ends
    /// with a break, which is read.
    pub(super) fn has_more(&mut self, left: &mut Option<usize>) -> Result<bool, Error> {
        match left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None if self.rest.first() == Some(&BREAK) => {
                self.header()?;
                Ok(false)
            }
            None => Ok(true),
        }
    }

    /// Returns the text after a header of this length.
    #[inline(always)]
    pub(super) fn text(&mut self, length: Option<usize>) -> Result<Cow<'a, str>, Error> {
        let text = match length {
            Some(length) => std::str::from_utf8(self.take(length)?).ok().map(Cow::Borrowed),
            None => String::from_utf8(self.parts(true)?).ok().map(Cow::Owned),
        };
        text.ok_or_else(|| self.syntax())
    }

    /// Returns the bytes after a header of this length.
    pub(super) fn bytes(&mut self, length: Option<usize>) -> Result<Cow<'a, [u8]>, Error> {
        Ok(match length {
            Some(length) => Cow::Borrowed(self.take(length)?),
            None => Cow::Owned(self.parts(false)?),
        })
    }

    /// Checks that nothing is left.
    pub(super) fn end(&self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.syntax()) }
    }

    /// An error at the current place.
    #[cold]
    pub(super) fn syntax(&self) -> Error {
        let at = self.length - self.rest.len();
        let why = format!("is not CBOR at byte {at}: expected an array of records (RFC 8428, section 6)");
        Error::new(ErrorKind::Syntax, PACK, why)
    }

    /// Returns the content of a text or byte string of unknown length, which is in parts.
    #[cold]
    fn parts(&mut self, text: bool) -> Result<Vec<u8>, Error> {
        let mut content = Vec::new();
        loop {
            match self.header()? {
                Header::Text(Some(length)) if text => content.extend_from_slice(self.take(length)?),
                Header::Bytes(Some(length)) if !text => content.extend_from_slice(self.take(length)?),
                Header::Break => return Ok(content),
                _ => return Err(self.syntax()),
            }
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let Some((content, rest)) = self.rest.split_at_checked(length) else { return Err(self.syntax()) };
        self.rest = rest;
        Ok(content)
    }
}

/// Returns a header of the kinds that most are, and the bytes after it. They need no decoder: `None` leaves the others to it,
/// and everything that is wrong.
#[inline(always)]
fn common(bytes: &[u8]) -> Option<(Header, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (argument, rest) = match first & 0x1f {
        argument @ 0..24 => (u64::from(argument), rest),
        24 => rest.split_first().map(|(argument, rest)| (u64::from(*argument), rest))?,
        25 => rest.split_first_chunk().map(|(bytes, rest)| (u16::from_be_bytes(*bytes).into(), rest))?,
        26 => rest.split_first_chunk().map(|(bytes, rest)| (u32::from_be_bytes(*bytes).into(), rest))?,
        27 => rest.split_first_chunk().map(|(bytes, rest)| (u64::from_be_bytes(*bytes), rest))?,
        _ => return None,
    };
    let length = || usize::try_from(argument).ok();
    let header = match first >> 5 {
        0 => Header::Positive(argument),
        1 => Header::Negative(argument),
        2 => Header::Bytes(Some(length()?)),
        3 => Header::Text(Some(length()?)),
        4 => Header::Array(Some(length()?)),
        5 => Header::Map(Some(length()?)),
        6 => Header::Tag(argument),
        _ => Header::Float(match *first {
            HALF => double_of_half(u16::try_from(argument).ok()?)?,
            SINGLE => f64::from(f32::from_bits(u32::try_from(argument).ok()?)),
            DOUBLE => f64::from_bits(argument),
            _ => return None,
        }),
    };
    Some((header, rest))
}

/// Returns a floating-point number of 16 bits. `None` if it is subnormal or not finite, or 0.
fn double_of_half(half: u16) -> Option<f64> {
    let (sign, exponent, fraction) = (half >> 15, half >> 10 & 0x1f, half & 0x3ff);
    // The exponents are biased by 15 and by 1,023.
    let bits = u64::from(sign) << 63 | (u64::from(exponent) + 1_008) << 52 | u64::from(fraction) << 42;
    (1..31).contains(&exponent).then_some(f64::from_bits(bits))
}

/// The first bytes of floating-point numbers of 16, 32 and 64 bits.
const HALF: u8 = 0xf9;
const SINGLE: u8 = 0xfa;
const DOUBLE: u8 = 0xfb;

/// The byte that ends an array or map of unknown length.
const BREAK: u8 = 0xff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_without_a_decoder_are_those_of_the_decoder() {
        let mut common_ones = 0;
        for first in 0..=0xff {
            for second in 0..=0xff {
                let bytes = [first, second, 0x81, 0x07, 0xfe, 0, 1, 2, 3];
                let mut decoder = Decoder::from(&bytes[..]);
                if let Some((header, rest)) = common(&bytes) {
                    common_ones += 1;
                    let decoded = decoder.pull().unwrap();
                    // NaN is not equal to itself.
                    assert_eq!(format!("{decoded:?}"), format!("{header:?}"), "{first:x} {second:x}");
                    assert_eq!(decoder.offset(), bytes.len() - rest.len(), "{first:x} {second:x}");
                }
            }
        }
        assert!(common_ones > 190 * 256, "{common_ones}");
    }

    #[test]
    fn floating_point_numbers_of_16_bits_are_those_of_the_decoder() {
        for half in 0..=u16::MAX {
            let [high, low] = half.to_be_bytes();
            let bytes = [HALF, high, low];
            let decoded = Decoder::from(&bytes[..]).pull().unwrap();
            match common(&bytes) {
                Some((header, _)) => assert_eq!(decoded, header, "{half:x}"),
                None => assert!(half & 0x7c00 == 0 || half & 0x7c00 == 0x7c00, "{half:x}"),
            }
        }
    }
}
