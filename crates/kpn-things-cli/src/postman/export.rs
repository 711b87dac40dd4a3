//! `things postman export`: the beta API as a Postman collection, and settings as an environment.

use std::fs::OpenOptions;
use std::io::{self, Write};

use clap::{ArgGroup, Args};
use serde_json::Value;

use super::{collection, environment};
use crate::console::Console;
use crate::failure::Failure;
use crate::settings;

/// Write a Postman collection of the API, or an environment of your settings
#[derive(Args)]
#[command(
    group = ArgGroup::new("files").required(true).multiple(true).args(["collection", "environment"]),
    before_help = "\
Examples:
  things postman export --collection kpn.postman_collection.json
  things postman export --environment kpn.postman_environment.json
  npx newman run kpn.postman_collection.json -e kpn.postman_environment.json", after_help = "\
The environment has the variables of KPN's own Postman collection. Its key secret is empty: enter it in Postman, where it is \
of the type secret. The collection holds no settings.

The collection requests a token, lists devices page by page until the last one, and tests every response. It sends a downlink \
only if the variable devEui is set, and acts for a sub-customer only if the variable clientId is set.")]
pub(crate) struct Export {
    /// File for the collection; - is stdout
    #[arg(long, value_name = "FILE")]
    collection: Option<String>,
    /// File for the environment; - is stdout
    #[arg(long, value_name = "FILE")]
    environment: Option<String>,
    /// Replace files that exist
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    settings: settings::Options,
}

impl Export {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        if [&self.collection, &self.environment].into_iter().all(|path| path.as_deref() == Some("-")) {
            return Err(Failure::Usage(
                "two files cannot both go to standard output: name one of them".into(),
            ));
        }
        let mut files = Vec::new();
        if let Some(path) = self.collection {
            files.push((path, collection::collection()));
        }
        if let Some(path) = self.environment {
            let settings = self.settings.without_secret().load()?.values().settings;
            if settings.token_url.is_some() {
                console.warn("a token URL is set, and neither file has it: the collection uses /v2/{tenantId}/oidc/idp/c1/token at gripBaseUrl");
            }
            files.push((path, environment::environment(&settings)));
        }
        for (path, content) in files {
            if path == "-" {
                writeln!(console.out(), "{content:#}")?;
            } else {
                write(&path, &content, self.force)?;
                console.say(format_args!("wrote {path}"))?;
            }
        }
        Ok(())
    }
}

/// Writes a file. One that exists may hold a secret that somebody entered, so it is not replaced.
fn write(path: &str, content: &Value, force: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(!force).create(true).truncate(force);
    let written = options.open(path).and_then(|mut file| writeln!(file, "{content:#}"));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::Usage(format!("{path} exists: name another file, or add --force"))
        }
        _ => Failure::Local(format!("{path} cannot be written: {error}")),
    })
}
