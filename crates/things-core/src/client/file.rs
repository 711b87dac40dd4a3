//! Reads the text of a file from a user: a key secret, SenML, a body, a Postman environment.

use zeroize::Zeroizing;

use crate::error::Error;
use crate::secret::Secret;

/// Reads the text of a file, without its byte order mark. UTF-16 with a mark is read too, because Windows PowerShell
/// writes it with `>`.
///
/// `what` names the file in an error, as in "the key secret". The text is treated as a secret, because it may be one:
/// its memory and that of the bytes are overwritten when they are dropped.
///
/// # Errors
///
/// Returns an error of the kind [`Config`](crate::ErrorKind::Config) if the bytes are neither UTF-8 nor UTF-16 with a
/// mark. The error shows nothing of the file.
pub fn file_text(what: &str, bytes: Vec<u8>) -> Result<Secret, Error> {
    let bytes = Zeroizing::new(bytes);
    let refused = |why: &str| Error::config(format!("{what} {why}"));
    let utf_16 = |read: fn([u8; 2]) -> u16| {
        let text = utf_16(bytes.get(2..).unwrap_or_default(), read);
        text.ok_or_else(|| refused("begins like UTF-16 and is not: save it as UTF-8"))
    };
    match bytes.as_slice() {
        [0xFF, 0xFE, ..] => utf_16(u16::from_le_bytes),
        [0xFE, 0xFF, ..] => utf_16(u16::from_be_bytes),
        [0, _, ..] | [_, 0, ..] => Err(refused("is UTF-16 without a byte order mark: save it as UTF-8")),
        plain => {
            let text = std::str::from_utf8(plain).map_err(|_| refused("is not UTF-8: save it as UTF-8"))?;
            Ok(Secret::new(text.strip_prefix('\u{FEFF}').unwrap_or(text)))
        }
    }
}

fn utf_16(bytes: &[u8], read: fn([u8; 2]) -> u16) -> Option<Secret> {
    let (pairs, rest) = bytes.as_chunks();
    // Reserves enough for the whole text, because a buffer that grows leaves copies of a secret behind.
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() / 2 * 3));
    for char in char::decode_utf16(pairs.iter().map(|pair| read(*pair))) {
        text.push(char.ok()?);
    }
    rest.is_empty().then(|| Secret::new(std::mem::take(&mut *text)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorKind;

    fn read(bytes: &[u8]) -> Result<String, Error> {
        file_text("the file", bytes.to_vec()).map(|text| text.expose().to_owned())
    }

    #[test]
    fn what_windows_writes_is_read() {
        let utf_16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            "\u{FEFF}s3cr\u{e9}t \u{1f600}\r\n".encode_utf16().flat_map(order).collect()
        };
        for bytes in [
            "s3cr\u{e9}t \u{1f600}\r\n".as_bytes().to_vec(),
            "\u{FEFF}s3cr\u{e9}t \u{1f600}\r\n".as_bytes().to_vec(),
            utf_16(u16::to_le_bytes),
            utf_16(u16::to_be_bytes),
        ] {
            assert_eq!(read(&bytes).unwrap(), "s3cr\u{e9}t \u{1f600}\r\n", "{bytes:?}");
        }
        assert_eq!((read(b"").unwrap(), read(b"\xEF\xBB\xBF").unwrap()), (String::new(), String::new()));
    }

    #[test]
    fn anything_else_is_named_with_the_way_out() {
        for (bytes, part) in [
            (&b"hush\xE9"[..], "the file is not UTF-8: save it as UTF-8"),
            (b"h\0u\0s\0h\0", "is UTF-16 without a byte order mark"),
            (b"\0h\0u\0s\0h", "is UTF-16 without a byte order mark"),
            (b"\xFF\xFEh\0u", "begins like UTF-16 and is not"),
            (b"\xFE\xFF\xD8\x3D", "begins like UTF-16 and is not"),
        ] {
            let error = read(bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.message().contains(part) && !error.message().contains("hush"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_text_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Err(error) = read(&bytes) {
                prop_assert!(error.message().ends_with("save it as UTF-8"), "{}", error);
            }
        }

        #[test]
        fn any_text_is_read_as_it_is(text in "[^\u{0}\u{FEFF}]{0,30}") {
            prop_assert_eq!(read(text.as_bytes()).unwrap(), text.clone());
            let units = [0xFEFF].into_iter().chain(text.encode_utf16());
            let utf_16: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
            prop_assert_eq!(read(&utf_16).unwrap(), text);
        }
    }
}
