//! The syntax of Content-Formats (RFC 9193, sections 3 and 6).

/// Checks a Content-Format: a number of the registry of CoAP from 0 to 65535, or a media type with parameters and content
/// codings. Returns what is wrong.
pub(crate) fn check(text: &str) -> Result<(), &'static str> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.parse::<u16>() {
            Ok(_) if text == "0" || !text.starts_with('0') => Ok(()),
            Ok(_) => Err("begins with 0: write the number without leading zeros"),
            Err(_) => Err("is beyond 65535: expected a number of the CoAP Content-Formats registry"),
        };
    }
    let mut rest = Rest(text);
    if rest.media_type().is_some()
        && rest.parameters().is_some()
        && rest.codings().is_some()
        && rest.0.is_empty()
    {
        Ok(())
    } else {
        Err("is neither a number nor a media type: expected for example 60 or text/csv@gzip")
    }
}

/// The rest of a text, from which each method takes one part. `None` if the part is not there.
struct Rest<'t>(&'t str);

impl Rest<'_> {
    /// `type "/" subtype`
    fn media_type(&mut self) -> Option<()> {
        self.restricted_name()?;
        self.skip('/')?;
        self.restricted_name()
    }

    /// `*( *SP ";" *SP parameter )`
    fn parameters(&mut self) -> Option<()> {
        loop {
            let before = self.0;
            self.blanks();
            if self.skip(';').is_none() {
                self.0 = before;
                return Some(());
            }
            self.blanks();
            self.token()?;
            self.skip('=')?;
            if self.skip('"').is_some() { self.quoted()? } else { self.token()? }
        }
    }

    /// `*( "@" content-coding )`
    fn codings(&mut self) -> Option<()> {
        while self.skip('@').is_some() {
            self.token()?;
        }
        Some(())
    }

    /// A name of 1 to 127 characters that begins with a letter or a digit (RFC 6838, section 4.2).
    fn restricted_name(&mut self) -> Option<()> {
        self.0.starts_with(|first: char| first.is_ascii_alphanumeric()).then_some(())?;
        let length = self.take(|char| char.is_ascii_alphanumeric() || "!#$&-^_.+".contains(char))?;
        (length <= 127).then_some(())
    }

    fn token(&mut self) -> Option<()> {
        self.take(|char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char)).map(drop)
    }

    /// The rest of a text in quotes, after the first one.
    fn quoted(&mut self) -> Option<()> {
        let mut chars = self.0.char_indices();
        while let Some((index, char)) = chars.next() {
            match char {
                '"' => {
                    self.0 = self.0.get(index + 1..)?;
                    return Some(());
                }
                // An escaped character, as in HTTP (RFC 9110, section 5.6.4).
                '\\' => drop(chars.next().filter(|(_, next)| matches!(next, ' '..='~'))?),
                ' '..='~' => {}
                _ => return None,
            }
        }
        None
    }

    fn blanks(&mut self) {
        self.0 = self.0.trim_start_matches(' ');
    }

    fn skip(&mut self, char: char) -> Option<()> {
        self.0 = self.0.strip_prefix(char)?;
        Some(())
    }

    /// Takes one or more characters, and returns how many they are.
    fn take(&mut self, is_part: impl Fn(char) -> bool) -> Option<usize> {
        let rest = self.0.trim_start_matches(is_part);
        let length = self.0.len() - rest.len();
        self.0 = rest;
        (length > 0).then_some(length)
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn numbers_and_media_types_are_content_formats() {
        let long = format!("a/{}", "b".repeat(127));
        for text in [
            "0",
            "60",
            "65535",
            "application/json",
            "application/json@deflate",
            "text/csv;header=present@gzip",
            "text/plain; charset=utf-8@deflate",
            "text/plain ; a=b;c=\"d; @ \\\" e\"",
            "application/vnd.oma.lwm2m+cbor",
            "text/csv@gzip@br",
            &long,
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        assert!(check("060").unwrap_err().starts_with("begins with 0"));
        assert!(check("00").unwrap_err().starts_with("begins with 0"));
        assert!(check("65536").unwrap_err().starts_with("is beyond 65535"));
        let long = format!("a/{}", "b".repeat(128));
        for text in [
            "",
            " ",
            "-1",
            "6 0",
            "60 ",
            "text",
            "text/",
            "/csv",
            ".a/b",
            "text/csv@",
            "@gzip",
            "text/csv ",
            "text/csv;",
            "text/csv;a",
            "text/csv;a=",
            "text/csv;a=\"b",
            "text/csv;a=\"b\\",
            "text/csv;a=\"\u{e9}\"",
            "text/csv/a",
            "te xt/csv",
            "60@gzip",
            "text/csv@gz ip",
            &long,
        ] {
            assert!(check(text).unwrap_err().starts_with("is neither"), "{text}");
        }
    }
}
