//! `things uplink verify`: whether a token belongs to a body.

use clap::Args;
use things_uplink::{Refusal, Verifier};

use super::secret_file::SecretFile;
use crate::console::Console;
use crate::failure::{ExitStatus, Failure};
use crate::input;

/// Check the token of a message
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things uplink verify --secret-file secret.txt --token 4d53c6... message.json
  things uplink verify --secret-file secret.txt --token 4d53c6... - < body",
    after_help = "\
Prints the label of the secret that matches.

BODY must have the bytes of the request as they were received. A body that was parsed and written again has other bytes, and no \
token matches it.

Exit status: 0 if the token belongs to the body and one of the secrets, and 1 if it does not."
)]
pub(crate) struct Verify {
    #[command(flatten)]
    secret_file: SecretFile,
    /// Value of the header Things-Message-Token
    #[arg(long, value_name = "HEX")]
    token: String,
    /// File with the body; - for stdin
    #[arg(value_name = "BODY")]
    body: String,
}

impl Verify {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let verifier = Verifier::new(self.secret_file.read()?);
        let body = input::read("the body", &self.body)?;
        let label = match check(&verifier, &self.token, &body) {
            Ok(label) => label,
            Err(refusal) => {
                let hint = hint(&verifier, &self.token, &body, refusal);
                let hint = hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
                return Err(Failure::Check(ExitStatus::Failed, format!("{refusal}{hint}")));
            }
        };
        writeln!(console.out(), "{label}")?;
        console.say(format_args!("the token belongs to the body and the secret {label:?}"))?;
        if label == "retiring" {
            console.warn(
                "the retiring secret is still in use: KPN Things does not sign with the active one yet",
            );
        }
        Ok(())
    }
}

fn check<'v>(verifier: &'v Verifier, token: &str, body: &[u8]) -> Result<&'v str, Refusal> {
    verifier.verify([token.as_bytes()], [], body).map(|verified| verified.label())
}

/// Looks for the usual reasons why a token that is right is refused.
fn hint(verifier: &Verifier, token: &str, body: &[u8], refusal: Refusal) -> Option<String> {
    if let Refusal::NotHex { .. } = refusal {
        let lower = token.trim().to_ascii_lowercase();
        let value = lower.split_once(':').map_or(&*lower, |(_, value)| value.trim());
        let label = check(verifier, value, body).ok()?;
        return Some(format!("64 lower-case hex digits alone are the token, and match the secret {label:?}"));
    }
    if refusal != Refusal::Wrong {
        return None;
    }
    let matches = |body: &[u8]| check(verifier, token, body).is_ok();
    let without_end = body.strip_suffix(b"\n").map(|body| body.strip_suffix(b"\r").unwrap_or(body));
    if without_end.is_some_and(matches) {
        return Some(
            "it matches the body without the line end at its end, which an editor may have added".to_owned(),
        );
    }
    if body.strip_prefix(b"\xef\xbb\xbf").is_some_and(matches) {
        return Some(
            "it matches the body without the byte order mark at its start, which an editor may have added"
                .to_owned(),
        );
    }
    if matches(&[body, b"\n"].concat()) || matches(&[body, b"\r\n"].concat()) {
        return Some("it matches the body with a line end at its end, which was removed".to_owned());
    }
    None
}
