//! Detects artefacts of copying in a value: quotes, spaces, invisible characters, placeholders that nobody replaced.

/// Describes the flaw in a text that a user copied, as a clause that follows its name. Never shows the text.
///
/// No id, secret or address of KPN can contain any of these, so the text is rejected here instead of by the service.
pub(super) fn flaw(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("is empty".into());
    }
    if text.ends_with(['\n', '\r']) {
        return Some("ends in a line break: was it read from a file with its last line end?".into());
    }
    if let Some((at, char)) = find(text, |char| unseen(char).is_some()) {
        let name = unseen(char).unwrap_or_default();
        return Some(format!(
            "has {name} (U+{:04X}) at position {at}, which cannot be seen: type the value",
            char as u32
        ));
    }
    if text.trim() != text {
        let end = if text.starts_with(char::is_whitespace) { "starts with" } else { "ends in" };
        return Some(format!("{end} a space: remove it"));
    }
    if let Some((at, char)) = find(text, |char| lookalike(char).is_some()) {
        let (name, meant) = lookalike(char).unwrap_or_default();
        return Some(format!(
            "has {name} (U+{:04X}) at position {at}, which a word processor inserts instead of {meant}: type the value",
            char as u32
        ));
    }
    if let Some(quote) = quoted(text) {
        return Some(format!(
            "is in quotes ({quote}...{quote}): remove them, `docker --env-file` and some editors keep them"
        ));
    }
    placeholder(text).map(|kind| format!("is a placeholder ({kind}): put the value in its place"))
}

/// Returns the placeholder that makes up the whole text, as written.
fn placeholder(text: &str) -> Option<&'static str> {
    if text == "\u{2026}" || (text.len() > 2 && text.bytes().all(|byte| byte == b'.')) {
        return Some("...");
    }
    if is_yours(text) {
        return Some("your-...");
    }
    [("<", ">", "<...>"), ("${", "}", "${...}"), ("{{", "}}", "{{...}}")]
        .into_iter()
        .find(|(start, end, _)| text.starts_with(start) && text.ends_with(end))
        .map(|(_, _, kind)| kind)
}

/// Whether the text is of the form `your-key-id` or `YOUR_SECRET`: words of letters, of which the first is "your".
fn is_yours(text: &str) -> bool {
    let mut words = text.split(['-', '_', ' ']);
    let letters = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    words.next().is_some_and(|word| word.eq_ignore_ascii_case("your"))
        && words.clone().next().is_some()
        && words.all(letters)
}

/// Returns the placeholder that occurs in a text, as written.
pub(super) fn placeholder_within(text: &str) -> Option<&'static str> {
    [("<", ">", "<...>"), ("${", "}", "${...}"), ("{{", "}}", "{{...}}")]
        .into_iter()
        .find(|(start, end, _)| text.split_once(start).is_some_and(|(_, rest)| rest.contains(end)))
        .map(|(_, _, kind)| kind)
}

/// Returns the quotes around a text.
fn quoted(text: &str) -> Option<char> {
    let quote = text.chars().next().filter(|char| matches!(char, '"' | '\'' | '`'))?;
    (text.len() > 1 && text.ends_with(quote)).then_some(quote)
}

fn find(text: &str, wrong: impl Fn(char) -> bool) -> Option<(usize, char)> {
    text.chars().enumerate().find(|(_, char)| wrong(*char)).map(|(place, char)| (place + 1, char))
}

/// Returns the name of an invisible character: control and format characters (Unicode categories Cc and Cf), and every
/// space except the ordinary one.
fn unseen(char: char) -> Option<&'static str> {
    Some(match char {
        '\t' => "a tab",
        '\n' | '\r' => "a line break",
        '\u{AD}' => "a soft hyphen",
        '\u{200B}' => "a zero-width space",
        '\u{200C}' | '\u{200D}' | '\u{2060}' => "a zero-width joiner",
        '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => "a direction mark",
        '\u{FEFF}' => "a byte order mark",
        '\u{A0}' | '\u{202F}' | '\u{2007}' => "a no-break space",
        '\u{600}'..='\u{605}'
        | '\u{61C}'
        | '\u{6DD}'
        | '\u{70F}'
        | '\u{890}'..='\u{891}'
        | '\u{8E2}'
        | '\u{180E}'
        | '\u{2061}'..='\u{2064}'
        | '\u{206A}'..='\u{206F}'
        | '\u{FFF9}'..='\u{FFFB}'
        | '\u{110BD}'
        | '\u{110CD}'
        | '\u{13430}'..='\u{1343F}'
        | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0001}'
        | '\u{E0020}'..='\u{E007F}' => "a format character",
        char if char.is_control() => "a control character",
        char if char.is_whitespace() && char != ' ' => "an unusual space",
        _ => return None,
    })
}

/// Returns the name of a character that word processors substitute for another one, and that other one.
fn lookalike(char: char) -> Option<(&'static str, &'static str)> {
    Some(match char {
        '\u{2010}' | '\u{2011}' => ("a typographic hyphen", "'-'"),
        '\u{2012}'..='\u{2015}' | '\u{2212}' => ("a dash", "'-'"),
        '\u{2018}'..='\u{201B}' => ("a typographic quote", "'"),
        '\u{201C}'..='\u{201F}' => ("a typographic quote", "\""),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_copying_leaves_is_named_with_its_place() {
        for (text, told) in [
            ("", "is empty"),
            ("key\n", "ends in a line break"),
            ("key\r", "ends in a line break"),
            ("k\ney", "has a line break (U+000A) at position 2"),
            ("k\tey", "has a tab (U+0009) at position 2"),
            ("k\0ey", "has a control character (U+0000) at position 2"),
            (" key", "starts with a space"),
            ("key ", "ends in a space"),
            ("key\u{A0}", "has a no-break space (U+00A0) at position 4"),
            ("\u{200B}key", "has a zero-width space (U+200B) at position 1"),
            ("é\u{AD}key", "has a soft hyphen (U+00AD) at position 2"),
            ("\u{FEFF}key", "has a byte order mark (U+FEFF) at position 1"),
            ("k\u{202E}ey", "has a direction mark (U+202E)"),
            ("k\u{3000}ey", "has an unusual space (U+3000)"),
            ("k\u{E0061}ey", "has a format character (U+E0061)"),
            ("k\u{2011}ey", "has a typographic hyphen (U+2011) at position 2"),
            ("k\u{2013}ey", "has a dash (U+2013) at position 2"),
            ("\u{201C}key\u{201D}", "has a typographic quote (U+201C) at position 1"),
            ("\"key\"", "is in quotes (\"...\")"),
            ("'key'", "is in quotes ('...')"),
            ("`key`", "is in quotes"),
            ("<your key>", "is a placeholder (<...>)"),
            ("${KEY}", "is a placeholder (${...})"),
            ("{{keyId}}", "is a placeholder ({{...}})"),
            ("...", "is a placeholder (...)"),
            ("\u{2026}", "is a placeholder (...)"),
            ("your-secret", "is a placeholder (your-...)"),
            ("YOUR_TENANT_ID", "is a placeholder (your-...)"),
        ] {
            let flaw = flaw(text).unwrap_or_default();
            assert!(flaw.starts_with(told), "{text:?}: {flaw}");
            assert!(!flaw.contains("key") && !flaw.contains("KEY"), "{flaw}");
        }
    }

    #[test]
    fn what_a_secret_may_hold_is_left_alone() {
        for good in [
            "s3cr/et+=&%\"é",
            "a b",
            "\"",
            "'",
            "a\"b\"c",
            "\"ab'",
            "<",
            "a<b>",
            "$a{b}",
            "${a",
            "x{{y}}",
            "your",
            "yourtown",
            "your-4711",
        ] {
            assert_eq!(flaw(good), None, "{good:?}");
        }
    }

    #[test]
    fn a_placeholder_is_found_within_an_address() {
        for (text, kind) in [
            ("https://${HOST}/x", Some("${...}")),
            ("{{baseUrl}}/api", Some("{{...}}")),
            ("https://<host>", Some("<...>")),
            ("https://a.example", None),
        ] {
            assert_eq!(placeholder_within(text), kind);
        }
    }

    const ZERO_WIDTH_SPACE: char = '\u{200B}';

    proptest! {
        #[test]
        fn what_has_no_flaw_is_seen_as_it_is(text in "\\PC{0,20}") {
            if flaw(&text).is_none() {
                prop_assert!(!text.is_empty() && text.trim() == text);
                let seen = |char: char| !char.is_control() && char != ZERO_WIDTH_SPACE;
                prop_assert!(text.chars().all(seen));
            }
        }
    }
}
