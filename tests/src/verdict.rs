//! Compares what came with what was expected.

use std::iter;
use std::time::Duration;

use serde_json::Value;

use crate::Failure;
use crate::outcome::{Outcome, ms};
use crate::scenario::{Call, ExpectedRequest, ExpectedRequests, Scenario};
use crate::script::{Script, Seen};

/// Collects what differs, and at the end says all of it.
pub(crate) struct Verdict<'a> {
    scenario: &'a Scenario,
    differences: Vec<String>,
}

impl<'a> Verdict<'a> {
    pub(crate) fn new(scenario: &'a Scenario) -> Self {
        Self { scenario, differences: Vec::new() }
    }

    /// Compares what came of a call.
    pub(crate) fn outcome(&mut self, call: &Call, outcome: &Outcome, took: Duration) {
        let name = format!("{:?}", call.action);
        if took < ms(call.at_least_ms) {
            self.add(format!("{name}: took {took:?}, less than {} ms", call.at_least_ms));
        }
        match (outcome, &call.ok, &call.error) {
            (Ok(fields), Some(expected), None) => self.compare(&name, expected, fields),
            (Err(fields), None, Some(expected)) => self.failure(&name, expected, fields),
            (_, None, None) | (_, Some(_), Some(_)) => {
                self.add(format!("{name}: expected either \"ok\" or \"error\""));
            }
            (Ok(fields), ..) => self.add(format!("{name}: an error was expected and this came: {fields}")),
            (Err(fields), ..) => self.add(format!("{name}: failed: {fields}")),
        }
    }

    /// Compares the error of making the client; gives whether there was to be one.
    pub(crate) fn client(&mut self, error: Option<&Value>) -> bool {
        match (error, &self.scenario.client_error) {
            (Some(fields), Some(expected)) => self.failure("client", expected, fields),
            (None, Some(_)) => self.add("client: an error was expected".into()),
            (Some(fields), None) => self.add(format!("client: {fields}")),
            (None, None) => return false,
        }
        true
    }

    /// Something that must not be.
    pub(crate) fn add(&mut self, difference: String) {
        self.differences.push(difference);
    }

    /// Compares the requests, and gives the verdict.
    pub(crate) fn end(mut self, script: &Script) -> Result<(), Failure> {
        let seen = script.seen();
        for request in seen.iter().filter(|request| !request.scripted) {
            self.add(format!("not in the script: {} {}", request.method, request.target));
        }
        self.requests(&seen);
        self.differences.extend(script.unused().into_iter().map(|unused| format!("not asked for: {unused}")));
        if self.differences.is_empty() {
            return Ok(());
        }
        let requests: String =
            seen.iter().enumerate().map(|(nth, request)| format!("  {}. {request}\n", nth + 1)).collect();
        Err(Failure::new(format!(
            "{}\n  {}\n\nwhat differed:\n  {}\n\n{} requests seen:\n{requests}",
            self.scenario.name,
            self.scenario.what,
            self.differences.join("\n  "),
            seen.len(),
        )))
    }

    fn failure(&mut self, name: &str, expected: &Value, fields: &Value) {
        if fields.get("leaks") != Some(&Value::Bool(false)) {
            self.add(format!("{name}: the error shows a secret: {fields}"));
        }
        let mut expected = expected.clone();
        let contains = expected.as_object_mut().and_then(|expected| expected.remove("contains"));
        let text = fields.get("text").and_then(Value::as_str).unwrap_or_default();
        let parts = match &contains {
            Some(Value::Array(parts)) => parts.as_slice(),
            part => part.as_slice(),
        };
        for part in parts.iter().filter_map(Value::as_str).filter(|part| !text.contains(part)) {
            self.add(format!("{name}: {part:?} is not in {text:?}"));
        }
        self.compare(name, &expected, fields);
    }

    /// Every field that is named must be there and equal; a list must have the same length.
    fn compare(&mut self, at: &str, expected: &Value, found: &Value) {
        match (expected, found) {
            (Value::Object(expected), Value::Object(found)) => {
                for (name, expected) in expected {
                    self.compare(&format!("{at}.{name}"), expected, found.get(name).unwrap_or(&Value::Null));
                }
            }
            (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
                for (place, (expected, found)) in expected.iter().zip(found).enumerate() {
                    self.compare(&format!("{at}[{place}]"), expected, found);
                }
            }
            (Value::String(expected), Value::String(found)) if text_fits(expected, found) => {}
            _ if expected == found => {}
            _ => self.add(format!("{at}: expected {expected}, found {found}")),
        }
    }

    fn requests(&mut self, seen: &[Seen]) {
        let mut left: Vec<&Seen> = seen.iter().collect();
        let scenario = self.scenario;
        for expected in &scenario.requests {
            match expected {
                ExpectedRequests::InOrder(expected) => self.take(iter::once(expected), &mut left),
                ExpectedRequests::Unordered(block) => self.take(block.unordered.iter(), &mut left),
            }
        }
        for request in left {
            self.add(format!("not expected: {} {}", request.method, request.target));
        }
    }

    /// Takes expected requests out of the first of those left, as many as there are, in any order.
    fn take<'e>(&mut self, expected: impl Iterator<Item = &'e ExpectedRequest>, left: &mut Vec<&Seen>) {
        let expected: Vec<_> =
            expected.flat_map(|expected| iter::repeat_n(expected, expected.times.unwrap_or(1))).collect();
        let mut block: Vec<_> = left.drain(..expected.len().min(left.len())).collect();
        for expected in expected {
            match block.iter().position(|request| mismatch(expected, request).is_none()) {
                Some(place) => {
                    block.remove(place);
                }
                None => {
                    let why = block.first().and_then(|request| mismatch(expected, request));
                    let why = why.unwrap_or_else(|| "nothing came".into());
                    self.add(format!("expected {}: {why}", expected.request));
                }
            }
        }
        for request in block {
            self.add(format!("not expected here: {} {}", request.method, request.target));
        }
    }
}

/// Whether a text is the expected one, in which `{uuid7}` stands for any UUID of version 7.
fn text_fits(expected: &str, found: &str) -> bool {
    let Some((before, after)) = expected.split_once("{uuid7}") else { return expected == found };
    let uuid = found.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    uuid.is_some_and(is_uuid7)
}

fn is_uuid7(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(place, char)| match place {
            8 | 13 | 18 | 23 => char == '-',
            14 => char == '7',
            19 => "89ab".contains(char),
            _ => matches!(char, '0'..='9' | 'a'..='f'),
        })
}

/// Why a request is not the expected one.
fn mismatch(expected: &ExpectedRequest, request: &Seen) -> Option<String> {
    let asked = format!("{} {}", request.method, request.target);
    if !text_fits(&expected.request, &asked) {
        return Some(format!("{asked} came"));
    }
    for (name, value) in &expected.headers {
        let found = request.header(name);
        if found != value.as_deref() {
            return Some(format!("{name} is {found:?} and not {value:?}"));
        }
    }
    let json = expected.json.as_ref()?;
    let found = serde_json::from_slice::<Value>(&request.body).unwrap_or_default();
    (*json != found).then(|| format!("its body is {found} and not {json}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_stands_for_a_uuid_of_version_7_and_nothing_else() {
        let uuid = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
        assert!(text_fits("{uuid7}", uuid) && text_fits("a={uuid7}&b", &format!("a={uuid}&b")));
        for other in [
            "valve-42",
            "{uuid7}",
            "017f22e2-79b0-4cc3-98c4-dc0c0c07398f",
            "017f22e2-79b0-7cc3-c8c4-dc0c0c07398f",
            "017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
            "017f22e2a79b0-7cc3-98c4-dc0c0c07398f",
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        ] {
            assert!(!text_fits("{uuid7}", other), "{other}");
        }
        assert!(!text_fits("a={uuid7}", uuid) && !text_fits("{uuid7}&b", uuid));
    }
}
