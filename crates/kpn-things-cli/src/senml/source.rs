//! A file with a pack, and how it is read.

use std::time::SystemTime;

use clap::Args;
use things_senml::{Error, Number, Resolved, Resolver};

use super::findings;
use crate::failure::{ExitStatus, Failure};
use crate::input;

#[derive(Args)]
pub(super) struct Source {
    /// File with the pack: JSON, or CBOR with --cbor; - for stdin
    #[arg(value_name = "FILE")]
    file: String,
    /// Read CBOR instead of JSON
    #[arg(long)]
    cbor: bool,
    /// Read what KPN Things sends although SenML forbids it
    ///
    /// Such as a number in a string. Each case is reported.
    #[arg(long)]
    lenient: bool,
    /// Accept a field that ends in _ (repeatable)
    ///
    /// RFC 8428 requires readers to refuse such a field unless they understand it.
    #[arg(long, value_name = "FIELD")]
    understood: Vec<String>,
    /// Time that relative times count from [default: now]
    ///
    /// Seconds since 1970, or RFC 3339 in UTC, such as 2026-07-01T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    now: Option<Number>,
}

impl Source {
    /// The name of the file in messages.
    pub(super) fn name(&self) -> &str {
        if self.file == "-" { "stdin" } else { &self.file }
    }

    /// Reads the pack, or reports everything that is wrong in it.
    pub(super) fn resolve(&self) -> Result<Resolved, Failure> {
        let bytes = input::read("the pack", &self.file)?;
        let resolver = self.resolver();
        let error = match self.resolve_bytes(&resolver, &bytes) {
            Ok(resolved) => return Ok(resolved),
            Err(error) => error,
        };
        let text = if self.cbor {
            format!("{}: {error}", self.name())
        } else {
            findings::message(self.name(), &bytes, error, |json| resolver.resolve_json(json).err())
        };
        Err(Failure::Check(ExitStatus::Failed, text))
    }

    fn resolver(&self) -> Resolver {
        let now = self.now.clone().unwrap_or_else(|| seconds(SystemTime::now()));
        Resolver::at(now).lenient(self.lenient).understood(&self.understood)
    }

    fn resolve_bytes(&self, resolver: &Resolver, bytes: &[u8]) -> Result<Resolved, Error> {
        if self.cbor { resolver.resolve_cbor(bytes) } else { resolver.resolve_json(bytes) }
    }
}

fn time(text: &str) -> Result<Number, String> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let example = "expected seconds since 1970, or a time in UTC such as 2026-07-01T12:00:00Z";
    humantime::parse_rfc3339(text).map(seconds).map_err(|_| example.to_owned())
}

/// Seconds since 1970, to the nanosecond.
fn seconds(time: SystemTime) -> Number {
    let (sign, distance) = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => ("", since),
        Err(error) => ("-", error.duration()),
    };
    let text = format!("{sign}{}.{:09}", distance.as_secs(), distance.subsec_nanos());
    text.parse().unwrap_or(Number::from(0))
}
