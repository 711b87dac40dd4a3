//! The options that set up a client, and the places that they name.

use std::time::Duration;
use std::{env, mem};

use clap::Args;
use things_core::Settings;
use things_ureq::Client;

use crate::console::Console;
use crate::failure::Failure;
use crate::input;
use crate::layers::{Layers, Source};
use crate::profiles::{self, DEFAULT, Profiles};
use crate::setting::{KEY_ID, KEY_SECRET, Setting, Values};
use crate::shell::word;

/// The variable that names a Postman environment file.
pub(crate) const POSTMAN_VARIABLE: &str = "KPN_THINGS_POSTMAN_ENVIRONMENT";

/// The variable that names a profile.
pub(crate) const PROFILE_VARIABLE: &str = "KPN_THINGS_PROFILE";

/// The variable that sets the log level of the Python package. It is not a setting of an account.
pub(crate) const LOG_VARIABLE: &str = "KPN_THINGS_LOG";

/// The heading of the settings in the help of a command.
pub(crate) const HEADING: &str = "Settings";

/// The options that every command has which talks to the service.
#[derive(Args)]
#[command(next_help_heading = HEADING)]
pub(crate) struct Options {
    /// GRIP tenant, a short slug such as rjsfm52t [env: KPN_THINGS_TENANT_ID]
    #[arg(long, value_name = "ID")]
    tenant_id: Option<String>,
    /// API key id [env: KPN_THINGS_KEY_ID]
    #[arg(long, value_name = "ID")]
    key_id: Option<String>,
    /// File that holds the API key secret; - is standard input [env: KPN_THINGS_KEY_SECRET, the secret itself]
    #[arg(long, value_name = "FILE")]
    key_secret_file: Option<String>,
    /// Application id, if it is not the documented one [env: KPN_THINGS_APPLICATION_ID]
    #[arg(long, value_name = "ID")]
    application_id: Option<String>,
    /// Postman environment file to read settings from [env: KPN_THINGS_POSTMAN_ENVIRONMENT]
    #[arg(long, value_name = "FILE")]
    postman_environment: Option<String>,
    /// Profile to read settings from, as `things auth login` stores them [env: KPN_THINGS_PROFILE]
    #[arg(long, value_name = "NAME", value_parser = profiles::name, conflicts_with = "postman_environment")]
    profile: Option<String>,
    /// Sub-customer to act for [env: KPN_THINGS_CUSTOMER_ID]
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
    /// File that holds the value of KPN-Things-Security-Context; - is standard input [env: KPN_THINGS_SECURITY_CONTEXT,
    /// the value itself]
    #[arg(long, value_name = "FILE")]
    security_context_file: Option<String>,
    /// GRIP, the identity service [env: KPN_THINGS_GRIP_BASE_URL]
    #[arg(long, value_name = "URL")]
    grip_base_url: Option<String>,
    /// Token endpoint, in place of the one made of GRIP's URL and the tenant; or grip-v3 [env: KPN_THINGS_TOKEN_URL]
    #[arg(long, value_name = "URL")]
    token_url: Option<String>,
    /// KPN Things [env: KPN_THINGS_BASE_URL]
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Host that plain http may go to, besides this machine (repeatable) [env: KPN_THINGS_ALLOW_HTTP]
    #[arg(long, value_name = "HOST")]
    allow_http: Vec<String>,
    /// Certificates to trust instead of the system's, in PEM
    #[arg(long, value_name = "FILE")]
    ca_bundle: Option<String>,
    /// Time limit of one call, such as a page or a downlink, with its token and retries [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Use no access token of an earlier run, and keep none
    #[arg(long)]
    no_token_cache: bool,
}

/// A number of seconds, with a fraction or without.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let duration = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| "not a number of seconds".to_owned())
}

impl Options {
    /// Reads the settings of every place.
    pub(crate) fn load(mut self) -> Result<Layers, Failure> {
        let options = self.values()?;
        let mut environment = Settings::from_environment(|name| env::var_os(name))?;
        let by_option =
            self.postman_environment.take().map(Source::Postman).or(self.profile.take().map(Source::Profile));
        let by_variable = named_by_variable(environment.postman_environment.take(), by_option.is_some())?;
        let mut layers = vec![(Source::Options, options)];
        if let Some(named) = &by_option {
            layers.push((named.clone(), named.read()?));
        }
        layers.push((Source::Environment, environment.into()));
        // What an option names replaces what a variable names, so that no value comes from an account that is not meant.
        let unread = match (by_option.is_some(), by_variable) {
            (false, Some(named)) => {
                let values = named.read()?;
                layers.push((named, values));
                None
            }
            (false, None) => {
                layers.extend(default_profile(&layers)?);
                None
            }
            (true, unread) => unread,
        };
        Ok(Layers { layers, unread, timeout: self.timeout, keeps_token: !self.no_token_cache })
    }

    /// Takes the values that the options set, and reads the secrets that they name.
    fn values(&mut self) -> Result<Values, Failure> {
        let secret = |what, path: Option<String>| path.map(|path| input::secret(what, &path)).transpose();
        let settings = Settings {
            key_secret: secret("the key secret", self.key_secret_file.take())?,
            tenant_id: self.tenant_id.take(),
            key_id: self.key_id.take(),
            application_id: self.application_id.take(),
            customer_id: self.customer.take(),
            security_context: secret("the security context", self.security_context_file.take())?,
            grip_base_url: self.grip_base_url.take(),
            token_url: self.token_url.take(),
            base_url: self.base_url.take(),
            allow_http: mem::take(&mut self.allow_http),
            ..Settings::default()
        };
        Ok(Values { settings, ca_bundle: self.ca_bundle.take() })
    }

    /// Returns what the options set, without any other place: the settings of a new profile.
    pub(crate) fn for_login(mut self) -> Result<ForLogin, Failure> {
        if self.postman_environment.is_some() {
            let why = "--postman-environment does not go with this command: use `things postman import FILE`";
            return Err(Failure::Usage(why.into()));
        }
        let profile = match self.profile.take() {
            None => profile_variable()?,
            named => named,
        };
        Ok(ForLogin { values: self.values()?, profile, timeout: self.timeout })
    }

    /// The client that the settings make.
    pub(crate) fn client(self, console: &Console<'_>) -> Result<Client, Failure> {
        self.load()?.client(console)
    }

    /// Returns the options as they were given, each with a space in front, for a command that a message shows.
    pub(crate) fn given(&self) -> String {
        let with_value = [
            ("--tenant-id", &self.tenant_id),
            ("--key-id", &self.key_id),
            ("--key-secret-file", &self.key_secret_file),
            ("--application-id", &self.application_id),
            ("--postman-environment", &self.postman_environment),
            ("--profile", &self.profile),
            ("--customer", &self.customer),
            ("--security-context-file", &self.security_context_file),
            ("--grip-base-url", &self.grip_base_url),
            ("--token-url", &self.token_url),
            ("--base-url", &self.base_url),
            ("--ca-bundle", &self.ca_bundle),
        ];
        let given = with_value.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let hosts = self.allow_http.iter().map(|host| ("--allow-http", host.as_str()));
        let mut text: String =
            given.chain(hosts).map(|(name, value)| format!(" {name} {}", word(value))).collect();
        if let Some(timeout) = self.timeout {
            text += &format!(" --timeout {}", timeout.as_secs_f64());
        }
        if self.no_token_cache {
            text += " --no-token-cache";
        }
        text
    }

    /// Uses no access token of an earlier run, and keeps none.
    pub(crate) fn without_token_cache(self) -> Self {
        Self { no_token_cache: true, ..self }
    }

    /// Leaves the key secret where it is.
    pub(crate) fn without_secret(self) -> Self {
        Self { key_secret_file: None, ..self }
    }

    /// Acts for no sub-customer, whatever the environment says; that the option is set is a mistake.
    pub(crate) fn refuse_customer(&self) -> Result<(), Failure> {
        match &self.customer {
            Some(_) => Err(Failure::Usage("--customer does not go with this command".into())),
            None => Ok(()),
        }
    }
}

/// The options of a login.
pub(crate) struct ForLogin {
    pub(crate) profile: Option<String>,
    pub(crate) values: Values,
    pub(crate) timeout: Option<Duration>,
}

/// The profile that the environment names.
pub(crate) fn profile_variable() -> Result<Option<String>, Failure> {
    match env::var(PROFILE_VARIABLE) {
        Ok(name) if name.is_empty() => Ok(None),
        Ok(name) => profiles::name(&name)
            .map(Some)
            .map_err(|why| Failure::Usage(format!("{PROFILE_VARIABLE} is no name of a profile: {why}"))),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(Failure::Usage(format!("{PROFILE_VARIABLE} is not UTF-8"))),
    }
}

/// Returns a variable that is set and because of which the default profile is not used.
pub(crate) fn overriding_variable() -> Option<&'static str> {
    let is_set = |name: &&str| env::var_os(name).is_some_and(|value| !value.is_empty());
    ["KPN_THINGS_KEY_ID", POSTMAN_VARIABLE].into_iter().find(|name| is_set(name))
}

/// Returns the Postman file or the profile that a variable names. Two of them contradict each other, unless neither is
/// used.
fn named_by_variable(postman: Option<String>, unused: bool) -> Result<Option<Source>, Failure> {
    let profile = profile_variable()?;
    match (postman, profile) {
        (Some(_), Some(_)) if !unused => Err(Failure::Usage(format!(
            "{POSTMAN_VARIABLE} and {PROFILE_VARIABLE} are both set: unset one of them"
        ))),
        (Some(path), _) => Ok(Some(Source::Postman(path))),
        (None, name) => Ok(name.map(Source::Profile)),
    }
}

/// Returns the default profile. It is for users who name no account in any other way: where a key id is set, a
/// customer id or an address of the profile would belong to another account. Where a secret is set, the key id of a
/// profile with a secret of its own would.
fn default_profile(layers: &[(Source, Values)]) -> Result<Option<(Source, Values)>, Failure> {
    let is_set = |setting: &Setting| layers.iter().any(|(_, layer)| (setting.get)(layer).is_some());
    if is_set(&KEY_ID) {
        return Ok(None);
    }
    let profiles = Profiles::open()?;
    if !profiles.contains(DEFAULT)? {
        return Ok(None);
    }
    let values = profiles.get(DEFAULT)?;
    if is_set(&KEY_SECRET) && (KEY_SECRET.get)(&values).is_some() {
        return Ok(None);
    }
    Ok(Some((Source::Profile(DEFAULT.to_owned()), values)))
}
