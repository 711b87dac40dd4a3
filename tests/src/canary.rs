//! Finds canaries: the secrets and tokens of the tests, in whatever was printed, logged, raised or kept.
//!
//! `cargo run -p things-tests --bin canaries -- FILE ...` looks for all of them, in files that hold the output of the tests.

use std::collections::HashMap;
use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::scenario::SECRET;

/// With this begins every key secret that the simulator makes up.
pub const SIMULATED_SECRET: &str = "simulated/+=";

/// With this begins every access token of the simulator, and of nobody else: the header of a JWT.
pub const SIMULATED_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9";

/// A secret or a token that tests work with, in every form in which it could come out.
#[derive(Clone)]
pub struct Canary {
    name: &'static str,
    forms: Vec<(&'static str, Vec<u8>)>,
}

impl Canary {
    /// A text that must not be seen; `name` is what is said where it is found.
    pub fn new(name: &'static str, text: &str) -> Self {
        let hex = hex(text.as_bytes());
        let json = serde_json::Value::from(text).to_string();
        let percent = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let unreserved = [("%2D", "-"), ("%2E", "."), ("%5F", "_"), ("%7E", "~")];
        let unreserved =
            unreserved.iter().fold(percent.clone(), |text, (code, char)| text.replace(code, char));
        let decimal: Vec<String> = text.bytes().map(|byte| byte.to_string()).collect();
        let markup = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")];
        let xml = markup.iter().fold(text.to_owned(), |text, (char, code)| text.replace(char, code));
        let mut forms = vec![
            ("as it is", text.to_owned()),
            ("as JSON or Debug", json.trim_matches('"').to_owned()),
            ("as bytes that are escaped", text.as_bytes().escape_ascii().to_string()),
            ("as a list of bytes", decimal.join(", ")),
            ("percent-encoded", percent.to_lowercase()),
            ("percent-encoded", unreserved.to_lowercase()),
            ("percent-encoded", unreserved),
            ("percent-encoded", percent),
            ("as XML", xml.replace('"', "&quot;")),
            ("as XML", xml),
            ("as hexadecimal", hex.to_uppercase()),
            ("as hexadecimal", hex),
        ];
        // In base64 a text looks otherwise after one, two or three others; what depends on those is cut off.
        for (before, cut) in [("", 0), ("-", 2), ("--", 3)] {
            let bytes = format!("{before}{text}");
            let whole = bytes.len() * 4 / 3;
            for encoded in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
                forms.extend(encoded.get(cut..whole).map(|part| ("as base64", part.to_owned())));
            }
        }
        let mut forms: Vec<_> = forms.into_iter().map(|(how, form)| (how, form.into_bytes())).collect();
        forms.sort_by(|one, other| one.1.cmp(&other.1));
        forms.dedup_by(|one, other| one.1 == other.1);
        Self { name, forms }
    }

    /// Those of the scenarios, of the simulator, and of the tests of the tool and of the Python package.
    pub fn known() -> Vec<Self> {
        let known = [
            ("the key secret of the scenarios", SECRET),
            ("the first token of a scenario", "token-1"),
            ("the second token of a scenario", "token-2"),
            ("a key secret of the simulator", SIMULATED_SECRET),
            ("a token of the simulator", SIMULATED_TOKEN),
            ("the key secret of the tool's tests", "s/3+c=r&e%t'\" \\$x`!"),
            ("the key secret of Python's tests", "canary-secret-0123456789"),
            ("the token of Python's tests", "canary-token-0123456789"),
        ];
        known.into_iter().map(|(name, text)| Self::new(name, text)).collect()
    }
}

/// Where a canary was found. Shows its name and not itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    name: &'static str,
    how: &'static str,
    line: usize,
}

impl fmt::Display for Sighting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}, {}", self.line, self.name, self.how)
    }
}

/// Everywhere that a canary is seen: in each of its forms, and so in what a hexadecimal dump shows, over its rows.
pub fn sightings(output: &[u8], canaries: &[Canary]) -> Vec<Sighting> {
    let dump = Dump::read(output);
    let found = places(output, canaries);
    let dumped = places(&dump.bytes, canaries);
    let found = found.map(|(place, name, how)| Sighting { name, how, line: line_of(output, place) });
    let dumped = dumped.map(|(place, name, _)| Sighting {
        name,
        how: "in a hexadecimal dump",
        line: dump.line(place),
    });
    let mut all: Vec<_> = found.chain(dumped).collect();
    all.dedup();
    all
}

/// Panics where a canary is seen, and says which, how, and in what.
#[track_caller]
pub fn assert_clean(what: &str, output: impl AsRef<[u8]>, canaries: &[Canary]) {
    let found: Vec<_> = sightings(output.as_ref(), canaries).iter().map(Sighting::to_string).collect();
    assert!(found.is_empty(), "{what} shows what it must not:\n  {}", found.join("\n  "));
}

/// What all hexadecimal dumps in a text show: of each line the longest run of words that hold nothing else.
struct Dump {
    bytes: Vec<u8>,
    /// Where each line of the text begins among the bytes.
    lines: Vec<usize>,
}

impl Dump {
    fn read(output: &[u8]) -> Self {
        let mut dump = Self { bytes: Vec::new(), lines: Vec::new() };
        for line in output.split(|byte| *byte == b'\n') {
            dump.lines.push(dump.bytes.len());
            let words = line.split(|byte| byte.is_ascii_whitespace() || *byte == b':');
            let (mut longest, mut run) = (Vec::new(), Vec::new());
            for word in words.filter(|word| !word.is_empty()) {
                match bytes(word) {
                    Some(bytes) => run.extend(bytes),
                    None => run.clear(),
                }
                if run.len() > longest.len() {
                    longest.clone_from(&run);
                }
            }
            dump.bytes.extend(longest);
        }
        dump
    }

    fn line(&self, place: usize) -> usize {
        self.lines.partition_point(|begin| *begin <= place)
    }
}

/// One or two bytes in hexadecimal. A longer number is an offset, and dashes fill up the last row.
fn bytes(word: &[u8]) -> Option<Vec<u8>> {
    let digits = std::str::from_utf8(word).ok()?.trim_end_matches('-');
    let byte = |place| u8::from_str_radix(digits.get(place..place + 2)?, 16).ok();
    (word.len() <= 4 && word.len().is_multiple_of(2))
        .then(|| (0..digits.len()).step_by(2).map(byte).collect())?
}

/// Where canaries begin, by name and form.
fn places(output: &[u8], canaries: &[Canary]) -> impl Iterator<Item = (usize, &'static str, &'static str)> {
    let mut by_first: HashMap<u8, Vec<_>> = HashMap::new();
    for canary in canaries {
        for (how, form) in &canary.forms {
            let first = form.first().copied().unwrap_or_default();
            by_first.entry(first).or_default().push((form, canary.name, *how));
        }
    }
    output.iter().enumerate().flat_map(move |(place, byte)| {
        let rest = output.get(place..).unwrap_or_default();
        let here = by_first.get(byte).into_iter().flatten().filter(|(form, ..)| rest.starts_with(form));
        here.map(|(_, name, how)| (place, *name, *how)).collect::<Vec<_>>()
    })
}

fn line_of(output: &[u8], place: usize) -> usize {
    1 + output.iter().take(place).filter(|byte| **byte == b'\n').count()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing into memory does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "s3cr/et+=&%\"é";

    #[track_caller]
    fn finds(how: &str, output: &str) {
        let output = format!("one line\nanother: {output}, and more\nthe last");
        let found = sightings(output.as_bytes(), &[Canary::new("it", TEXT)]);
        assert!(
            found.iter().any(|sighting| sighting.how == how && sighting.line == 2),
            "{how}: {output} {found:?}"
        );
    }

    #[test]
    fn a_planted_canary_is_found_in_every_form() {
        finds("as it is", TEXT);
        finds("as JSON or Debug", r#"{"client_secret":"s3cr/et+=&%\"é"}"#);
        finds("as JSON or Debug", &format!("{:?}", Some(TEXT)));
        finds("as bytes that are escaped", &format!("{:?}", bytes::Bytes::from(TEXT)));
        finds("as a list of bytes", &format!("{:?}", TEXT.as_bytes()));
        finds("percent-encoded", "s3cr%2Fet%2B%3D%26%25%22%C3%A9");
        finds("percent-encoded", "s3cr%2fet%2b%3d%26%25%22%c3%a9");
        finds("as XML", "s3cr/et+=&amp;%&quot;é");
        finds("as XML", "s3cr/et+=&amp;%\"é");
        finds("as hexadecimal", "\\x733363722f65742b3d262522c3a9");
        finds("as hexadecimal", "733363722F65742B3D262522C3A9");
        for before in ["", "key:", "a:", "it"] {
            finds("as base64", &STANDARD_NO_PAD.encode(format!("{before}{TEXT}{before}")));
            finds("as base64", &URL_SAFE_NO_PAD.encode(format!("{before}{TEXT}")));
        }
    }

    #[test]
    fn a_canary_is_found_across_the_rows_of_a_dump() {
        let bytes = format!(r#"{{"client_id":"k","client_secret":"{TEXT}"}}"#);
        let canaries = [Canary::new("it", TEXT)];
        for (offset, pairs) in [(false, 2), (true, 1), (true, 2)] {
            let mut output = String::from("[DEBUG] what comes before\n");
            for (row, chunk) in bytes.as_bytes().chunks(16).enumerate() {
                let words: Vec<_> = chunk.chunks(pairs).map(hex).collect();
                let offset = if offset { format!("{:08x}: ", row * 16) } else { String::new() };
                output.push_str(&format!(
                    "[TRACE some::place] {offset}{} ---- --  ................\n",
                    words.join(" ")
                ));
            }
            let found = sightings(output.as_bytes(), &canaries);
            assert_eq!(found.len(), 1, "{output}");
            assert_eq!(found[0].to_string(), "line 4: it, in a hexadecimal dump", "{output}");
        }
    }

    #[test]
    fn nothing_is_found_where_nothing_is() {
        let output = "test token_request_is_the_documented_one ... ok\n[secret] s3cr et 73 33 63 Sensitive";
        assert_clean("this", output, &Canary::known());
        assert_clean("nothing", "", &Canary::known());
    }
}
