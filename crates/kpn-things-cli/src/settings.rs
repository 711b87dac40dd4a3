//! The settings of a client: where each comes from, and the client that they make.

use std::time::Duration;
use std::{env, fs};

use clap::Args;
use things_core::{Builder, Config, Credentials, Error, Secret, Settings};
use things_ureq::Client;

use crate::failure::Failure;
use crate::input;

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
    /// Time for a whole call, retries included; 30 by default
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
}

/// A number of seconds, with a fraction or without.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let duration = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| "not a number of seconds".to_owned())
}

impl Options {
    /// Reads the settings of every place.
    pub(crate) fn load(self) -> Result<Layers, Failure> {
        let secret = |what, path: Option<String>| path.map(|path| input::secret(what, &path)).transpose();
        let options = Settings {
            key_secret: secret("the key secret", self.key_secret_file)?,
            tenant_id: self.tenant_id,
            key_id: self.key_id,
            application_id: self.application_id,
            customer_id: self.customer,
            security_context: secret("the security context", self.security_context_file)?,
            grip_base_url: self.grip_base_url,
            token_url: self.token_url,
            base_url: self.base_url,
            allow_http: self.allow_http,
            ..Settings::default()
        };
        let mut environment = Settings::from_environment(|name| env::var_os(name))?;
        let named_by_variable = environment.postman_environment.take();
        // A file that an option names replaces one that a variable names, and overrides the variables.
        let named_by_option = self.postman_environment.is_some();
        let path = self.postman_environment.or(named_by_variable);
        let postman = path.as_deref().map_or(Ok(Settings::default()), postman_file)?;
        let path = path.unwrap_or_default();
        let (options, environment) = ((Source::Options, options), (Source::Environment, environment));
        let postman = (Source::File(path), postman);
        let layers = match named_by_option {
            true => [options, postman, environment],
            false => [options, environment, postman],
        };
        let ca_bundle =
            self.ca_bundle.map(|path| Ok::<_, Failure>((input::read("the CA bundle", &path)?, path)));
        Ok(Layers { layers, ca_bundle: ca_bundle.transpose()?, timeout: self.timeout })
    }

    /// The client that the settings make.
    pub(crate) fn client(self) -> Result<Client, Failure> {
        Ok(self.load()?.client()?)
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

/// Reads a Postman environment file.
fn postman_file(path: &str) -> Result<Settings, Failure> {
    let bytes = input::read("the Postman environment file", path)?;
    let name = if path == "-" { "standard input" } else { path };
    Ok(Settings::from_postman_file(name, bytes)?)
}

/// The settings of each place, in the order of precedence.
pub(crate) struct Layers {
    layers: [(Source, Settings); 3],
    ca_bundle: Option<(Vec<u8>, String)>,
    timeout: Option<Duration>,
}

/// Where settings come from.
enum Source {
    Options,
    Environment,
    File(String),
}

impl Source {
    /// How a user finds the setting there.
    fn of(&self, row: &Row) -> String {
        match self {
            Self::Options => row.option.to_owned(),
            Self::Environment => row.variable.to_owned(),
            Self::File(path) => path.clone(),
        }
    }
}

impl Layers {
    /// All layers as one.
    pub(crate) fn settings(&self) -> Settings {
        self.layers.iter().fold(Settings::default(), |above, (_, below)| above.or(below.clone()))
    }

    /// Forgets the sub-customer.
    pub(crate) fn without_customer(mut self) -> Self {
        for (_, layer) in &mut self.layers {
            layer.customer_id = None;
        }
        self
    }

    /// The client that the settings make, or all that is wrong with them.
    pub(crate) fn client(self) -> Result<Client, Error> {
        let mut builder = Builder::new(self.settings(), Client::new)
            .machine(|name| env::var_os(name), |path| fs::read(path))
            .user_agent(concat!("things/", env!("CARGO_PKG_VERSION")));
        if let Some((pem, _)) = self.ca_bundle {
            builder = builder.ca_bundle(pem);
        }
        if let Some(timeout) = self.timeout {
            builder = builder.timeout(timeout);
        }
        builder.build()
    }

    /// The configuration for a call that is only shown: in place of a secret, and of what is missing, stands the
    /// name of its variable as a shell writes it.
    pub(crate) fn shown(&self) -> Result<Config, Error> {
        let mut settings = self.settings();
        settings.tenant_id.get_or_insert_with(|| "$KPN_THINGS_TENANT_ID".into());
        settings.key_id.get_or_insert_with(|| "$KPN_THINGS_KEY_ID".into());
        settings.key_secret = Some("$KPN_THINGS_KEY_SECRET".into());
        settings.security_context = settings.security_context.map(|_| "$KPN_THINGS_SECURITY_CONTEXT".into());
        Builder::new(settings, Ok).build()
    }

    /// The path of the certificates to trust.
    pub(crate) fn ca_bundle_path(&self) -> Option<&str> {
        self.ca_bundle.as_ref().map(|(_, path)| path.as_str())
    }

    /// Every setting by its name, its value with secrets masked, and where it comes from.
    pub(crate) fn described(&self) -> Vec<[String; 3]> {
        let rows = ROWS.iter().filter_map(|row| self.describe(row)).map(|[name, value, source]| {
            let source = if value.is_empty() { "missing".to_owned() } else { source };
            [name, value, source]
        });
        rows.collect()
    }

    fn describe(&self, row: &Row) -> Option<[String; 3]> {
        let settings = self.settings();
        let found = (row.value)(&settings);
        let replaced = row.replaced_by_token_url && settings.token_url.is_some() && found.is_none();
        if replaced || (found.is_none() && row.default.is_none()) {
            return None;
        }
        let holder = self.layers.iter().find(|(_, layer)| found.is_some() && (row.value)(layer) == found);
        let source = holder.map_or("default".to_owned(), |(source, _)| source.of(row));
        let value = found.or(row.default.map(str::to_owned)).unwrap_or_default();
        Some([row.name.to_owned(), value, source])
    }
}

/// A setting as it is shown; one without a default is shown only where it is set.
struct Row {
    name: &'static str,
    option: &'static str,
    variable: &'static str,
    /// Empty where there is none and there has to be one.
    default: Option<&'static str>,
    replaced_by_token_url: bool,
    value: fn(&Settings) -> Option<String>,
}

const ROWS: &[Row] = &[
    Row {
        name: "tenant id",
        option: "--tenant-id",
        variable: "KPN_THINGS_TENANT_ID",
        default: Some(""),
        replaced_by_token_url: true,
        value: |settings| settings.tenant_id.clone(),
    },
    Row {
        name: "key id",
        option: "--key-id",
        variable: "KPN_THINGS_KEY_ID",
        default: Some(""),
        replaced_by_token_url: false,
        value: |settings| settings.key_id.clone(),
    },
    Row {
        name: "key secret",
        option: "--key-secret-file",
        variable: "KPN_THINGS_KEY_SECRET",
        default: Some(""),
        replaced_by_token_url: false,
        value: |settings| settings.key_secret.as_ref().map(masked),
    },
    Row {
        name: "application id",
        option: "--application-id",
        variable: "KPN_THINGS_APPLICATION_ID",
        default: Some(Credentials::DOCUMENTED_APPLICATION_ID),
        replaced_by_token_url: false,
        value: |settings| settings.application_id.clone(),
    },
    Row {
        name: "GRIP base URL",
        option: "--grip-base-url",
        variable: "KPN_THINGS_GRIP_BASE_URL",
        default: Some("https://auth.grip-on-it.com"),
        replaced_by_token_url: true,
        value: |settings| settings.grip_base_url.clone(),
    },
    Row {
        name: "token URL",
        option: "--token-url",
        variable: "KPN_THINGS_TOKEN_URL",
        default: None,
        replaced_by_token_url: false,
        value: |settings| settings.token_url.clone(),
    },
    Row {
        name: "base URL",
        option: "--base-url",
        variable: "KPN_THINGS_BASE_URL",
        default: Some("https://api.kpnthings.com"),
        replaced_by_token_url: false,
        value: |settings| settings.base_url.clone(),
    },
    Row {
        name: "plain http",
        option: "--allow-http",
        variable: "KPN_THINGS_ALLOW_HTTP",
        default: None,
        replaced_by_token_url: false,
        value: |settings| Some(settings.allow_http.join(", ")).filter(|hosts| !hosts.is_empty()),
    },
    Row {
        name: "customer id",
        option: "--customer",
        variable: "KPN_THINGS_CUSTOMER_ID",
        default: None,
        replaced_by_token_url: false,
        value: |settings| settings.customer_id.clone(),
    },
    Row {
        name: "security context",
        option: "--security-context-file",
        variable: "KPN_THINGS_SECURITY_CONTEXT",
        default: None,
        replaced_by_token_url: false,
        value: |settings| settings.security_context.as_ref().map(masked),
    },
];

/// What can be shown of a secret: how long it is, and whether it holds anything that no key of GRIP does.
fn masked(secret: &Secret) -> String {
    let strange = if secret.expose().is_ascii() { "" } else { ", not all of them ASCII" };
    match secret.expose().chars().count() {
        0 => String::new(),
        characters => format!("******** ({characters} characters{strange})"),
    }
}
