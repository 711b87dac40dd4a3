//! `User-Agent = product *( RWS ( product / comment ) )`, `product = token [ "/" token ]` (RFC 9110, section 10.1.5).

/// Checks a list of products and comments. The error is a clause that follows the name.
pub(super) fn check(text: &str) -> Result<(), String> {
    const EXAMPLE: &str = "expected a product and its version, such as my-app/1.2";
    if text.is_empty() {
        return Err(format!("is empty: {EXAMPLE}"));
    }
    let mut rest = text;
    loop {
        rest = match rest.strip_prefix('(') {
            // The first item must be a product, because it names the program.
            Some(_) if rest.len() == text.len() => return Err(format!("starts with a comment: {EXAMPLE}")),
            Some(comment) => {
                let (inside, rest) = comment.split_once(')').ok_or("has a comment without its ')'")?;
                let plain =
                    |char: char| char == ' ' || char.is_ascii_graphic() && !matches!(char, '(' | '\\');
                if !inside.chars().all(plain) {
                    return Err(
                        "has a comment with '(', '\\' or a character that is not visible ASCII".into()
                    );
                }
                rest
            }
            None => {
                let (product, rest) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
                let (name, version) = product.split_once('/').unwrap_or((product, "0"));
                if !is_token(name) || !is_token(version) {
                    return Err(format!("is not a list of products: {EXAMPLE}"));
                }
                rest
            }
        };
        if rest.is_empty() {
            return Ok(());
        }
        rest = rest.strip_prefix(' ').ok_or("has no space after a comment")?;
    }
}

/// Whether a text is a `token` (RFC 9110, section 5.6.2).
fn is_token(text: &str) -> bool {
    let char = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_and_comments_are_taken() {
        for good in ["my-app", "my-app/1.2", "my-app/1.2 lib/3", "my-app/1.2 (+https://example.com; x) lib/3"]
        {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_is_no_list_of_products_is_refused() {
        for (bad, why) in [
            ("", "is empty"),
            (" a", "not a list of products"),
            ("a ", "not a list of products"),
            ("a  b", "not a list of products"),
            ("a/", "not a list of products"),
            ("/1", "not a list of products"),
            ("a/1/2", "not a list of products"),
            ("a\r\nb: c", "not a list of products"),
            ("é/1", "not a list of products"),
            ("my app, the best", "not a list of products"),
            ("(comment)", "starts with a comment"),
            ("a (b", "without its ')'"),
            ("a (b(c)", "a comment with"),
            ("a (\r)", "a comment with"),
            ("a (b)c", "no space after"),
        ] {
            let found = check(bad).unwrap_err();
            assert!(found.contains(why), "{bad:?}: {found}");
        }
    }
}
