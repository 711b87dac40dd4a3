//! `things api`: an authenticated call to any method and path.

use std::io::{self, Write};

use clap::Args;
use http::{HeaderMap, Method, StatusCode};
use things_core::{Error, Operation as _, RawCall, Secret};

use crate::console::Console;
use crate::dispatch::Dispatch;
use crate::failure::Failure;
use crate::{curl, input, paging, settings};

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
The body of the response is printed as it came, also that of an error. If the service repeats the key secret, the \
access token or the security context, [redacted] is printed in their place. GET, HEAD, OPTIONS, PUT and DELETE are retried \
on failure; POST and PATCH only if the service provably did not act on them.

--all prints one JSON array: the items of all pages, each as it came, one after the other. It follows the numbered pages of \
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
            Ok((answer, _begun)) => {
                if include {
                    head(answer.status, &answer.headers, console.out())?;
                }
                let body = answer.redacted_body();
                console.out().write_all(&body)?;
                end_line(&body, console)
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

/// A request as the arguments describe it.
#[derive(Clone)]
pub(crate) struct Request {
    method: Method,
    /// May have a query.
    path: String,
    queries: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Option<Body>,
}

#[derive(Clone)]
enum Body {
    Json(Secret),
    /// The content type is in a header.
    Other(Vec<u8>, String),
}

impl Body {
    fn read(data: String, headers: &[(String, String)]) -> Result<Self, Failure> {
        let content_type = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        Ok(match content_type {
            Some((_, other)) if !is_json(other) => {
                Self::Other(input::bytes("the body", data)?, other.clone())
            }
            _ => Self::Json(input::content("the body", data)?),
        })
    }
}

impl Request {
    /// The call that makes the request.
    pub(crate) fn call(&self) -> RawCall {
        let mut call = RawCall::new(self.method.clone(), &self.path);
        for (name, value) in &self.queries {
            call = call.query(name, value);
        }
        call = match &self.body {
            None => call,
            Some(Body::Json(json)) => call.json(json.expose().to_owned()),
            Some(Body::Other(bytes, content_type)) => call.body(content_type, bytes.clone()),
        };
        self.headers.iter().fold(call, |call, (name, value)| call.header(name, value))
    }

    /// Whether this lists devices, which KPN documents in numbered pages.
    pub(crate) fn is_device_list(&self) -> bool {
        let path = self.path.split('?').next().unwrap_or_default();
        path.trim_start_matches('/') == "api/devices" || path.ends_with("/api/devices")
    }

    /// The value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let in_path = self.path.split(['?', '&']).skip(1).filter_map(|part| part.split_once('='));
        let added = self.queries.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        in_path.chain(added).find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// The same request with another value of a query parameter.
    pub(crate) fn with_query(&self, name: &str, value: &str) -> Self {
        let mut request = self.without_query(name);
        request.queries.push((name.to_owned(), value.to_owned()));
        request
    }

    /// The same for a value that is percent-encoded already.
    pub(crate) fn with_encoded_query(&self, name: &str, value: &str) -> Self {
        let mut request = self.without_query(name);
        let separator = if request.path.contains('?') { '&' } else { '?' };
        request.path = format!("{}{separator}{name}={value}", request.path);
        request
    }

    /// The same request to another path or URL, which has its own query.
    pub(crate) fn at(&self, path: &str) -> Self {
        Self { path: path.to_owned(), queries: Vec::new(), ..self.clone() }
    }

    /// Path and query, to recognise a request.
    pub(crate) fn target(&self) -> String {
        self.queries.iter().fold(self.path.clone(), |target, (name, value)| {
            let separator = if target.contains('?') { '&' } else { '?' };
            format!("{target}{separator}{name}={value}")
        })
    }

    fn without_query(&self, name: &str) -> Self {
        let mut request = self.clone();
        request.queries.retain(|(found, _)| found != name);
        if let Some((path, query)) = self.path.split_once('?') {
            let is_other = |part: &&str| part.split('=').next() != Some(name);
            let kept: Vec<_> = query.split('&').filter(is_other).collect();
            request.path =
                if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
        }
        request
    }
}

#[cfg(test)]
impl Request {
    pub(crate) fn get(path: &str, queries: &[(&str, &str)]) -> Self {
        let queries = queries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { method: Method::GET, path: path.to_owned(), queries, headers: Vec::new(), body: None }
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
