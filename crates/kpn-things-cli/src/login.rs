//! `things auth login`, `logout` and `profiles`: the profiles of a user.

use clap::Args;

use crate::auth;
use crate::console::Console;
use crate::failure::Failure;
use crate::layers::{Layers, Source, WHERE_KEY, WHERE_TENANT};
use crate::profiles::{self, DEFAULT, Profiles};
use crate::prompt;
use crate::setting::{KEY_ID, KEY_SECRET, Setting, TENANT_ID, Values};
use crate::settings;

/// Store an API key as a profile
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things auth login
  things auth login --profile staging
  things auth login --tenant-id ID --key-id ID --key-secret-file - < secret.txt",
    after_help = "\
Asks for what the options do not set, checks it with GRIP and KPN Things, and stores it in \
~/.config/kpn-things/profiles.toml (XDG_CONFIG_HOME overrides), which only you can read. The profile `default` is used by all commands \
where no other profile, no Postman file and no key id is set. Variables are not stored. \
A script sets --tenant-id, --key-id and --key-secret-file, because nobody is asked without a terminal."
)]
pub(crate) struct Login {
    /// Store the settings without checking them
    #[arg(long)]
    no_check: bool,
    /// Replace a profile of this name without asking
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    settings: settings::Options,
}

/// Remove a profile
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things auth logout
  things auth logout --profile staging",
    after_help = "\
Removes the settings of the profile from this machine, and the access token that was kept for it. The API key stays \
valid: revoke it in GRIP."
)]
pub(crate) struct Logout {
    /// Profile to remove [env: KPN_THINGS_PROFILE]
    #[arg(long, value_name = "NAME", value_parser = profiles::name)]
    profile: Option<String>,
}

/// List the names of all profiles
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things auth profiles",
    after_help = "\
Prints one name per line, and nothing else of a profile."
)]
pub(crate) struct List {}

impl Login {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let given = self.settings.for_login()?;
        let name = given.profile.unwrap_or_else(|| DEFAULT.to_owned());
        let missing: Vec<_> = [&TENANT_ID, &KEY_ID, &KEY_SECRET]
            .into_iter()
            .filter(|setting| setting.is_missing(&given.values))
            .collect();
        if !missing.is_empty() && !prompt::is_possible() {
            return Err(nobody_answers(&missing));
        }
        may_replace(&name, self.yes)?;
        let mut values = given.values;
        for setting in missing {
            ask(setting, &mut values)?;
        }
        let layers = Layers { timeout: given.timeout, ..Layers::of(Source::Options, values.clone()) };
        if self.no_check {
            // What cannot be right is refused all the same.
            layers.client(console)?;
        } else {
            let accepted = auth::accepted(&layers, console);
            if accepted.is_err() {
                console.complain("nothing was stored; --no-check stores the settings as they are");
            }
            accepted?;
            console.complain("ok: GRIP issued an access token, and the key may list devices");
        }
        let path = profiles::store(&name, values)?;
        console.complain(format_args!("profile {name} is stored in {}", path.display()));
        if let Some(variable) = settings::overriding_variable() {
            console.complain(format_args!("note: {variable} is set, and it overrides profiles"));
        }
        Ok(())
    }
}

/// Asks whether an existing profile may be replaced, unless `yes` says so.
pub(crate) fn may_replace(name: &str, yes: bool) -> Result<(), Failure> {
    let profiles = Profiles::open()?;
    if yes || !profiles.contains(name)? {
        return Ok(());
    }
    let path = profiles.path().display();
    if !prompt::is_possible() {
        let why = format!("there is a profile {name} in {path}: use --yes to replace it");
        return Err(Failure::Usage(why));
    }
    if !prompt::confirm(&format!("There is a profile {name} in {path}. Replace it?")) {
        return Err(Failure::Local("nothing was stored".into()));
    }
    Ok(())
}

/// Asks for a setting until it is there.
fn ask(setting: &Setting, values: &mut Values) -> Result<(), Failure> {
    if setting.is_secret {
        values.settings.key_secret = Some(prompt::secret("the key secret")?);
        return Ok(());
    }
    let place = if setting.key == TENANT_ID.key { WHERE_TENANT } else { WHERE_KEY };
    prompt::say(place);
    let text = prompt::line(&format!("Enter the {}", setting.name))?;
    (setting.set)(values, text);
    Ok(())
}

fn nobody_answers(missing: &[&Setting]) -> Failure {
    let options: Vec<_> = missing.iter().map(|setting| setting.option).collect();
    Failure::Usage(format!(
        "there is no terminal to ask for the settings: set {}\nhint: `--key-secret-file -` reads the secret from standard input",
        options.join(", ")
    ))
}

impl Logout {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let name = match self.profile {
            Some(name) => name,
            None => settings::profile_variable()?.unwrap_or_else(|| DEFAULT.to_owned()),
        };
        let mut profiles = Profiles::open_to_change()?;
        // A profile that is wrong can be removed, too. Then there is no token to be found for it.
        let values = profiles.get(&name);
        profiles.remove(&name)?;
        profiles.save()?;
        if let Ok(values) = values {
            Layers::of(Source::Profile(name.clone()), values).forget_token().map_err(|error| {
                Failure::Local(format!("profile {name} is removed, but not its access token: {error}"))
            })?;
        }
        console.complain(format_args!(
            "profile {name} is removed; revoke its API key in GRIP if nothing uses it"
        ));
        Ok(())
    }
}

impl List {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let profiles = Profiles::open()?;
        let names = profiles.names()?;
        for name in &names {
            writeln!(console.out(), "{name}")?;
        }
        if names.is_empty() {
            console.say("there is no profile: run `things auth login`")?;
        }
        Ok(())
    }
}
