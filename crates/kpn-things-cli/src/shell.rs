//! Words for a POSIX shell.

/// The text as one word that the shell takes for exactly this text.
pub(crate) fn word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:,@%+=".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    quoted(text)
}

/// The text in single quotes, in which nothing is special but the quote itself.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Returns the text as one word. Each of these variables that is written as `$NAME` is replaced by `expansion` of its
/// name.
pub(crate) fn word_with(text: &str, variables: &[&str], expansion: impl Fn(&str) -> String) -> String {
    let found = variables.iter().find_map(|name| Some((text.split_once(&format!("${name}"))?, name)));
    match found {
        None => word(text),
        Some(((before, after), name)) => {
            let side = |text: &str| match text {
                "" => String::new(),
                text => word_with(text, variables, &expansion as &dyn Fn(&str) -> String),
            };
            format!("{}\"{}\"{}", side(before), expansion(name), side(after))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_stay_and_others_are_quoted() {
        assert_eq!(word("https://api.kpnthings.com/api/devices"), "https://api.kpnthings.com/api/devices");
        for (text, expected) in [
            ("", "''"),
            ("a b", "'a b'"),
            ("$x", "'$x'"),
            ("it's", r"'it'\''s'"),
            ("a&b", "'a&b'"),
            ("~", "'~'"),
        ] {
            assert_eq!(word(text), expected);
        }
    }

    #[test]
    fn variables_are_left_to_the_shell() {
        let expand = |text| word_with(text, &["A", "B"], |name| format!("${name}"));
        assert_eq!(expand("x=$A"), "x=\"$A\"");
        assert_eq!(expand("{$B}$A!"), "'{'\"$B\"'}'\"$A\"'!'");
        assert_eq!(expand("$C"), "'$C'");
    }
}
