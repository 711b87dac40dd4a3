//! NDJSON: one JSON object per line, with the names of the columns.

use std::fmt;
use std::io::{BufRead, Read as _};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use things_core::{Row, RowColumn};

use super::LONGEST_LINE;
use super::line::{Line, Mistake, Trouble};

/// The rows of an NDJSON file.
pub(super) struct NdjsonRows<R> {
    text: R,
    line: u64,
    bytes: Vec<u8>,
}

impl<R: BufRead> NdjsonRows<R> {
    pub(super) fn new(text: R) -> Self {
        Self { text, line: 0, bytes: Vec::new() }
    }

    /// Returns the next object.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, Trouble> {
        loop {
            self.bytes.clear();
            self.line += 1;
            (&mut self.text).take(LONGEST_LINE as u64 + 1).read_until(b'\n', &mut self.bytes)?;
            if self.bytes.is_empty() {
                return Ok(None);
            }
            if self.bytes.len() > LONGEST_LINE {
                let most = LONGEST_LINE / 1024;
                return Err(Trouble::Wrong(format!("line {} has more than {most} KiB", self.line)));
            }
            if !self.bytes.trim_ascii().is_empty() {
                break;
            }
        }
        let text = std::str::from_utf8(&self.bytes).map_err(|_| Trouble::not_utf_8(self.line))?;
        if self.line == 1 && text.starts_with('[') {
            return Err(Trouble::Wrong(
                "it is a JSON array\nhint: write one object per line (NDJSON), for example with: jq -c '.[]'"
                    .into(),
            ));
        }
        Ok(Some(line(self.line, text)))
    }

    pub(super) fn into_text(self) -> R {
        self.text
    }
}

fn line(number: u64, text: &str) -> Line<'static> {
    if !text.trim_start().starts_with('{') {
        return Line::broken(number, "it is not a JSON object: NDJSON has one object per line");
    }
    let fields = match serde_json::from_str::<Fields<'_>>(text) {
        Ok(Fields(fields)) => fields,
        Err(error) if error.is_eof() => {
            return Line::broken(
                number,
                "the object does not end on this line: NDJSON has one object per line",
            );
        }
        Err(error) => return Line::broken(number, format!("it is not JSON at column {}", error.column())),
    };
    let mut row = Row::new();
    let mut filled: Vec<RowColumn> = Vec::new();
    let mut mistakes = Vec::new();
    for (name, value) in &fields {
        match name.parse::<RowColumn>() {
            Ok(column) if filled.contains(&column) => {
                mistakes.push(wrong(column, "occurs twice in the object: keep one"));
            }
            Ok(column) => {
                filled.push(column);
                let text = text_of(column, value.get());
                row.set(
                    column,
                    text.unwrap_or_else(|why| {
                        mistakes.push(wrong(column, why));
                        // Without its text, the cell would be reported as empty, too.
                        value.get().to_owned()
                    }),
                );
            }
            Err(error) => mistakes.push(Mistake::new(error.to_string())),
        }
    }
    Line { number, row: Some(row), mistakes }
}

/// The text of a value in a cell, or why it cannot be in this column.
fn text_of(column: RowColumn, json: &str) -> Result<String, &'static str> {
    match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str(json).map_err(|_| "has half of a surrogate pair"),
        Some(b'n') => Ok(String::new()),
        Some(b'-' | b'0'..=b'9') if column == RowColumn::Port => Ok(json.to_owned()),
        Some(b'[') if column == RowColumn::Senml => Ok(json.to_owned()),
        Some(b'-' | b'0'..=b'9') => Err("is a number, and must be a text in quotes: a number loses digits"),
        _ if column == RowColumn::Port => Err("is not a number from 1 to 223"),
        Some(b't' | b'f') => Err("is true or false, and must be a text in quotes"),
        Some(b'[') => Err("is an array, and must be a text in quotes"),
        _ => match column {
            RowColumn::Senml => Err("is an object, and must be an array of SenML records"),
            _ => Err("is an object, and must be a text in quotes"),
        },
    }
}

fn wrong(column: RowColumn, why: &str) -> Mistake {
    Mistake { column: Some(column), message: format!("{column}: {why}"), hint: None }
}

/// The members of an object in their order, also those with the same name. Their values are kept as text.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = members.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}
