//! Redacts secrets in everything that a user may see.
//!
//! A service, a gateway or a debug page can send back the request in any common encoding. Texts are searched unchanged,
//! and are never parsed and printed again: a JSON body keeps the order of its fields and the digits of its numbers. A
//! search takes linear time, and memory for a window of 64 KiB in addition to the text.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use memchr::memmem;
use zeroize::{Zeroize, Zeroizing};

use crate::escapes::{Encoding, Unit, units};
use crate::secret::{Secret, secret_json};

/// Shorter secrets cannot be distinguished from other text.
const SHORTEST: usize = 4;

/// A shorter secret that consists of letters cannot be distinguished from a word: with `wrong` as the secret, every
/// "wrong" in a message of the service would be redacted. Such secrets are not refused, because KPN documents no minimum
/// length.
const SHORTEST_WORD: usize = 8;

/// The same for the part of a base64 text that does not depend on the bytes around the secret.
const SHORTEST_BASE64: usize = 8;

/// The number of decoded bytes that are searched at a time.
const WINDOW: usize = 64 << 10;

const CUT: &[u8] = b"[redacted]";

/// The number of bytes that are shown on each side of a place.
const AROUND: usize = 60;

/// The maximum number of bytes that encode one byte, as in `\u00e9`, `&#xE9;` or `&#00000041;`.
const LONGEST_ESCAPE: usize = 12;

/// The secrets of one request, in all forms in which a response can contain them.
///
/// The forms are the secret itself, the secret in a JSON text, in base64 (alone or inside a longer text, such as the
/// credentials of `Basic`), and in hexadecimal. Each is found in plain text, and with the escapes of JSON, of URLs and
/// of XML.
pub(crate) struct Redactor {
    forms: Vec<Zeroizing<Vec<u8>>>,
    /// The length of the shortest form. An escape is longer than what it stands for, so no shorter text holds a secret.
    shortest: usize,
}

/// The redactors of a session. Each response needs one, and all responses with the same access token need the same one,
/// so the last one is kept.
pub(crate) struct Redactors {
    secrets: Vec<Secret>,
    last: Mutex<Option<(Option<HeaderValue>, Arc<Redactor>)>>,
}

impl Redactors {
    pub(crate) fn new(secrets: Vec<Secret>) -> Self {
        Self { secrets, last: Mutex::default() }
    }

    /// Returns the redactor for a request with this `Authorization`, or with this message token. It redacts the secrets of
    /// the session and the token.
    pub(crate) fn of(&self, authorization: Option<&HeaderValue>) -> Arc<Redactor> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((same, redactor)) = &*last
            && same.as_ref() == authorization
        {
            return Arc::clone(redactor);
        }
        let token = authorization.and_then(|value| value.to_str().ok());
        let token = token.map(|text| text.strip_prefix("Bearer ").unwrap_or(text));
        let redactor = Arc::new(Redactor::new(self.secrets.iter().map(Secret::expose).chain(token)));
        *last = Some((authorization.cloned(), Arc::clone(&redactor)));
        redactor
    }
}

/// Whether a secret can be distinguished from other text.
fn is_distinct(secret: &str) -> bool {
    let is_word = secret.bytes().all(|byte| byte.is_ascii_alphabetic());
    secret.len() >= if is_word { SHORTEST_WORD } else { SHORTEST }
}

impl Redactor {
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut forms: Vec<_> =
            secrets.into_iter().filter(|text| is_distinct(text)).flat_map(forms).collect();
        forms.sort_unstable_by(|one, other| one.as_slice().cmp(other.as_slice()));
        forms.dedup();
        let shortest = forms.iter().map(|form| form.len()).min().unwrap_or(usize::MAX);
        Self { forms, shortest }
    }

    /// Redacts the secrets in a body. A body without secrets is returned unchanged.
    pub(crate) fn bytes(&self, bytes: &Bytes) -> Bytes {
        self.cut(bytes).map_or_else(|| bytes.clone(), Bytes::from)
    }

    /// Redacts the secrets in a text.
    pub(crate) fn text(&self, text: &mut String) {
        if let Some(clean) = self.cut(text.as_bytes()) {
            text.zeroize();
            *text = String::from_utf8_lossy(&clean).into_owned();
        }
    }

    /// Redacts the secrets in the values of headers.
    pub(crate) fn headers(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            if let Some(clean) = self.cut(value.as_bytes()) {
                *value = HeaderValue::from_bytes(&clean).unwrap_or(HeaderValue::from_static("[redacted]"));
            }
        }
    }

    /// Returns the bytes around an offset in a body, without the secrets.
    pub(crate) fn near(&self, body: &[u8], place: usize) -> Bytes {
        let place = place.min(body.len());
        let longest = self.forms.iter().map(|form| form.len()).max().unwrap_or_default();
        // A secret that overlaps the shown part begins and ends within this distance, even if it is escaped.
        let margin = longest.saturating_mul(LONGEST_ESCAPE).saturating_add(AROUND);
        let (start, end) = (place.saturating_sub(AROUND), place.saturating_add(AROUND).min(body.len()));
        let origin = place.saturating_sub(margin);
        let region = body.get(origin..place.saturating_add(margin).min(body.len())).unwrap_or_default();
        let mut found = self.places(region);
        found.sort_unstable();
        let mut clean = Vec::with_capacity(2 * AROUND);
        let mut kept = start;
        for (begin, stop) in found.iter().map(|(begin, stop)| (begin + origin, stop + origin)) {
            if stop > kept && begin < end {
                clean.extend_from_slice(body.get(kept..begin).unwrap_or_default());
                clean.extend_from_slice(CUT);
                kept = stop;
            }
        }
        clean.extend_from_slice(body.get(kept..end).unwrap_or_default());
        clean.into()
    }

    fn cut(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut found = self.places(text);
        if found.is_empty() {
            return None;
        }
        found.sort_unstable();
        let (mut clean, mut kept) = (Vec::with_capacity(text.len() + CUT.len()), 0);
        for (begin, end) in found {
            // An occurrence can overlap the previous one.
            if begin >= kept {
                clean.extend_from_slice(text.get(kept..begin).unwrap_or_default());
                clean.extend_from_slice(CUT);
            }
            kept = kept.max(end);
        }
        clean.extend_from_slice(text.get(kept..).unwrap_or_default());
        Some(clean)
    }

    /// Returns the start and end of all occurrences.
    fn places(&self, text: &[u8]) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        // Most headers are.
        if text.len() < self.shortest {
            return found;
        }
        for form in self.forms.iter().filter(|form| form.len() <= text.len()) {
            let mut from = 0;
            // For a short text, which headers are, this is cheaper than an iterator of places.
            while let Some(at) = text.get(from..).and_then(|rest| memmem::find(rest, form)) {
                let begin = from + at;
                from = begin + form.len();
                found.push((begin, from));
            }
        }
        for encoding in Encoding::ALL {
            if memchr::memchr(encoding.marker(), text).is_some() {
                self.decoded_places(text, encoding, &mut found);
            }
        }
        found
    }

    /// Finds the occurrences with at least one escape of this encoding.
    fn decoded_places(&self, text: &[u8], encoding: Encoding, found: &mut Vec<(usize, usize)>) {
        let longest = self.forms.iter().map(|form| form.len()).max().unwrap_or_default();
        let window = longest.saturating_mul(4).max(WINDOW);
        // The buffer holds secrets, so it must not move and leave a copy behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(window + Unit::MOST));
        let mut places = Vec::with_capacity(window + Unit::MOST);
        let mut units = units(text, encoding).peekable();
        while let Some(unit) = units.next() {
            for byte in unit.bytes() {
                bytes.push(*byte);
                places.push((unit.begin, unit.end));
            }
            if bytes.len() < window && units.peek().is_some() {
                continue;
            }
            for form in &self.forms {
                for at in memmem::find_iter(&bytes, &***form) {
                    let ends = (places.get(at), places.get(at + form.len() - 1));
                    // Without an escape, it has already been found.
                    if let (Some((begin, _)), Some((_, end))) = ends
                        && end - begin != form.len()
                    {
                        found.push((*begin, *end));
                    }
                }
            }
            // An occurrence can begin in this window and end in the next.
            let done = bytes.len() - bytes.len().min(longest);
            bytes.drain(..done);
            places.drain(..done);
        }
    }
}

/// Returns the forms in which a text can occur in another.
fn forms(text: &str) -> Vec<Zeroizing<Vec<u8>>> {
    let json = secret_json(text);
    let inner = json.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or_default();
    let mut forms = vec![Zeroizing::new(text.as_bytes().to_vec()), Zeroizing::new(inner.to_vec())];
    forms.push(Zeroizing::new(hex::encode(text).into_bytes()));
    forms.push(Zeroizing::new(hex::encode_upper(text).into_bytes()));
    // The first characters depend on the bytes before the text, and the last ones on the bytes after it.
    for (before, dependent) in [(0, 0), (1, 2), (2, 3)] {
        let mut bytes = Zeroizing::new(Vec::with_capacity(before + text.len()));
        bytes.resize(before, b'-');
        bytes.extend_from_slice(text.as_bytes());
        let independent = bytes.len() * 4 / 3;
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let encoded = Zeroizing::new(engine.encode(&*bytes));
            let part = encoded.get(dependent..independent).filter(|part| part.len() >= SHORTEST_BASE64);
            forms.extend(part.map(|part| Zeroizing::new(part.as_bytes().to_vec())));
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "s3cr/et+=&%\"\u{e9}";

    fn redacted(text: &str, secrets: &[&str]) -> String {
        let clean = Redactor::new(secrets.iter().copied()).bytes(&Bytes::copy_from_slice(text.as_bytes()));
        String::from_utf8(clean.to_vec()).unwrap()
    }

    #[test]
    fn secrets_are_cut_out_wherever_they_stand() {
        assert_eq!(redacted("hush! and hush!", &["hush!"]), "[redacted] and [redacted]");
        assert_eq!(redacted("redacted", &["redacted"]), "[redacted]");
        assert_eq!(redacted("plain abc", &["hush!", "abc"]), "plain abc");
        assert_eq!(redacted("-abcd1abcd1-", &["abcd1ab", "cd1abcd1"]), "-[redacted]-");
    }

    #[test]
    fn secrets_are_cut_out_in_every_encoding() {
        let basic = STANDARD_NO_PAD.encode(format!("the-key-id:{SECRET}"));
        let escaped: String = SECRET.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let twice = serde_json::Value::from(serde_json::json!({ "a": SECRET }).to_string()).to_string();
        for text in [
            SECRET.to_owned(),
            serde_json::json!({ "a": SECRET }).to_string(),
            SECRET.replace('/', "\\/"),
            escaped,
            twice,
            utf8_percent_encode(SECRET, NON_ALPHANUMERIC).to_string(),
            utf8_percent_encode(SECRET, NON_ALPHANUMERIC).to_string().to_lowercase(),
            SECRET.replace('&', "&amp;").replace('"', "&#34;"),
            basic,
            URL_SAFE_NO_PAD.encode(format!("xy{SECRET}")),
            hex::encode(SECRET),
            hex::encode_upper(SECRET),
        ] {
            let clean = redacted(&text, &[SECRET]);
            assert!(clean.contains("[redacted]") && clean != text, "not found in {text}");
            assert!(!clean.contains("s3cr"), "{clean}");
        }
    }

    #[test]
    fn base64_of_a_secret_is_cut_out_up_to_the_characters_that_it_shares() {
        // Without a period, so that no other form of it covers the end of the text.
        let secret = "fox jumps quickly over 13 lazy dogs, and 42 hens";
        for before in 0..3 {
            for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                let text = engine.encode(format!("{}{secret}zz", "x".repeat(before)));
                let clean = redacted(&text, &[secret]);
                assert!(clean.contains("[redacted]") && clean.len() <= CUT.len() + 8, "{clean}");
            }
        }
    }

    #[test]
    fn the_rest_of_a_json_body_keeps_its_text() {
        let body =
            r#"{"z": 1.7657E9, "number":89314404000123456789, "hush\u0021":"a\/b hush!", "a" : [1,2]}"#;
        assert_eq!(
            redacted(body, &["hush!"]),
            r#"{"z": 1.7657E9, "number":89314404000123456789, "[redacted]":"a\/b [redacted]", "a" : [1,2]}"#
        );
    }

    #[test]
    fn a_short_word_is_left_alone() {
        for (secret, text, expected) in [
            ("wrong", "unknown API key, or wrong secret", "unknown API key, or wrong secret"),
            ("wrong1", "the secret wrong1 is wrong", "the secret [redacted] is wrong"),
            ("wrongest", "the wrongest of all", "the [redacted] of all"),
        ] {
            let mut found = text.to_owned();
            Redactor::new([secret]).text(&mut found);
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn headers_are_searched_too() {
        let mut headers = HeaderMap::new();
        headers.insert("x-debug", HeaderValue::from_static("Bearer token-1"));
        headers.append("location", HeaderValue::from_static("https://example.com/?t=token%2D1"));
        headers.append("x-other", HeaderValue::from_bytes(b"b\xe9").unwrap());
        Redactor::new(["token-1"]).headers(&mut headers);
        assert_eq!(headers["x-debug"], "Bearer [redacted]");
        assert_eq!(headers["location"], "https://example.com/?t=[redacted]");
        assert_eq!(headers["x-other"].as_bytes(), b"b\xe9");
    }

    #[test]
    fn a_secret_across_two_windows_is_found() {
        for before in WINDOW - 40..WINDOW + 10 {
            let text = format!("{}{}", "x".repeat(before), escaped("the-token-4711"));
            let clean = redacted(&text, &["the-token-4711"]);
            assert_eq!(clean.len(), before + CUT.len(), "{before}");
        }
    }

    fn escaped(text: &str) -> String {
        text.chars().map(|char| format!("\\u{:04x}", u32::from(char))).collect()
    }

    #[test]
    fn the_bytes_around_a_place_show_no_part_of_a_secret() {
        let secret = "0123456789".repeat(10);
        let escaped: String = secret.chars().map(|char| format!("\\u00{:02x}", u32::from(char))).collect();
        let redactor = Redactor::new([secret.as_str()]);
        // So far from the start that only a part of the text is searched.
        let text = format!("{}{secret}{}{escaped}{}", "a".repeat(5_000), "b".repeat(30), "c".repeat(5_000));
        for place in 4_900..5_900 {
            let near = redactor.near(text.as_bytes(), place);
            assert!(near.len() <= 150 && !near.iter().any(|byte| b"0123456789\\".contains(byte)), "{near:?}");
        }
        let (begin, end) = (5_000 + 100 + 30, 5_000 + 100 + 30 + 600);
        assert_eq!(redactor.near(text.as_bytes(), end + AROUND), "c".repeat(2 * AROUND));
        assert_eq!(
            redactor.near(text.as_bytes(), end + AROUND - 1),
            format!("[redacted]{}", "c".repeat(119))
        );
        let between = format!("[redacted]{}", "b".repeat(30));
        assert_eq!(redactor.near(text.as_bytes(), begin - AROUND), between);
        assert_eq!(redactor.near(text.as_bytes(), begin - AROUND + 1), format!("{between}[redacted]"));
        assert_eq!(redactor.near(b"{\"a\":tru}", 5), "{\"a\":tru}");
        assert_eq!(redactor.near(b"", 7), "");
    }

    #[test]
    fn a_session_cuts_out_its_secrets_and_the_token_of_the_request() {
        let redactors = Redactors::new(vec![SECRET.into()]);
        let token = |text: &'static str| HeaderValue::from_static(text);
        let (one, two) = (token("Bearer t0ken-one"), token("Bearer t0ken-two"));
        let text = Bytes::from(format!("{SECRET} t0ken-one t0ken-two"));
        for (authorization, expected) in [
            (None, "[redacted] t0ken-one t0ken-two"),
            (Some(&one), "[redacted] [redacted] t0ken-two"),
            (Some(&two), "[redacted] t0ken-one [redacted]"),
        ] {
            assert_eq!(redactors.of(authorization).bytes(&text), expected);
            assert!(Arc::ptr_eq(&redactors.of(authorization), &redactors.of(authorization)));
        }
    }

    proptest! {
        #[test]
        fn nothing_else_changes(text in "\\PC{0,60}", secret in "[a-z]{8}", escape in any::<bool>()) {
            prop_assume!(!text.contains(&secret[..3]));
            let written = if escape { escaped(&secret) } else { secret.clone() };
            prop_assume!(!text.ends_with('\\'));
            let clean = redacted(&format!("{text}{written}{text}"), &[&secret]);
            prop_assert_eq!(clean, format!("{text}[redacted]{text}"));
        }

        #[test]
        fn any_bytes_are_searched(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let clean = Redactor::new([SECRET]).bytes(&Bytes::from(text.clone()));
            prop_assert_eq!(clean, text);
        }
    }
}
