//! The headers of a message as one blob: the length of each name and value, and their bytes.

/// A header: its name, and its value as bytes.
type Header = (String, Vec<u8>);

/// Returns the blob of headers. Lengths are unsigned numbers of 32 bits, the lowest byte first.
pub(super) fn encode(headers: &[Header]) -> Vec<u8> {
    let mut blob = Vec::new();
    for (name, value) in headers {
        // A header of 4 GiB exceeds the limits of every server and store.
        let (Ok(name_length), Ok(value_length)) = (u32::try_from(name.len()), u32::try_from(value.len()))
        else {
            continue;
        };
        blob.extend_from_slice(&name_length.to_le_bytes());
        blob.extend_from_slice(name.as_bytes());
        blob.extend_from_slice(&value_length.to_le_bytes());
        blob.extend_from_slice(value);
    }
    blob
}

/// Reads a blob of headers. `None`: it is damaged.
pub(super) fn decode(mut blob: &[u8]) -> Option<Vec<Header>> {
    let mut headers = Vec::new();
    while !blob.is_empty() {
        let name = String::from_utf8(part(&mut blob)?.to_vec()).ok()?;
        headers.push((name, part(&mut blob)?.to_vec()));
    }
    Some(headers)
}

fn part<'a>(blob: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = blob.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (part, rest) = rest.split_at_checked(length)?;
    *blob = rest;
    Some(part)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_kept_as_they_are() {
        let headers = vec![
            ("content-type".to_owned(), b"application/json".to_vec()),
            (String::new(), Vec::new()),
            ("content-type".to_owned(), (0..=255).collect()),
        ];
        let blob = encode(&headers);
        assert_eq!(decode(&blob), Some(headers));
        assert_eq!(decode(&[]), Some(Vec::new()));
        // The blob without its end is either damaged, or has fewer headers.
        for length in 1..blob.len() {
            assert!(decode(&blob[..length]).is_none_or(|headers| headers.len() < 3), "{length}");
        }
        assert_eq!(decode(&[1, 0, 0, 0, 0xFF, 0, 0, 0, 0]), None, "the name is not UTF-8");
        assert_eq!(decode(&[0xFF; 9]), None);
    }
}
