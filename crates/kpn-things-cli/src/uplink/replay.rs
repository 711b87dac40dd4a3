//! `things uplink replay`: posts recorded messages again.

use clap::Args;
use things_uplink::{LabelledSecret, TOKEN_HEADER, sign};

use super::recording::{self, Recorded};
use super::secret_file;
use super::target::Target;
use crate::console::Console;
use crate::count::number;
use crate::failure::{ExitStatus, Failure};
use crate::table::Table;

/// Post recorded uplinks again
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things uplink replay messages.ndjson --to http://127.0.0.1:3000/kpn
  things uplink replay messages.ndjson --to https://staging.example/kpn \\
      --secret-file staging.secret",
    after_help = "\
Posts the messages of `things uplink listen --record FILE` in their order, one after the other, with the same bytes and headers. \
A message is posted once, whatever the response is. A receiver that has a message already confirms it and does not store it again.

The recorded token matches the secret with which KPN signed. With --secret-file, each message is signed with the first secret of \
that file.

Exit status: 0 if each response is a 2xx, and 1 if not. Plain http goes to this machine, and to the hosts in \
KPN_THINGS_ALLOW_HTTP."
)]
pub(crate) struct Replay {
    /// File with the messages; - for stdin
    #[arg(value_name = "FILE")]
    file: String,
    /// URL that the messages are posted to
    #[arg(long, value_name = "URL")]
    to: String,
    /// Sign with the first secret of this file
    #[arg(long, value_name = "FILE")]
    secret_file: Option<String>,
}

impl Replay {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let target = Target::new("--to", &self.to)?;
        let secret = self.secret_file.as_deref().map(secret_file::first).transpose()?;
        let messages = recording::read(&self.file)?;
        let mut table = Table::new(["MESSAGE", "RECEIVED", "STATUS"], console.columns());
        let mut failed = 0;
        for (message, index) in messages.iter().zip(1_u64..) {
            let status = post(&target, message, secret.as_ref());
            if !status.as_ref().is_ok_and(|status| (200..300).contains(status)) {
                failed += 1;
            }
            let status = status.map_or_else(|error| error, |status| status.to_string());
            let row = [index.to_string(), message.received.clone(), status];
            table.add([row.iter()].into_iter(), console.out())?;
            table.end(console.out())?;
            console.flush()?;
        }
        let total = number(messages.len() as u64, "message");
        if failed > 0 {
            let message = format!("{failed} of {total} had no 2xx response from {}", target.name());
            return Err(Failure::Check(ExitStatus::Failed, message));
        }
        Ok(console.say(format_args!("{total} delivered to {}", target.name()))?)
    }
}

fn post(target: &Target, message: &Recorded, secret: Option<&LabelledSecret>) -> Result<u16, String> {
    let body = message.body()?;
    let token = secret.map(|secret| sign(secret.secret.expose(), &body));
    let is_replaced = |name: &str| token.is_some() && name.eq_ignore_ascii_case(TOKEN_HEADER);
    let recorded = message.headers.iter().filter(|(name, _)| !is_replaced(name));
    let headers = recorded.map(|(name, value)| (name.as_str(), value.as_bytes()));
    let headers = headers.chain(token.as_ref().map(|token| (TOKEN_HEADER, token.as_bytes())));
    target.post(headers, &body)
}
