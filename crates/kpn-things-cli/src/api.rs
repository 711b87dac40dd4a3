//! `things api`: an authenticated call to any method and path.

use std::io::{self, Write};

use clap::Args;
use http::{HeaderMap, Method, StatusCode};
use things_core::{Error, Operation as _, RawCall};

use crate::console::Console;
use crate::dispatch::Dispatch;
use crate::failure::Failure;
use crate::{input, settings};

/// Make an authenticated call to any method and path
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things api GET /devices --query limit=50 --query sort=createdAt,-name
  things api POST /lora/downlinks --data @downlink.json --include",
    after_help = "\
The body of the response is printed as it came, also that of an error. If the service repeats the key secret, the \
access token or the security context, [redacted] is printed in their place. GET, HEAD, OPTIONS, PUT and DELETE are retried \
on failure; POST and PATCH only if the service provably did not act on them."
)]
pub(crate) struct Api {
    /// GET, POST and so on
    method: String,
    /// Path below the base URL, with or without its first slash and a query; or a whole URL on the same server
    path: String,
    /// Query parameter; percent-encoded for you
    #[arg(long, value_name = "NAME=VALUE")]
    query: Vec<String>,
    /// Header; Accept is application/json by default. The value can be empty
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// JSON body; @FILE reads a file, - stdin. With a Content-Type header of another type it can be anything
    #[arg(long, value_name = "JSON")]
    data: Option<String>,
    /// Print status and headers before the body
    #[arg(long)]
    include: bool,
    #[command(flatten)]
    settings: settings::Options,
}

impl Api {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let method = Method::from_bytes(self.method.to_ascii_uppercase().as_bytes())
            .map_err(|_| Failure::Usage(format!("{:?} is not an HTTP method", self.method)))?;
        let mut headers = Vec::with_capacity(self.header.len());
        for header in &self.header {
            let parts = header.split_once(':').map(|(name, value)| (name, value.trim()));
            headers.push(parts.ok_or_else(|| Failure::Usage("a --header is not 'NAME: VALUE'".to_owned()))?);
        }
        let mut call = RawCall::new(method, &self.path);
        for query in &self.query {
            let (name, value) = query
                .split_once('=')
                .ok_or_else(|| Failure::Usage(format!("--query {query:?} is not NAME=VALUE")))?;
            call = call.query(name, value);
        }
        if let Some(data) = self.data {
            let content_type = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
            call = match content_type {
                Some((_, other)) if !is_json(other) => call.body(other, input::bytes("the body", data)?),
                _ => call.json(input::content("the body", data)?.expose().to_owned()),
            };
        }
        for (name, value) in headers {
            call = call.header(name, value);
        }
        let client = console.watched(self.settings.client()?);
        let result = if call.at_most_once() {
            let dispatch = Dispatch::call(self.method.as_str(), &self.path);
            dispatch
                .make(console, &client, |client| client.request(&call))
                .map(|(answer, begun)| (answer, Some(begun)))
        } else {
            client.request(&call).map(|answer| (answer, None)).map_err(Failure::Call)
        };
        match result {
            // `begun` lives until the response is printed.
            Ok((answer, _begun)) => {
                if self.include {
                    head(answer.status, &answer.headers, console.out())?;
                }
                let body = answer.redacted_body();
                console.out().write_all(&body)?;
                end_line(&body, console)
            }
            Err(failure) => {
                // The failure is reported even if nobody reads the response.
                if let Failure::Call(error) | Failure::Dispatch(error, _) = &failure {
                    let _ = write_refusal(error, self.include, console);
                }
                Err(failure)
            }
        }
    }
}

/// Whether a content type is JSON, such as `application/json` or `application/merge-patch+json; charset=utf-8`.
fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

fn write_refusal(error: &Error, include: bool, console: &mut Console<'_>) -> Result<(), Failure> {
    if let (true, Some(status)) = (include, error.status()) {
        head(status, error.headers(), console.out())?;
    }
    let body = error.body().bytes();
    console.out().write_all(body)?;
    end_line(body, console)
}

fn head(status: StatusCode, headers: &HeaderMap, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "HTTP {status}")?;
    for (name, value) in headers {
        writeln!(out, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
    }
    writeln!(out)
}

/// On a terminal, what follows begins on a line of its own.
fn end_line(body: &[u8], console: &mut Console<'_>) -> Result<(), Failure> {
    if console.columns().is_some() && !body.is_empty() && !body.ends_with(b"\n") {
        writeln!(console.out())?;
    }
    Ok(())
}
