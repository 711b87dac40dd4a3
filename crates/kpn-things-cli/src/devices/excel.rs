//! Cells of a CSV file that Excel opens without changing them.

use std::borrow::Cow;

/// Excel refuses a longer text in a formula.
const LONGEST: usize = 255;

/// Excel reads these words as truth values, in English and in Dutch.
const TRUTHS: [&str; 4] = ["true", "false", "waar", "onwaar"];

/// Excel reads a text that begins with one of these and holds a digit as a date, in English and in Dutch.
const MONTHS: [&str; 16] = [
    "jan", "feb", "mar", "mrt", "maa", "apr", "may", "mei", "jun", "jul", "aug", "sep", "oct", "okt", "nov",
    "dec",
];

/// The cell for a value. Excel would change digits, dates and truth values: these become `="0123"`, which it shows as
/// they are. Excel would run a value that begins like a formula: it gets an apostrophe in front. `is_id` says that the
/// value is a text, whatever it looks like.
pub(crate) fn cell(value: &str, is_id: bool) -> Cow<'_, str> {
    let is_literal = !value.is_empty()
        && value.chars().count() <= LONGEST
        && !value.chars().any(|c| c == '"' || c.is_control())
        && !value.trim_start().starts_with(['=', '@']);
    if is_literal && (is_id || is_converted(value)) {
        Cow::Owned(format!("=\"{value}\""))
    } else if is_formula(value) {
        Cow::Owned(format!("'{value}"))
    } else {
        Cow::Borrowed(value)
    }
}

/// Whether Excel would run the value, or a program that trims it first.
fn is_formula(value: &str) -> bool {
    value.starts_with(['\t', '\r', '\n']) || value.trim_start().starts_with(['=', '+', '-', '@'])
}

/// Whether Excel would read the value as a number, a date, a time or a truth value.
fn is_converted(value: &str) -> bool {
    let value = value.trim().to_lowercase();
    if TRUTHS.contains(&value.as_str()) {
        return true;
    }
    let is_number = value.starts_with(|c: char| c.is_numeric() || "+-.,(%€$£".contains(c))
        && value.chars().all(|c| c.is_alphanumeric() || " +-.,()%€$£:/_".contains(c));
    let is_date = MONTHS.iter().any(|month| value.starts_with(month));
    (is_number || is_date) && value.contains(char::is_numeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_excel_would_convert_becomes_text() {
        for value in [
            "0012345678905",
            "8931440400012345678",
            "12E5",
            "1-2",
            "3/4",
            "3 mei",
            "mei 2024",
            "Jan-24",
            "12:30",
            "+31612345678",
            "-2+3",
            "1,5",
            "€ 5",
            "WAAR",
            "true",
        ] {
            assert_eq!(cell(value, false), format!("=\"{value}\""));
        }
    }

    #[test]
    fn what_begins_like_a_formula_is_marked() {
        for value in [
            "=1+1",
            "=HYPERLINK(\"http://x\")",
            "@SUM(A1:A9)",
            "+cmd|' /C calc'!A0",
            "-x",
            " =1",
            "\t1",
            "\r=1",
            "\n",
        ] {
            assert_eq!(cell(value, false), format!("'{value}"));
        }
    }

    #[test]
    fn ids_are_text_and_other_text_is_unchanged() {
        assert_eq!(cell("a1b2", true), "=\"a1b2\"");
        assert_eq!((cell("", true), cell("", false)), ("".into(), "".into()));
        assert_eq!((cell("=1", true), cell("-\"x\"", true)), ("'=1".into(), "'-\"x\"".into()));
        for value in ["Café Zoë", "Hal 3; rij 4", "Parking 12", "twee\nregels", "{\"iccid\":1}", "maar"] {
            assert_eq!(cell(value, false), value);
        }
        let long = "1".repeat(256);
        assert_eq!(cell(&long, false), long);
    }
}
