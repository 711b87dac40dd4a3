//! `things uplink sign`: the token of a body.

use clap::Args;

use super::secret_file::SecretFile;
use crate::console::Console;
use crate::failure::Failure;
use crate::input;

/// Print the token that KPN Things sends with a body
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things uplink sign --secret-file secret.txt message.json
  token=$(things uplink sign --secret-file secret.txt message.json)
  curl -H \"Things-Message-Token: $token\" -H 'Content-Type: application/json' \\
    --data-binary @message.json http://127.0.0.1:8080/",
    after_help = "\
The token is the SHA-256 of the bytes of the body, followed by the secret. Each byte counts, a line end at the end too, so post \
the file as it is: with curl, use --data-binary, because --data removes line ends."
)]
pub(crate) struct Sign {
    #[command(flatten)]
    secret_file: SecretFile,
    /// Label of the secret [default: the first one]
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,
    /// File with the body; - for stdin
    #[arg(value_name = "BODY")]
    body: String,
}

impl Sign {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let secret = self.secret_file.one(self.label.as_deref())?;
        let body = input::read("the body", &self.body)?;
        Ok(writeln!(console.out(), "{}", things_uplink::sign(secret.secret.expose(), body))?)
    }
}
