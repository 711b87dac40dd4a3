//! The settings of every place, in the order of precedence, and the client that they make.

use std::sync::Arc;
use std::time::Duration;
use std::{env, fs, io};

use serde::Serialize;
use things_core::{Builder, Config, Error, ErrorKind, Secret, Settings};
use things_ureq::Client;

use crate::console::Console;
use crate::downlink::ledger::LEDGER_VARIABLE;
use crate::failure::Failure;
use crate::input;
use crate::places::{Place, Places};
use crate::profiles::{DEFAULT, Profiles, nearest};
use crate::setting::{KEY_ID, KEY_SECRET, SETTINGS, Setting, TENANT_ID, Values};
use crate::settings::{LOG_VARIABLE, POSTMAN_VARIABLE, PROFILE_VARIABLE};
use crate::token_cache::FOLDER_VARIABLE;
use crate::token_cache::TokenCache;
use crate::uplink::store::STORE_VARIABLE;

/// The settings of each place, from the highest precedence to the lowest.
pub(crate) struct Layers {
    pub(crate) layers: Vec<(Source, Values)>,
    /// A file or profile that a variable names, and that is not read because an option names another.
    pub(crate) unread: Option<Source>,
    pub(crate) timeout: Option<Duration>,
    /// Whether the access token is kept for the next run.
    pub(crate) keeps_token: bool,
}

/// A place that settings come from.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Options,
    Environment,
    /// The path of a Postman environment file.
    Postman(String),
    /// The name of a profile.
    Profile(String),
}

impl Source {
    /// Reads the settings of a Postman environment file or of a profile.
    pub(crate) fn read(&self) -> Result<Values, Failure> {
        match self {
            Self::Postman(path) => {
                let bytes = input::read("the Postman environment file", path)?;
                let name = if path == "-" { "standard input" } else { path };
                Ok(Settings::from_postman_file(name, bytes)?.into())
            }
            Self::Profile(name) => Profiles::open()?.get(name),
            Self::Options | Self::Environment => Ok(Values::default()),
        }
    }

    /// The name of a setting in this place, as a user can find it.
    fn name_of(&self, setting: &Setting) -> String {
        match self {
            Self::Options => setting.option.to_owned(),
            Self::Environment => setting.variable.unwrap_or(setting.option).to_owned(),
            Self::Postman(path) => path.clone(),
            Self::Profile(name) => format!("profile {name}"),
        }
    }
}

/// A setting as it is shown, with secrets masked.
#[derive(Serialize)]
pub(crate) struct Shown {
    pub(crate) name: &'static str,
    /// Empty if the setting is missing.
    pub(crate) value: String,
    /// What can be shown of a secret, in addition to its length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<String>,
    pub(crate) source: String,
    /// Places of lower precedence that have a value as well.
    pub(crate) also_in: Vec<Shadowed>,
}

/// A value that is not used, because another place overrides it.
#[derive(Serialize)]
pub(crate) struct Shadowed {
    pub(crate) source: String,
    pub(crate) same_value: bool,
}

/// A `KPN_THINGS_*` variable that is no setting.
#[derive(Serialize)]
pub(crate) struct UnknownVariable {
    pub(crate) name: String,
    pub(crate) did_you_mean: Option<String>,
}

impl Layers {
    /// Returns the settings of one place, whose token is not kept.
    pub(crate) fn of(source: Source, values: Values) -> Self {
        Self { layers: vec![(source, values)], unread: None, timeout: None, keeps_token: false }
    }

    /// All places as one.
    pub(crate) fn values(&self) -> Values {
        self.layers.iter().fold(Values::default(), |above, (_, below)| above.or(below.clone()))
    }

    /// Forgets the sub-customer.
    pub(crate) fn without_customer(mut self) -> Self {
        for (_, layer) in &mut self.layers {
            layer.settings.customer_id = None;
        }
        self
    }

    /// The client that the settings make, or all that is wrong with them.
    pub(crate) fn client(&self, console: &Console<'_>) -> Result<Client, Failure> {
        let values = self.values();
        console.locate(self.places());
        let client = self.client_of(&values)?;
        let cache =
            TokenCache::of(&client, &values, console.token_cache_report()).filter(|_| self.keeps_token);
        Ok(match cache {
            Some(cache) => client.with_token_store(Arc::new(cache)),
            None => client,
        })
    }

    /// Removes the token that was kept for these settings. Settings that make no client have none.
    pub(crate) fn forget_token(&self) -> io::Result<()> {
        let values = self.values();
        let Ok(client) = self.client_of(&values) else { return Ok(()) };
        TokenCache::of(&client, &values, |_| ()).map_or(Ok(()), |cache| cache.remove())
    }

    fn client_of(&self, values: &Values) -> Result<Client, Failure> {
        let mut builder = Builder::new(values.settings.clone(), Client::new)
            .machine(|name| env::var_os(name), |path| fs::read(path))
            .user_agent(concat!("things/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &values.ca_bundle {
            builder = builder.ca_bundle(input::read("the CA bundle", path)?);
        }
        if let Some(timeout) = self.timeout {
            builder = builder.timeout(timeout);
        }
        builder.build().map_err(|error| self.explained(error))
    }

    /// The configuration for a call that is only shown. Secrets and missing values are replaced by the name of their
    /// variable, as a shell writes it.
    pub(crate) fn shown(&self) -> Result<Config, Failure> {
        let mut settings = self.values().settings;
        settings.tenant_id.get_or_insert_with(|| "$KPN_THINGS_TENANT_ID".into());
        settings.key_id.get_or_insert_with(|| "$KPN_THINGS_KEY_ID".into());
        settings.key_secret = Some("$KPN_THINGS_KEY_SECRET".into());
        settings.security_context = settings.security_context.map(|_| "$KPN_THINGS_SECURITY_CONTEXT".into());
        Builder::new(settings, Ok).build().map_err(|error| self.explained(error))
    }

    /// The path of the certificates to trust.
    pub(crate) fn ca_bundle_path(&self) -> Option<String> {
        self.values().ca_bundle
    }

    /// Every setting that is set, or that has a default or is missing.
    pub(crate) fn describe(&self) -> Vec<Shown> {
        SETTINGS.iter().filter_map(|setting| self.describe_one(setting)).collect()
    }

    fn describe_one(&self, setting: &Setting) -> Option<Shown> {
        let values = self.values();
        let found = (setting.get)(&values);
        let holder = found.as_ref().and_then(|found| {
            self.layers.iter().position(|(_, layer)| (setting.get)(layer).as_ref() == Some(found))
        });
        let others = self.layers.iter().enumerate().filter(|(place, _)| Some(*place) != holder);
        let also_in: Vec<_> = others
            .filter_map(|(_, (source, layer))| {
                let value = (setting.get)(layer)?;
                Some(Shadowed { source: source.name_of(setting), same_value: Some(value) == found })
            })
            .collect();
        let missing = setting.is_missing(&values);
        let default = setting.default.filter(|_| !setting.is_replaced(&values)).map(Secret::from);
        let source = match holder.and_then(|place| self.layers.get(place)) {
            Some((source, _)) => source.name_of(setting),
            None if missing => "missing".to_owned(),
            None if default.is_some() => "default".to_owned(),
            None if also_in.is_empty() => return None,
            None => "replaced by the token URL".to_owned(),
        };
        let value = found.or(default);
        let secret = value.as_ref().filter(|_| setting.is_secret).and_then(traits);
        let value =
            value.map(|value| if setting.is_secret { masked(&value) } else { value.expose().to_owned() });
        Some(Shown { name: setting.name, value: value.unwrap_or_default(), secret, source, also_in })
    }

    /// Files and profiles that could hold settings and are not used, each with the reason.
    pub(crate) fn unused(&self) -> Vec<String> {
        let mut unused = Vec::new();
        let by_option = self.named().find(|source| Some(*source) != self.unread.as_ref());
        if let (Some(unread), Some(used)) = (&self.unread, by_option) {
            let (unread, used) = (described(unread), described(used));
            unused.push(format!("{unread}: named by a variable, not used, because an option names {used}"));
        }
        let has_default =
            || Profiles::open().and_then(|profiles| profiles.contains(DEFAULT)).unwrap_or(false);
        let default = Source::Profile(DEFAULT.to_owned());
        if !self.layers.iter().any(|(source, _)| *source == default) && has_default() {
            let why = match self.named().next() {
                Some(named) => format!("{} is named", described(named)),
                None => {
                    let place_of = |setting: &'static Setting| {
                        let mut layers = self.layers.iter();
                        let (source, _) = layers.find(|(_, layer)| (setting.get)(layer).is_some())?;
                        Some(format!("the {} comes from {}", setting.name, source.name_of(setting)))
                    };
                    place_of(&KEY_ID).or_else(|| place_of(&KEY_SECRET)).unwrap_or_default()
                }
            };
            unused.push(format!("profile {DEFAULT}: not used, because {why}"));
        }
        unused
    }

    fn named(&self) -> impl Iterator<Item = &Source> {
        let is_named = |source: &&Source| matches!(source, Source::Postman(_) | Source::Profile(_));
        self.layers.iter().map(|(source, _)| source).filter(is_named)
    }

    /// Says in which place the wrong values are, and where missing ones are found. The core names a setting by its
    /// variable, because it does not know the place.
    fn explained(&self, error: Error) -> Failure {
        if error.kind() != ErrorKind::Config {
            return Failure::Call(error);
        }
        let (values, places) = (self.values(), self.places());
        let mut lines = vec![format!("error: {}", places.named(error.message()))];
        if SETTINGS.iter().any(|setting| setting.is_missing(&values)) {
            lines.extend(self.unused().into_iter().map(|unused| format!("note: {unused}")));
        }
        let hints = hints(&error, &values).into_iter();
        lines.extend(hints.map(|hint| format!("hint: {}", places.named(&hint))));
        Failure::Settings(lines.join("\n"))
    }

    /// Where the values are that do not come from a variable.
    pub(crate) fn places(&self) -> Places {
        let values = self.values();
        let place = |setting: &Setting| {
            let found = (setting.get)(&values).filter(|_| !setting.is_missing(&values))?;
            let is_holder = |(_, layer): &&(Source, Values)| (setting.get)(layer).as_ref() == Some(&found);
            let (source, _) = self.layers.iter().find(is_holder)?;
            let place = source.name_of(setting);
            let in_place = match source {
                Source::Environment => return None,
                Source::Options => place.clone(),
                Source::Postman(_) => format!("the {} in {place}", setting.name),
                Source::Profile(_) => format!("{} in {place}", setting.key),
            };
            Some(Place { variable: setting.variable?, place, setting: in_place })
        };
        SETTINGS.iter().filter_map(place).collect()
    }
}

/// Where the missing settings are found, and why a file that was read has none.
fn hints(error: &Error, values: &Values) -> Vec<String> {
    let missing: Vec<_> = SETTINGS.iter().filter(|setting| setting.is_missing(values)).collect();
    if missing.is_empty() {
        return error.hint().map(str::to_owned).into_iter().collect();
    }
    let mut hints = Vec::new();
    if values.settings.postman_gaps.is_empty() {
        hints.push(
            "run `things auth login`, set the variables, or name the Postman environment file of KPN's documentation"
                .to_owned(),
        );
    } else {
        hints.extend(error.hint().map(str::to_owned));
    }
    if missing.iter().any(|setting| setting.key == TENANT_ID.key) {
        hints.push(WHERE_TENANT.to_owned());
    }
    if missing.iter().any(|setting| setting.key != TENANT_ID.key) {
        hints.push(WHERE_KEY.to_owned());
    }
    hints
}

/// Where a user finds the tenant id.
pub(crate) const WHERE_TENANT: &str = "the tenant id is in MijnKPN Zakelijk, under your name at the top right, and in the Things portal under Customer Details";

/// Where a user finds the API key.
pub(crate) const WHERE_KEY: &str =
    "create the API key in GRIP; then add the service \"KPN Things\" to it under Services and roles";

fn described(source: &Source) -> String {
    match source {
        Source::Postman(path) => path.clone(),
        Source::Profile(name) => format!("profile {name}"),
        Source::Options => "the options".to_owned(),
        Source::Environment => "the environment".to_owned(),
    }
}

/// The variables of the environment that look like settings and are none.
pub(crate) fn unknown_variables() -> Vec<UnknownVariable> {
    const PREFIX: &str = "KPN_THINGS_";
    let known = || {
        let settings = SETTINGS.iter().filter_map(|setting| setting.variable);
        let others = [
            POSTMAN_VARIABLE,
            PROFILE_VARIABLE,
            FOLDER_VARIABLE,
            LEDGER_VARIABLE,
            STORE_VARIABLE,
            LOG_VARIABLE,
        ];
        settings.chain(others)
    };
    let set = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut unknown: Vec<_> = set
        .filter(|name| name.starts_with(PREFIX) && known().all(|known| known != name))
        .map(|name| {
            let typed = name.strip_prefix(PREFIX).unwrap_or(&name);
            let meant = nearest(typed, known().filter_map(|known| known.strip_prefix(PREFIX)));
            UnknownVariable { did_you_mean: meant.map(|meant| format!("{PREFIX}{meant}")), name }
        })
        .collect();
    unknown.sort_by(|one, other| one.name.cmp(&other.name));
    unknown
}

/// A secret as it is shown: its length, and whether it holds anything unusual.
fn masked(secret: &Secret) -> String {
    let strange = if secret.expose().is_ascii() { "" } else { ", not all of them ASCII" };
    match secret.expose().chars().count() {
        0 => String::new(),
        1 => format!("******** (1 character{strange})"),
        characters => format!("******** ({characters} characters{strange})"),
    }
}

/// What else can be told of an unusual secret, so that its owner can compare it with the original.
fn traits(secret: &Secret) -> Option<String> {
    let text = secret.expose();
    let (first, last) = (text.chars().next()?, text.chars().next_back()?);
    if text.is_ascii() && is_redacted(text) && first.is_alphanumeric() && last.is_alphanumeric() {
        return None;
    }
    let (first, last) = (kind(first), kind(last));
    let short = if is_redacted(text) { "" } else { "; it is too short to be redacted in messages" };
    Some(format!("it starts with {first} and ends with {last}{short}"))
}

/// Whether the core redacts a secret in messages. It leaves texts alone that could be words.
fn is_redacted(secret: &str) -> bool {
    let is_word = secret.bytes().all(|byte| byte.is_ascii_alphabetic());
    secret.len() >= if is_word { 8 } else { 4 }
}

fn kind(char: char) -> &'static str {
    match char {
        char if char.is_alphabetic() => "a letter",
        char if char.is_numeric() => "a digit",
        char if char.is_whitespace() => "a space",
        _ => "a symbol",
    }
}
