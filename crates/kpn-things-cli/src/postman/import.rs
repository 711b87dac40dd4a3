//! `things postman import`: a Postman environment file becomes a profile.

use clap::Args;

use crate::console::Console;
use crate::failure::Failure;
use crate::input;
use crate::layers::{Layers, Source};
use crate::login;
use crate::profiles::{self, DEFAULT};
use crate::prompt;
use crate::setting::{KEY_SECRET, SETTINGS, Values};
use crate::settings;

/// Store the settings of a Postman environment file as a profile
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things postman import kpn.json
  things postman import staging.json --profile staging
  things postman import kpn.json --key-secret-file - < secret.txt",
    after_help = "\
Reads the variables tenantId, keyId, keySecret, applicationId, gripBaseUrl and baseUrl of a file that Postman or newman \
exported, and stores them in ~/.config/kpn-things/profiles.toml (XDG_CONFIG_HOME overrides), which only you can read. Asks for the key secret if the \
file has none, as when it is in Postman's vault. The file is not changed: delete it if it holds the secret."
)]
pub(crate) struct Import {
    /// Postman environment file; - is standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// Profile to store them in [default: default]
    ///
    /// KPN_THINGS_PROFILE can name it, too.
    #[arg(long, value_name = "NAME", value_parser = profiles::name)]
    profile: Option<String>,
    /// File with another key secret; - is stdin
    ///
    /// Replaces the one in the Postman file.
    #[arg(long, value_name = "FILE")]
    key_secret_file: Option<String>,
    /// Replace a profile without asking
    #[arg(long)]
    yes: bool,
}

impl Import {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let name = match self.profile {
            None => settings::profile_variable()?.unwrap_or_else(|| DEFAULT.to_owned()),
            Some(name) => name,
        };
        let path = self.file;
        let file = Source::Postman(path.clone());
        let mut values = file.read()?;
        if let Some(path) = self.key_secret_file {
            values.settings.key_secret = Some(input::secret("the key secret", &path)?);
        }
        let missing: Vec<_> = SETTINGS.iter().filter(|setting| setting.is_missing(&values)).collect();
        if missing.len() == 1 && missing.iter().all(|setting| setting.is_secret) && prompt::is_possible() {
            let gaps = values.settings.postman_gaps.iter();
            gaps.filter(|gap| gap.variable() == "keySecret").for_each(|gap| prompt::say(&gap.to_string()));
            (KEY_SECRET.set)(&mut values, prompt::secret("the key secret")?.expose().to_owned());
        }
        // What is missing or cannot be right is refused before anything is stored.
        refuse_missing(&path, &values)?;
        Layers::of(file, values.clone()).client(console)?;
        login::may_replace(&name, self.yes)?;
        let path = profiles::store(&name, values.clone())?;
        console.complain(format_args!("profile {name} is stored in {}", path.display()));
        let gaps = values.settings.postman_gaps.iter();
        // A key secret that the file lacks came from elsewhere.
        for gap in gaps.filter(|gap| gap.is_disabled() && gap.variable() != "keySecret") {
            let (variable, file) = (gap.variable(), gap.file());
            console.complain(format_args!(
                "note: {variable} is disabled in {file}, so it is not in the profile"
            ));
        }
        console.complain(format_args!("hint: check it with: things auth check --profile {name}"));
        if let Some(variable) = settings::overriding_variable() {
            console.complain(format_args!("note: {variable} is set, and it overrides profiles"));
        }
        Ok(())
    }
}

/// Rejects a file that lacks settings. Neither the environment nor another profile is read for them.
fn refuse_missing(path: &str, values: &Values) -> Result<(), Failure> {
    let missing: Vec<_> = SETTINGS.iter().filter(|setting| setting.is_missing(values)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|setting| setting.name).collect();
    let mut lines = vec![format!("missing in {path}: {}", names.join(", "))];
    let gaps: Vec<_> = values.settings.postman_gaps.iter().map(ToString::to_string).collect();
    if !gaps.is_empty() {
        lines.push(format!("note: {path} was read: {}", gaps.join("; ")));
    }
    if missing.iter().any(|setting| !setting.is_secret) {
        lines.push("hint: set the values in Postman, export the environment again, and import it".into());
    }
    if missing.iter().any(|setting| setting.is_secret) {
        lines.push(
            "hint: --key-secret-file FILE reads the key secret from a file, --key-secret-file - from stdin"
                .into(),
        );
    }
    Err(Failure::Usage(lines.join("\n")))
}
