//! `things api`: an authenticated call to any method and path.

mod paging;
mod request;

use std::io::{self, Write};

use clap::Args;
use http::{HeaderMap, Method, StatusCode};
use things_core::{Error, Operation as _};

use self::request::{Body, Request};
use crate::console::Console;
use crate::dispatch::Dispatch;
use crate::failure::Failure;
use crate::{curl, settings};

/// Make an authenticated call to any method and path
#[derive(Args)]
#[command(
    allow_missing_positional = true,
    before_help = "\
Examples:
  things api GET /api/devices --query pageSize=1 --include
  things api /devices --query limit=50 --query sort=createdAt,-name --all
  things api POST /lora/downlinks --data @downlink.json --dry-run",
    after_help = "\
The body of the response is printed unchanged, including error bodies. If the service repeats the key secret, the \
access token or the security context, [redacted] is printed in their place. GET, HEAD, OPTIONS, PUT and DELETE are retried \
on failure; POST and PATCH only if the service provably did not act on them.

--all prints one JSON array: the items of all pages, each unchanged, one after the other. It follows the numbered pages of \
/api/devices, and the cursor of the current API. Pages in the order of a property that repeats may overlap, so add \
--query sortBy=uuid to a listing of /api/devices."
)]
pub(crate) struct Api {
    /// Method [default: GET, or POST with --data]
    #[arg(value_name = "METHOD")]
    verb: Option<String>,
    /// Path below the base URL, with or without a query
    ///
    /// The first slash can be left out. A whole URL on the same server is accepted, too.
    path: String,
    /// Method, as in curl
    #[arg(short = 'X', long, value_name = "METHOD", conflicts_with = "verb")]
    method: Option<String>,
    /// Query parameter, which is encoded (repeatable)
    #[arg(long, value_name = "NAME=VALUE")]
    query: Vec<String>,
    /// Header (repeatable)
    ///
    /// The value can be empty. Accept is by default what KPN documents for the path, or application/json.
    #[arg(short = 'H', long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// JSON body; @FILE reads a file, - stdin
    ///
    /// With a Content-Type header of another type, it can be anything.
    #[arg(short, long, value_name = "JSON")]
    data: Option<String>,
    /// Print status and headers before the body
    #[arg(short, long)]
    include: bool,
    /// Print the items of all pages as one JSON array
    #[arg(long, conflicts_with_all = ["data", "include"])]
    all: bool,
    /// Print curl commands, and send nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    settings: settings::Options,
}

impl Api {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let (include, all, dry_run) = (self.include, self.all, self.dry_run);
        let (request, settings) = self.request()?;
        if all && request.method != Method::GET {
            return Err(Failure::Usage(format!("--all reads pages with GET, not with {}", request.method)));
        }
        let call = request.call();
        if dry_run {
            return curl::dry_run(&call, settings, console);
        }
        let client = console.watched(settings.client(console)?);
        if all {
            return paging::print_all(&client, request, console);
        }
        let result = if call.at_most_once() {
            let dispatch = Dispatch::call(request.method.as_str(), &request.path);
            dispatch
                .make(console, &client, |client| client.request(&call))
                .map(|(answer, begun)| (answer, Some(begun)))
        } else {
            client.request(&call).map(|answer| (answer, None)).map_err(Failure::Call)
        };
        match result {
            // `begun` lives until the response is printed.
            Ok((answer, begun)) => {
                let ends_line = console.shows_data();
                let body = answer.redacted_body();
                let write = |out: &mut dyn Write| {
                    if include {
                        head(answer.status, &answer.headers, out)?;
                    }
                    write_body(&body, ends_line, out)
                };
                match begun {
                    Some(_) => console.write_accepted(write),
                    None => write(console.out())?,
                }
                Ok(())
            }
            Err(failure) => {
                // The failure is reported even if nobody reads the response.
                if let Failure::Call(error) | Failure::Dispatch(error, _) = &failure {
                    let _ = write_refusal(error, include, console);
                }
                Err(failure)
            }
        }
    }

    /// Reads the request from the arguments.
    fn request(self) -> Result<(Request, settings::Options), Failure> {
        let path = self.path;
        let method = match self.verb.or(self.method) {
            Some(method) => method,
            None if METHODS.contains(&path.as_str()) => {
                return Err(Failure::Usage(format!("a path is missing: things api {path} /api/devices")));
            }
            None => if self.data.is_some() { "POST" } else { "GET" }.to_owned(),
        };
        let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes())
            .map_err(|_| Failure::Usage(format!("{method:?} is not an HTTP method")))?;
        let headers = pairs(&self.header, ':', "--header", "'NAME: VALUE'")?;
        let headers: Vec<_> = headers.map(|(name, value)| (name, value.trim().to_owned())).collect();
        let queries = pairs(&self.query, '=', "--query", "NAME=VALUE")?.collect();
        let body = self.data.map(|data| Body::read(data, &headers)).transpose()?;
        Ok((Request { method, path, queries, headers, body }, self.settings))
    }
}

/// The methods that people type without a path.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// Splits each argument into a name and a value.
fn pairs<'a>(
    arguments: &'a [String],
    separator: char,
    option: &str,
    form: &str,
) -> Result<impl Iterator<Item = (String, String)> + 'a, Failure> {
    if let Some(wrong) = arguments.iter().find(|argument| !argument.contains(separator)) {
        // The value of a header may be a secret.
        let shown =
            if option == "--header" { "a --header".to_owned() } else { format!("{option} {wrong:?}") };
        return Err(Failure::Usage(format!("{shown} is not {form}")));
    }
    let split = move |argument: &'a String| argument.split_once(separator);
    Ok(arguments.iter().filter_map(split).map(|(name, value)| (name.to_owned(), value.to_owned())))
}

fn write_refusal(error: &Error, include: bool, console: &mut Console<'_>) -> io::Result<()> {
    if let (true, Some(status)) = (include, error.status()) {
        head(status, error.headers(), console.out())?;
    }
    let ends_line = console.shows_data();
    write_body(error.body().bytes(), ends_line, console.out())
}

fn head(status: StatusCode, headers: &HeaderMap, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "HTTP {status}")?;
    for (name, value) in headers {
        writeln!(out, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
    }
    writeln!(out)
}

/// Writes a body as it came. On a terminal, `ends_line` makes what follows begin on a line of its own.
fn write_body(body: &[u8], ends_line: bool, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(body)?;
    if ends_line && !body.is_empty() && !body.ends_with(b"\n") {
        writeln!(out)?;
    }
    Ok(())
}
