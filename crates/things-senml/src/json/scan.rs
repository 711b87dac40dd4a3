//! Splits valid JSON into its parts without parsing them.

/// Returns the text without the blanks between its parts.
pub(crate) fn compact(json: &str) -> String {
    let mut compact = String::with_capacity(json.len());
    let mut place = Place::default();
    for char in json.chars() {
        if place.string || !matches!(char, ' ' | '\t' | '\n' | '\r') {
            compact.push(char);
        }
        place.pass(char);
    }
    compact
}

/// Returns the maximum nesting of arrays and objects.
pub(crate) fn depth(json: &str) -> usize {
    let mut place = Place::default();
    let depths = json.chars().map(|char| {
        place.pass(char);
        place.depth
    });
    depths.max().unwrap_or_default()
}

/// Returns the items of an array, or the members of an object, from JSON without blanks.
pub(crate) fn items(json: &str) -> Items<'_> {
    let inside = json.get(1..json.len().saturating_sub(1)).unwrap_or_default();
    Items((!inside.is_empty()).then_some(inside))
}

/// The iterator that [`items`] returns.
#[derive(Debug, Clone)]
pub(crate) struct Items<'a>(Option<&'a str>);

impl<'a> Iterator for Items<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let (item, rest) = split(self.0?, ',');
        self.0 = rest;
        Some(item)
    }
}

/// Returns the key and the value of a member of an object.
pub(crate) fn member(json: &str) -> (&str, &str) {
    let (key, value) = split(json, ':');
    (key, value.unwrap_or_default())
}

/// Whether a string escapes half of a surrogate pair. Two halves in a row are one character.
pub(crate) fn has_half_surrogate(json: &str) -> bool {
    let mut rest = json;
    let mut high = false;
    while let Some((before, escape)) = rest.split_once('\\') {
        let digits = escape.strip_prefix('u').and_then(|digits| digits.get(..4));
        let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let low = matches!(unit, Some(0xDC00..=0xDFFF));
        if high != (low && before.is_empty()) || low && !high {
            return true;
        }
        high = matches!(unit, Some(0xD800..=0xDBFF));
        rest = escape.get(if unit.is_some() { 5 } else { 1 }..).unwrap_or_default();
    }
    high
}

/// Splits at a character that is on the top level and not in a string.
fn split(json: &str, separator: char) -> (&str, Option<&str>) {
    let mut place = Place::default();
    for (at, char) in json.char_indices() {
        if char == separator && place.depth == 0 && !place.string {
            let rest = json.get(at + separator.len_utf8()..);
            return (json.get(..at).unwrap_or_default(), rest);
        }
        place.pass(char);
    }
    (json, None)
}

/// The state of a scan within the JSON.
#[derive(Default)]
struct Place {
    depth: usize,
    string: bool,
    escaped: bool,
}

impl Place {
    fn pass(&mut self, char: char) {
        if self.escaped {
            self.escaped = false;
            return;
        }
        match (self.string, char) {
            (true, '\\') => self.escaped = true,
            (_, '"') => self.string = !self.string,
            (false, '[' | '{') => self.depth += 1,
            (false, ']' | '}') => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_go_but_not_those_in_strings() {
        assert_eq!(compact(" [ { \"a b\\\" \" :\t1.0 } ,\r\n2 ] "), r#"[{"a b\" ":1.0},2]"#);
    }

    #[test]
    fn items_and_members_are_split_at_the_top_level() {
        let items = |json| items(json).collect::<Vec<_>>();
        assert_eq!(items("[]"), [""; 0]);
        assert_eq!(items("{}"), [""; 0]);
        assert_eq!(items("[1]"), ["1"]);
        assert_eq!(items(r#"[{"a":[1,2]},"x,\"]",[],3]"#), [r#"{"a":[1,2]}"#, r#""x,\"]""#, "[]", "3"]);
        assert_eq!(items(r#"{"a,":{"b":1},"c":2}"#), [r#""a,":{"b":1}"#, r#""c":2"#]);
        assert_eq!(member(r#""a:\"":{"b":1}"#), (r#""a:\"""#, r#"{"b":1}"#));
    }

    #[test]
    fn depth_counts_levels_and_not_brackets() {
        for (json, levels) in [("1", 0), ("[[],[[]]]", 3), (r#"{"[[":"]"}"#, 1), (r#"["\"[[",{}]"#, 2)] {
            assert_eq!(depth(json), levels, "{json}");
        }
    }

    #[test]
    fn half_surrogates_are_found() {
        for json in [
            r#""\ud800""#,
            r#""\uDFFF""#,
            r#""\ud83d \ude00""#,
            r#""\ud83d\n\ude00""#,
            r#""\ud83d\ud83d\ude00""#,
            r#""\ude00\ud83d""#,
            r#"["\ud83d","\ude00"]"#,
            r#"{"\udc00":1}"#,
            r#""\\\ud800""#,
            r#""\ud83d\ude00\ude00""#,
        ] {
            assert!(has_half_surrogate(json), "{json}");
        }
        for json in
            [r#""😀""#, r#""\ud83d\ude00""#, r#""\uD83D\uDE00\ud83d\ude00""#, r#""\\ud800""#, r#""\u00e9\"""#]
        {
            assert!(!has_half_surrogate(json), "{json}");
        }
    }
}
