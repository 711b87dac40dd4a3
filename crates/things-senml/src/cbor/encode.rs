//! Turns the JSON of a pack into CBOR.

use ciborium_ll::{Encoder, Header, simple, tag};

use super::number::DECIMAL_FRACTION;
use crate::field::{Field, FieldType};
use crate::json::{decode, scan};
use crate::value::{Data, Decimal, Number};

/// Returns the CBOR of a checked pack, whose JSON has no blanks. Records and fields stay in their order.
pub(crate) fn pack(json: &str, records: usize) -> Vec<u8> {
    let mut cbor = Cbor(Vec::with_capacity(json.len()));
    cbor.push(Header::Array(Some(records)));
    for record in scan::items(json) {
        cbor.push(Header::Map(Some(scan::items(record).count())));
        for member in scan::items(record) {
            let (key, value) = scan::member(member);
            let label = decode::unescape(key).unwrap_or_default();
            let field = Field::of_label(&label);
            match field.and_then(Field::cbor_label) {
                Some(label) => cbor.integer(label.into()),
                None => cbor.text(&label),
            }
            match field.map(Field::field_type) {
                Some(FieldType::Data) => {
                    let text = decode::unescape(value).unwrap_or_default();
                    let data = Data::from_base64(text);
                    cbor.bytes(data.as_ref().map(Data::bytes).unwrap_or_default());
                }
                _ => cbor.value(value),
            }
        }
    }
    cbor.0
}

/// CBOR that is being written.
struct Cbor(Vec<u8>);

impl Cbor {
    fn push(&mut self, header: Header) {
        // Writing to memory does not fail.
        let _ = Encoder::from(&mut self.0).push(header);
    }

    fn integer(&mut self, integer: i128) {
        // A negative integer is written as -1 minus itself.
        if let Ok(positive) = u64::try_from(integer) {
            self.push(Header::Positive(positive));
        } else if let Ok(complement) = u64::try_from(-1 - integer) {
            self.push(Header::Negative(complement));
        } else {
            let (tag, magnitude) =
                if integer < 0 { (tag::BIGNEG, -1 - integer) } else { (tag::BIGPOS, integer) };
            let bytes = magnitude.to_be_bytes();
            let start = bytes.iter().position(|byte| *byte != 0).unwrap_or_default();
            self.push(Header::Tag(tag));
            self.bytes(bytes.get(start..).unwrap_or_default());
        }
    }

    fn text(&mut self, text: &str) {
        self.push(Header::Text(Some(text.len())));
        self.0.extend_from_slice(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.push(Header::Bytes(Some(bytes.len())));
        self.0.extend_from_slice(bytes);
    }

    /// Writes a number so that it reads back as the same one: an integer, a double, or a decimal fraction if a double has not
    /// all of its digits. Beyond 37 digits, it is the nearest double (RFC 8428, section 6).
    fn number(&mut self, json: &str) {
        let Some(Ok(number)) = Number::from_valid_json(json) else {
            // A field that no RFC defines may have a number beyond the range of a double.
            return self.text(json);
        };
        let double = number.to_f64();
        let exact = Decimal::parse(json);
        let is_integer = !json.contains(['.', 'e', 'E']);
        match exact.map(Decimal::parts) {
            Some((digits, 0)) if is_integer && json != "-0" => self.integer(digits),
            Some((digits, exponent)) if !is_shortest(double, exact) => {
                self.push(Header::Tag(DECIMAL_FRACTION));
                self.push(Header::Array(Some(2)));
                self.integer(exponent.into());
                self.integer(digits);
            }
            _ => self.push(Header::Float(double)),
        }
    }

    fn value(&mut self, json: &str) {
        match json.as_bytes().first() {
            Some(b'"') => self.text(&decode::unescape(json).unwrap_or_default()),
            Some(b't') => self.push(Header::Simple(simple::TRUE)),
            Some(b'f') => self.push(Header::Simple(simple::FALSE)),
            Some(b'n') => self.push(Header::Simple(simple::NULL)),
            Some(b'[') => {
                self.push(Header::Array(Some(scan::items(json).count())));
                scan::items(json).for_each(|item| self.value(item));
            }
            Some(b'{') => {
                self.push(Header::Map(Some(scan::items(json).count())));
                for member in scan::items(json) {
                    let (key, value) = scan::member(member);
                    self.text(&decode::unescape(key).unwrap_or_default());
                    self.value(value);
                }
            }
            _ => self.number(json),
        }
    }
}

/// Whether the shortest digits of a double are a number.
fn is_shortest(double: f64, number: Option<Decimal>) -> bool {
    let shortest = Number::try_from(double).ok().and_then(|shortest| Decimal::parse(shortest.as_str()));
    shortest.zip(number).is_some_and(|(shortest, number)| shortest.is_same(number))
}
