//! All mistakes in the JSON of a pack, with their places in the file.

use serde_json::value::RawValue;
use things_senml::Error;

use crate::count::number;

/// The most mistakes that are shown.
const MOST: usize = 20;

/// The message about a pack in which this error was found first. `next` finds the first error of a pack.
pub(super) fn message(
    file: &str,
    bytes: &[u8],
    first: Error,
    next: impl Fn(&[u8]) -> Option<Error>,
) -> String {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let json = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let records: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
    let mut kept: Vec<String> = records.iter().map(|record| record.get().to_owned()).collect();
    let (mut lines, mut error) = (Vec::new(), Some(first));
    while let Some(found) = error.take() {
        let index = found.record().filter(|index| kept.len() > *index);
        let place = index.and_then(|index| place(text, records.get(index)?.get(), found.field()));
        let place = place.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default();
        lines.push(format!("{file}{place}: {found}"));
        let Some(record) = index.and_then(|index| kept.get_mut(index)) else { break };
        if record == NEUTRAL {
            break;
        }
        let bases = neutral(record);
        // Base fields that are wrong themselves would be found again, so they go too.
        *record = if *record == bases { NEUTRAL.to_owned() } else { bases };
        if lines.len() == MOST {
            lines.push(format!("the first {MOST} mistakes are shown"));
            break;
        }
        error = next(format!("[{}]", kept.join(",")).as_bytes()).filter(|error| error.record() >= index);
    }
    let count = lines.len().min(MOST);
    if let [line] = lines.as_slice() {
        return line.clone();
    }
    format!("{file} has {}\n{}", number(count as u64, "mistake"), lines.join("\n"))
}

/// A record in which nothing is wrong.
const NEUTRAL: &str = r#"{"n":"x","vb":true}"#;

/// The base fields of a record, which count for the records behind it, and nothing else that could be wrong.
fn neutral(record: &str) -> String {
    let Ok(fields) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(record) else {
        return NEUTRAL.to_owned();
    };
    let bases = fields.into_iter().filter(|(label, _)| label.starts_with('b'));
    let rest = [("n".to_owned(), "x".into()), ("vb".to_owned(), true.into())];
    serde_json::Value::Object(bases.chain(rest).collect()).to_string()
}

/// Line and column of a record, or of a field in it, both from 1. `record` is a part of `text`.
fn place(text: &str, record: &str, field: Option<&str>) -> Option<(usize, usize)> {
    let start = (record.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    let field = field.and_then(|field| field_at(record, field)).unwrap_or_default();
    let before = text.get(..start + field)?;
    let line = before.matches('\n').count() + 1;
    let column =
        before.rsplit('\n').next().unwrap_or_default().chars().filter(|letter| *letter != '\u{FEFF}').count()
            + 1;
    Some((line, column))
}

/// Where the label of a field begins in a record.
fn field_at(record: &str, field: &str) -> Option<usize> {
    let label = serde_json::to_string(field).ok()?;
    let is_label =
        |at: &usize| record.get(at + label.len()..).is_some_and(|rest| rest.trim_start().starts_with(':'));
    // A label twice: the second one is the mistake.
    record.match_indices(&label).map(|(at, _)| at).filter(is_label).last()
}
