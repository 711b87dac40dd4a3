//! Several labelled secrets, and the file that they are kept in.

use std::fmt;

use crate::secret::{Label, LabelledSecret, Secret};

/// At least one labelled secret, all with different labels: for example an active one and a retiring one.
#[derive(Debug, Clone)]
pub struct Secrets(Vec<LabelledSecret>);

impl Secrets {
    /// Most secrets of one file. Each is tried for each message.
    pub const MAX: usize = 64;

    /// Creates a set of one secret with the label `secret-1`.
    pub fn one(secret: Secret) -> Self {
        Self(vec![LabelledSecret { label: unlabelled(1), secret }])
    }

    /// Creates a set of labelled secrets.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no secret, if there are more than [`MAX`](Self::MAX), or if two have the same label or
    /// the same text. The line in the error is the number of the secret, from 1.
    pub fn new(secrets: impl IntoIterator<Item = LabelledSecret>) -> Result<Self, SecretsError> {
        let mut file = File::default();
        for (index, secret) in secrets.into_iter().enumerate() {
            file.add(index + 1, secret)?;
        }
        file.finish()
    }

    /// Reads a secret file.
    ///
    /// Each line is a secret. A line that begins with `label=` has a label: 1 to 32 lower-case letters, digits, `-` and `_`.
    /// Any other line is a secret as a whole, with the label `secret-1`, `secret-2` and so on. Blank lines and lines that
    /// begin with `#` are skipped, and so is a byte order mark. A secret that begins with `#`, or that looks as if it
    /// had a label, needs a label.
    ///
    /// ```
    /// use things_uplink::Secrets;
    ///
    /// let secrets = Secrets::parse("# rotated every quarter\nactive=MYKEY2\nretiring=MYKEY1\n")?;
    /// assert_eq!(secrets.labels().collect::<Vec<_>>(), ["active", "retiring"]);
    /// # Ok::<(), things_uplink::SecretsError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error with the number of the line if a secret is empty, too long, begins or ends with a blank, or is not
    /// UTF-8, if two secrets have the same label or the same text, if there are more than [`MAX`](Self::MAX), or if there is
    /// none. The error never contains the text of a line.
    pub fn parse(file: impl AsRef<[u8]>) -> Result<Self, SecretsError> {
        let text = file.as_ref();
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut file = File::default();
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let number = index + 1;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let line = std::str::from_utf8(line)
                .ok()
                .filter(|line| !line.contains('\0'))
                .ok_or(SecretsError::new(number, SecretsErrorKind::NotUtf8))?;
            if !line.starts_with('#') && !line.trim().is_empty() {
                file.line(number, line)?;
            }
        }
        file.finish()
    }

    /// The labels, in the order of the secrets.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|secret| secret.label.as_str())
    }

    /// The secrets with their labels.
    pub fn iter(&self) -> std::slice::Iter<'_, LabelledSecret> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Secrets {
    type Item = &'a LabelledSecret;
    type IntoIter = std::slice::Iter<'a, LabelledSecret>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What is wrong in a secret file, and in which line. It never contains the text of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretsError {
    line: usize,
    kind: SecretsErrorKind,
}

/// The kind of a [`SecretsError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretsErrorKind {
    /// There is no secret.
    None,
    /// There are more secrets than [`Secrets::MAX`].
    TooMany,
    /// A line has a label and no secret.
    EmptySecret,
    /// A secret is longer than [`Secret::MAX_BYTES`].
    TooLong,
    /// A secret begins or ends with a blank.
    Blank,
    /// A line is not UTF-8 text.
    NotUtf8,
    /// The label of the secret is in an earlier line too.
    SameLabel {
        /// The number of the earlier line, from 1.
        earlier: usize,
    },
    /// The secret is in an earlier line too.
    SameSecret {
        /// The number of the earlier line, from 1.
        earlier: usize,
    },
}

impl SecretsError {
    fn new(line: usize, kind: SecretsErrorKind) -> Self {
        Self { line, kind }
    }

    /// The number of the line, from 1. 0 if the error is about the whole file.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The kind of the error, to match on.
    pub fn kind(&self) -> SecretsErrorKind {
        self.kind
    }
}

impl fmt::Display for SecretsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line;
        match self.kind {
            SecretsErrorKind::None => {
                f.write_str("the secret file has no secret: write one per line, as SECRET or label=SECRET")
            }
            SecretsErrorKind::TooMany => {
                write!(
                    f,
                    "line {line} of the secret file is one secret too many: at most {} are allowed",
                    Secrets::MAX
                )
            }
            SecretsErrorKind::EmptySecret => {
                write!(f, "line {line} of the secret file has a label and no secret: write label=SECRET")
            }
            SecretsErrorKind::TooLong => write!(
                f,
                "line {line} of the secret file has a secret that is too long: at most {} bytes are allowed",
                Secret::MAX_BYTES
            ),
            SecretsErrorKind::Blank => write!(
                f,
                "line {line} of the secret file has a secret that begins or ends with a blank: remove the blank"
            ),
            SecretsErrorKind::NotUtf8 => {
                write!(f, "line {line} of the secret file is not UTF-8 text: save the file as UTF-8")
            }
            SecretsErrorKind::SameLabel { earlier } => {
                write!(
                    f,
                    "line {line} of the secret file has the same label as line {earlier}: rename one of them"
                )
            }
            SecretsErrorKind::SameSecret { earlier } => {
                write!(
                    f,
                    "line {line} of the secret file has the same secret as line {earlier}: remove one of them"
                )
            }
        }
    }
}

impl std::error::Error for SecretsError {}

/// A secret file while it is read.
#[derive(Default)]
struct File {
    secrets: Vec<LabelledSecret>,
    lines: Vec<usize>,
    unlabelled: usize,
}

impl File {
    fn line(&mut self, number: usize, line: &str) -> Result<(), SecretsError> {
        let labelled = line
            .split_once('=')
            .and_then(|(label, secret)| Label::new(label).ok().map(|label| (label, secret)));
        let (label, secret) = labelled.unwrap_or_else(|| {
            self.unlabelled += 1;
            (unlabelled(self.unlabelled), line)
        });
        let fails = |kind| Err(SecretsError::new(number, kind));
        if secret.trim().is_empty() {
            return fails(SecretsErrorKind::EmptySecret);
        }
        if secret.trim() != secret {
            return fails(SecretsErrorKind::Blank);
        }
        // It is not empty, so it can only be too long.
        let Ok(secret) = Secret::new(secret) else { return fails(SecretsErrorKind::TooLong) };
        self.add(number, LabelledSecret { label, secret })
    }

    fn add(&mut self, line: usize, added: LabelledSecret) -> Result<(), SecretsError> {
        if self.secrets.len() == Secrets::MAX {
            return Err(SecretsError::new(line, SecretsErrorKind::TooMany));
        }
        for (secret, &earlier) in self.secrets.iter().zip(&self.lines) {
            if secret.label == added.label {
                return Err(SecretsError::new(line, SecretsErrorKind::SameLabel { earlier }));
            }
            if secret.secret.expose() == added.secret.expose() {
                return Err(SecretsError::new(line, SecretsErrorKind::SameSecret { earlier }));
            }
        }
        self.secrets.push(added);
        self.lines.push(line);
        Ok(())
    }

    fn finish(self) -> Result<Secrets, SecretsError> {
        match self.secrets {
            secrets if secrets.is_empty() => Err(SecretsError::new(0, SecretsErrorKind::None)),
            secrets => Ok(Secrets(secrets)),
        }
    }
}

/// The label of the secret with this number among those without a label.
#[expect(clippy::expect_used)]
fn unlabelled(number: usize) -> Label {
    Label::new(format!("secret-{number}")).expect("7 characters and a number of at most 20 digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str) -> Vec<(String, String)> {
        let secrets = Secrets::parse(file).unwrap();
        let text = |secret: &Secret| String::from_utf8(secret.expose().to_vec()).unwrap();
        secrets.iter().map(|one| (one.label.to_string(), text(&one.secret))).collect()
    }

    fn pair(label: &str, secret: &str) -> (String, String) {
        (label.into(), secret.into())
    }

    #[test]
    fn lines_are_secrets_with_or_without_a_label() {
        let file = "\u{feff}# comment\r\nactive=MYKEY2\r\n\n   \nMYKEY1\nA=b\nretiring==x=#\nplain with blanks\n#x=1";
        let expected = [
            pair("active", "MYKEY2"),
            pair("secret-1", "MYKEY1"),
            pair("secret-2", "A=b"),
            pair("retiring", "=x=#"),
            pair("secret-3", "plain with blanks"),
        ];
        assert_eq!(read(file), expected);
    }

    #[test]
    fn a_label_that_is_too_long_is_part_of_the_secret() {
        let line = format!("{}=x", "a".repeat(33));
        assert_eq!(read(&line), [pair("secret-1", &line)]);
        let line = format!("{}=x", "a".repeat(32));
        assert_eq!(read(&line), [pair(&"a".repeat(32), "x")]);
    }

    #[test]
    fn errors_name_the_line_and_never_show_it() {
        let long = format!("# a\nactive={}", "hunter2".repeat(150));
        let many: String = (0..65).map(|number| format!("hunter2{number}\n")).collect();
        for (file, line, kind) in [
            ("", 0, SecretsErrorKind::None),
            ("\u{feff}\n# hunter2\n\n", 0, SecretsErrorKind::None),
            ("\nactive=", 2, SecretsErrorKind::EmptySecret),
            ("\nactive=  ", 2, SecretsErrorKind::EmptySecret),
            (&long, 2, SecretsErrorKind::TooLong),
            ("active=hunter2 ", 1, SecretsErrorKind::Blank),
            ("\thunter2", 1, SecretsErrorKind::Blank),
            ("active= hunter2", 1, SecretsErrorKind::Blank),
            ("hunter2\0", 1, SecretsErrorKind::NotUtf8),
            ("active=hunter2\n\nactive=hunter3", 3, SecretsErrorKind::SameLabel { earlier: 1 }),
            ("hunter2\nsecret-1=hunter3", 2, SecretsErrorKind::SameLabel { earlier: 1 }),
            ("\nhunter2\nactive=hunter2", 3, SecretsErrorKind::SameSecret { earlier: 2 }),
            (&many, 65, SecretsErrorKind::TooMany),
        ] {
            let error = Secrets::parse(file).unwrap_err();
            assert_eq!((error.line(), error.kind()), (line, kind), "{file:?}");
            let text = format!("{error} {error:?}");
            assert!(
                !text.contains("hunter") && (line == 0 || text.contains(&format!("line {line} "))),
                "{text}"
            );
        }
        let error = Secrets::parse(b"a=1\n\xff\xfea").unwrap_err();
        assert_eq!((error.line(), error.kind()), (2, SecretsErrorKind::NotUtf8));
    }

    #[test]
    fn a_set_made_in_code_has_the_rules_of_a_file() {
        let secret = |label: &str, text: &str| LabelledSecret {
            label: Label::new(label).unwrap(),
            secret: Secret::new(text).unwrap(),
        };
        let error = Secrets::new([secret("a", "1"), secret("a", "2")]).unwrap_err();
        assert_eq!(error.kind(), SecretsErrorKind::SameLabel { earlier: 1 });
        assert_eq!(Secrets::new([]).unwrap_err().kind(), SecretsErrorKind::None);
        let secrets = Secrets::new([secret("a", "1"), secret("b", "2")]).unwrap();
        assert_eq!(secrets.labels().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(Secrets::one(Secret::new("x").unwrap()).labels().collect::<Vec<_>>(), ["secret-1"]);
    }
}
