//! The file with the secrets of a destination.

use clap::Args;
use things_uplink::{LabelledSecret, Secrets};

use crate::failure::Failure;
use crate::input;

#[derive(Args)]
pub(crate) struct SecretFile {
    /// File with the secret of the destination
    ///
    /// It can have several, for the time in which the secret is changed. Each line is a secret, or `label=SECRET`, such as `active=...` and `retiring=...`. A label has 1 to 32 lower-case
    /// letters, digits, - and _. Blank lines and lines that begin with # are skipped.
    #[arg(long, value_name = "FILE")]
    secret_file: String,
}

impl SecretFile {
    /// Reads the secrets.
    pub(crate) fn read(&self) -> Result<Secrets, Failure> {
        read(&self.secret_file)
    }

    /// Reads one secret: the one with this label, or the first one.
    pub(crate) fn one(&self, label: Option<&str>) -> Result<LabelledSecret, Failure> {
        let secrets = self.read()?;
        let secret = secrets.iter().find(|secret| label.is_none_or(|label| secret.label.as_str() == label));
        secret.cloned().ok_or_else(|| {
            let labels: Vec<_> = secrets.labels().collect();
            let label = label.unwrap_or_default();
            Failure::Usage(format!(
                "{} has no secret {label:?}, but: {}",
                self.secret_file,
                labels.join(", ")
            ))
        })
    }
}

/// Reads the first secret of a file.
pub(crate) fn first(path: &str) -> Result<LabelledSecret, Failure> {
    SecretFile { secret_file: path.to_owned() }.one(None)
}

/// Reads the secrets of a file.
fn read(path: &str) -> Result<Secrets, Failure> {
    let bytes = input::read("the secret", path)?;
    Secrets::parse(bytes).map_err(|error| Failure::Usage(format!("{path}: {error}")))
}
