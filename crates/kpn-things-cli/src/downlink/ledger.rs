//! The ledger that a command names, and the jobs in it.

use std::path::{Path, PathBuf};
use std::{env, io, path};

use clap::Args;
use etcetera::BaseStrategy;
use things_core::LedgerError;
use things_store::{Job, Store};

use crate::failure::Failure;
use crate::private;
use crate::shell::word;

/// The variable that names the ledger.
pub(crate) const LEDGER_VARIABLE: &str = "KPN_THINGS_LEDGER";

/// The option of every command that uses a ledger.
#[derive(Args)]
pub(super) struct LedgerOption {
    /// Ledger, a file or a URL [env: KPN_THINGS_LEDGER]
    ///
    /// The URL is that of a PostgreSQL database, such as postgres://user@host/database. The default is kpn-things/ledger.db in $XDG_STATE_HOME, which is ~/.local/state on Linux. A URL must not have a
    /// password here, because other users can read command lines: it comes from PGPASSWORD, from ~/.pgpass, or with the
    /// URL from KPN_THINGS_LEDGER.
    #[arg(long, value_name = "PATH|URL")]
    ledger: Option<String>,
}

/// A ledger, which need not exist yet. It has no `Debug`, because the address can contain a password.
#[derive(Clone)]
pub(super) struct Ledger {
    /// The path of a file, or a URL, which can contain a password if it comes from the variable.
    address: String,
    is_shared: bool,
    source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Option,
    Variable,
    Default,
}

impl LedgerOption {
    /// Returns the ledger that the option, the variable or the default names.
    pub(super) fn ledger(self) -> Result<Ledger, Failure> {
        let is_shared = |address: &str| {
            things_store::is_postgres(address).map_err(|error| Failure::Usage(in_lines(&error)))
        };
        if let Some(address) = self.ledger {
            if address.is_empty() {
                return Err(Failure::Usage("--ledger is empty: name a file or a PostgreSQL URL".into()));
            }
            things_store::refuse_password(&address).map_err(|error| Failure::Usage(in_lines(&error)))?;
            let ledger = Ledger { is_shared: is_shared(&address)?, address, source: Source::Option };
            return Ok(ledger.absolute());
        }
        match env::var(LEDGER_VARIABLE) {
            Ok(address) if !address.is_empty() => {
                let is_shared = is_shared(&address)?;
                return Ok(Ledger { address, is_shared, source: Source::Variable }.absolute());
            }
            Err(env::VarError::NotUnicode(_)) => {
                return Err(Failure::Usage(format!("{LEDGER_VARIABLE} is not UTF-8")));
            }
            Ok(_) | Err(env::VarError::NotPresent) => {}
        }
        let address = default_path()?.into_os_string().into_string();
        let address = address.map_err(|_| {
            Failure::Usage(
                "the path of the default ledger is not UTF-8: name another one with --ledger".into(),
            )
        })?;
        Ok(Ledger { address, is_shared: false, source: Source::Default })
    }
}

/// The ledger of a user who names none.
fn default_path() -> Result<PathBuf, Failure> {
    let home = etcetera::choose_base_strategy().map_err(|_| {
        Failure::Usage("there is no home directory for the ledger: set HOME, or use --ledger".into())
    })?;
    let folder = home.state_dir().unwrap_or_else(|| home.data_dir());
    Ok(folder.join("kpn-things").join("ledger.db"))
}

impl Ledger {
    /// A command may be shown to be run in another directory.
    fn absolute(self) -> Self {
        let absolute =
            path::absolute(&self.address).ok().and_then(|path| path.into_os_string().into_string().ok());
        match absolute {
            Some(address) if !self.is_shared() => Self { address, ..self },
            _ => self,
        }
    }

    /// Whether several machines can share the ledger.
    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// The ledger as messages name it: without what may be secret.
    pub(super) fn name(&self) -> String {
        match (self.is_shared(), self.source) {
            (true, Source::Variable) => format!("the ledger of {LEDGER_VARIABLE}"),
            _ => self.address.clone(),
        }
    }

    /// A command of `things downlink` on this ledger, as a user can copy it. A ledger of the variable or of the default
    /// needs no option.
    pub(super) fn command(&self, words: &str) -> String {
        let ledger = match self.source {
            Source::Option => format!(" --ledger {}", word(&self.address)),
            Source::Variable | Source::Default => String::new(),
        };
        format!("things downlink {words}{ledger}")
    }

    /// Opens the ledger, and creates it if it does not exist.
    pub(super) fn create(&self) -> Result<Box<dyn Store>, Failure> {
        if self.source == Source::Default
            && let Some(folder) = Path::new(&self.address).parent()
        {
            let failed = |error: io::Error| {
                Failure::Local(format!(
                    "the folder of the ledger, {}, cannot be created: {error}",
                    folder.display()
                ))
            };
            private::create_folder(folder).map_err(failed)?;
        }
        Ok(things_store::open_from_env(&self.address)?)
    }

    /// Opens the ledger, or returns `None` if it does not exist.
    pub(super) fn open(&self) -> Result<Option<Box<dyn Store>>, Failure> {
        if !self.is_shared() && !Path::new(&self.address).exists() {
            return Ok(None);
        }
        Ok(Some(things_store::open_from_env(&self.address)?))
    }

    /// Opens the ledger and finds a job in it, by its id or the beginning of it.
    pub(super) fn find(&self, id: &str) -> Result<(Box<dyn Store>, Job), Failure> {
        let Some(mut store) = self.open()? else {
            return Err(Failure::Usage(format!(
                "there is no job {id:?}, because there is no ledger {}\nhint: name another one with --ledger",
                self.name()
            )));
        };
        let job = self.job(&mut *store, id)?;
        Ok((store, job))
    }

    fn job(&self, store: &mut dyn Store, id: &str) -> Result<Job, Failure> {
        if let Ok(id) = id.parse()
            && let Some(job) = store.job(&id)?
        {
            return Ok(job);
        }
        let beginning = id.to_ascii_lowercase();
        let ids = store.ids(None)?;
        let mut found = ids.into_iter().filter(|id| id.as_str().starts_with(&beginning));
        let list = self.command("jobs list");
        match (found.next(), found.next()) {
            (Some(id), None) => {
                let gone =
                    || Failure::Usage(format!("the job {id} was removed meanwhile\nhint: see: {list}"));
                store.job(&id)?.ok_or_else(gone)
            }
            (Some(one), Some(other)) => Err(Failure::Usage(format!(
                "several jobs begin with {id:?}, such as {} and {}: write more of the id\nhint: see: {list}",
                one, other
            ))),
            (None, _) => {
                Err(Failure::Usage(format!("there is no job {id:?} in {}\nhint: see: {list}", self.name())))
            }
        }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::Local(in_lines(&error))
    }
}

/// The message of an error of a ledger, with its hint on a line of its own.
pub(super) fn in_lines(error: &LedgerError) -> String {
    let hint = error.advice().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    format!("{}{hint}", error.message())
}
