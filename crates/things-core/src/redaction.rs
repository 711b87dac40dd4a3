//! Cuts secrets out of anything that a user may see.

use bytes::Bytes;
use serde_json::Value;
use zeroize::Zeroize;

/// Cuts every occurrence of the secrets out of an answer.
pub(crate) fn redact(bytes: &Bytes, secrets: &[impl AsRef<str>]) -> Bytes {
    let secrets: Vec<_> = tellable(secrets).map(str::as_bytes).collect();
    let found =
        |rest: &[u8]| secrets.iter().find(|secret| rest.starts_with(secret)).map(|secret| secret.len());
    let (mut clean, mut kept) = (Vec::new(), 0);
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match found(rest) {
            Some(length) => {
                clean.extend_from_slice(bytes.get(kept..at).unwrap_or_default());
                clean.extend_from_slice(b"[redacted]");
                at += length;
                kept = at;
            }
            None => at += 1,
        }
    }
    if kept == 0 {
        return bytes.clone();
    }
    clean.extend_from_slice(bytes.get(kept..).unwrap_or_default());
    clean.into()
}

/// Cuts them out of the texts and names of a value, and tells whether there were any.
pub(crate) fn redact_json(value: &mut Value, secrets: &[impl AsRef<str>]) -> bool {
    match value {
        Value::String(text) => redact_text(text, secrets),
        Value::Array(values) => {
            let mut found = false;
            for value in values {
                found |= redact_json(value, secrets);
            }
            found
        }
        Value::Object(fields) => {
            let mut found = false;
            for (mut name, mut value) in std::mem::take(fields) {
                found |= redact_text(&mut name, secrets) | redact_json(&mut value, secrets);
                fields.insert(name, value);
            }
            found
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Cuts them out of a text, and tells whether there were any.
pub(crate) fn redact_text(text: &mut String, secrets: &[impl AsRef<str>]) -> bool {
    let mut found = false;
    for secret in tellable(secrets) {
        if text.contains(secret) {
            let clean = text.replace(secret, "[redacted]");
            text.zeroize();
            *text = clean;
            found = true;
        }
    }
    found
}

/// Those that are long enough to be told from any other text.
fn tellable(secrets: &[impl AsRef<str>]) -> impl Iterator<Item = &str> {
    secrets.iter().map(AsRef::as_ref).filter(|secret| secret.len() >= 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_cut_out_wherever_they_stand() {
        let clean = redact(&Bytes::from_static(b"hush! and hush!"), &["hush!"]);
        assert_eq!(clean, "[redacted] and [redacted]");
        let part_of_its_place = redact(&Bytes::from_static(b"redacted"), &["redacted"]);
        assert_eq!(part_of_its_place, "[redacted]");
        let untouched = Bytes::from_static(b"plain");
        assert_eq!(redact(&untouched, &["hush!", "abc"]), untouched);
    }

    #[test]
    fn secrets_are_cut_out_of_the_texts_and_names_of_json() {
        let mut value = serde_json::json!({"a hush!": ["hush!", 1, null], "b": {"c": "d"}});
        assert!(redact_json(&mut value, &["hush!"]));
        assert_eq!(value, serde_json::json!({"a [redacted]": ["[redacted]", 1, null], "b": {"c": "d"}}));
        assert!(!redact_json(&mut value, &["hush!", "abc"]));
    }
}
