//! The message token: SHA-256 over the body, followed by the secret.

use sha2::{Digest, Sha256};

use crate::refusal::Refusal;

/// The name of the header with the token of a message.
pub const TOKEN_HEADER: &str = "things-message-token";

/// The name of the header with the UUID of the plug (the destination) that a message comes from.
pub const PLUG_HEADER: &str = "things-plug-uuid";

/// Returns the token of a body: SHA-256 over its bytes followed by the secret, as 64 lower-case hex digits.
///
/// It is for tests, and for a device of your own that posts to KPN Things. See KPN's documentation of
/// [HTTPS destinations](https://docs.kpnthings.com/kpn-things/building-blocks/destinations/https-destination).
///
/// ```
/// let body = r#"[{"bn":"device-name","n":"humidity","vd":"aG9paG9pAA"}]"#;
/// let token = things_uplink::sign("MYKEY2", body);
/// assert_eq!(token, "4d53c667486bb4679922b901dd733a936a07983f73275941abfb3068a0ba8748");
/// ```
pub fn sign(secret: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> String {
    ::hex::encode(Body::new(body.as_ref()).digest(secret.as_ref()))
}

/// A body that is hashed once, for any number of secrets.
pub(crate) struct Body(Sha256);

impl Body {
    pub(crate) fn new(body: &[u8]) -> Self {
        Self(Sha256::new_with_prefix(body))
    }

    pub(crate) fn digest(&self, secret: &[u8]) -> [u8; 32] {
        self.0.clone().chain_update(secret).finalize().into()
    }
}

/// Reads the one token among the values of the header.
///
/// Upper-case digits are refused: KPN documents and sends lower case, so anything else did not come from KPN unaltered.
pub(crate) fn token<'h>(values: impl IntoIterator<Item = &'h [u8]>) -> Result<[u8; 32], Refusal> {
    let mut values = values.into_iter();
    let value = values.next().ok_or(Refusal::Missing)?;
    // Some servers and proxies join the values of a header with a comma (RFC 9110, section 5.3).
    if values.next().is_some() || value.contains(&b',') {
        return Err(Refusal::Twice);
    }
    decode(value)
}

/// Reads 64 lower-case hex digits in a time that does not depend on them, so without branches and tables.
fn decode(value: &[u8]) -> Result<[u8; 32], Refusal> {
    let is_digit = |byte: u8| (byte.wrapping_sub(b'0') < 10) | (byte.wrapping_sub(b'a') < 6);
    if !value.iter().fold(true, |all, byte| all & is_digit(*byte)) {
        let index = value.iter().position(|byte| !is_digit(*byte)).unwrap_or_default();
        return Err(Refusal::NotHex { at: index + 1 });
    }
    let mut token = [0; 32];
    let (pairs, odd) = value.as_chunks();
    if pairs.len() != token.len() || !odd.is_empty() {
        return Err(Refusal::WrongLength(value.len()));
    }
    // A digit is 0x30 to 0x39, and a letter 0x61 to 0x66.
    let nibble = |byte: u8| (byte & 0xf) + 9 * (byte >> 6);
    for (byte, [high, low]) in token.iter_mut().zip(pairs) {
        *byte = nibble(*high) << 4 | nibble(*low);
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "4d53c667486bb4679922b901dd733a936a07983f73275941abfb3068a0ba8748";

    fn read(values: &[&str]) -> Result<[u8; 32], Refusal> {
        token(values.iter().map(|value| value.as_bytes()))
    }

    #[test]
    fn a_token_is_64_lower_case_hex_digits() {
        assert_eq!(::hex::encode(read(&[TOKEN]).unwrap()), TOKEN);
    }

    #[test]
    fn each_malformed_header_is_its_own_refusal() {
        let upper = TOKEN.to_ascii_uppercase();
        let doubled = format!("{TOKEN}, {TOKEN}");
        let blank = [" ", TOKEN].concat();
        let cases: [(&[&str], _); 10] = [
            (&[], Refusal::Missing),
            (&[TOKEN, TOKEN], Refusal::Twice),
            (&[TOKEN, ""], Refusal::Twice),
            (&[&doubled], Refusal::Twice),
            (&[&upper], Refusal::NotHex { at: 2 }),
            (&[&blank], Refusal::NotHex { at: 1 }),
            (&[&TOKEN.replace('8', "g")], Refusal::NotHex { at: 10 }),
            (&[""], Refusal::WrongLength(0)),
            (&[&TOKEN[..63]], Refusal::WrongLength(63)),
            (&[&TOKEN.repeat(2)], Refusal::WrongLength(128)),
        ];
        for (values, refusal) in cases {
            assert_eq!(read(values), Err(refusal), "{values:?}");
        }
    }
}
