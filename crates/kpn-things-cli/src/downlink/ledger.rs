//! The ledger that a command names, and the jobs in it.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use etcetera::BaseStrategy;
use things_core::LedgerError;
use things_store::{Job, Store};

use crate::database::{Database, in_lines};
use crate::failure::Failure;
use crate::private;

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

/// A ledger, which need not exist yet.
#[derive(Clone)]
pub(super) struct Ledger {
    database: Database,
    /// Whether neither the option nor the variable names it.
    is_default: bool,
}

impl LedgerOption {
    /// Returns the ledger that the option, the variable or the default names.
    pub(super) fn ledger(self) -> Result<Ledger, Failure> {
        if let Some(database) = Database::named(self.ledger, "--ledger", LEDGER_VARIABLE)? {
            return Ok(Ledger { database, is_default: false });
        }
        let path = default_path()?.into_os_string().into_string();
        let path = path.map_err(|_| {
            Failure::Usage(
                "the path of the default ledger is not UTF-8: name another one with --ledger".into(),
            )
        })?;
        Ok(Ledger { database: Database::file(path), is_default: true })
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
    /// Whether several machines can share the ledger.
    pub(super) fn is_shared(&self) -> bool {
        self.database.is_shared()
    }

    /// The ledger as messages name it: without what may be secret.
    pub(super) fn name(&self) -> String {
        self.database.name("ledger")
    }

    /// A command of `things downlink` on this ledger, as a user can copy it. A ledger of the variable or of the default
    /// needs no option.
    pub(super) fn command(&self, words: &str) -> String {
        format!("things downlink {words}{}", self.database.option())
    }

    /// Opens the ledger, and creates it if it does not exist.
    pub(super) fn create(&self) -> Result<Box<dyn Store>, Failure> {
        let address = self.database.address();
        if self.is_default
            && let Some(folder) = Path::new(address).parent()
        {
            let failed = |error: io::Error| {
                Failure::Local(format!(
                    "the folder of the ledger, {}, cannot be created: {error}",
                    folder.display()
                ))
            };
            private::create_folder(folder).map_err(failed)?;
        }
        Ok(things_store::open_from_env(address)?)
    }

    /// Opens the ledger, or returns `None` if it does not exist.
    pub(super) fn open(&self) -> Result<Option<Box<dyn Store>>, Failure> {
        if !self.is_shared() && !Path::new(self.database.address()).exists() {
            return Ok(None);
        }
        Ok(Some(things_store::open_from_env(self.database.address())?))
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
