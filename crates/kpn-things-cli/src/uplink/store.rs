//! The inbox that a command names: the messages that a receiver stored.

use clap::Args;
use things_store::inbox::{self, Inbox, InboxError, InboxOptions};

use crate::database::Database;
use crate::failure::Failure;

/// The variable that names the inbox.
pub(crate) const STORE_VARIABLE: &str = "KPN_THINGS_STORE";

/// The option of every command that uses an inbox.
#[derive(Args)]
pub(super) struct StoreOption {
    /// Inbox, a file or a URL [env: KPN_THINGS_STORE]
    ///
    /// The messages are stored there. The URL is that of a PostgreSQL database, such as postgres://user@host/database, which several receivers can share. A URL
    /// must not have a password here, because other users can read command lines: it comes from PGPASSWORD, from ~/.pgpass, or
    /// with the URL from KPN_THINGS_STORE.
    #[arg(long, value_name = "PATH|URL")]
    store: Option<String>,
}

/// A named inbox, which need not exist yet.
pub(super) struct Store(Database);

impl StoreOption {
    /// Returns the inbox that the option or the variable names.
    pub(super) fn store(self) -> Result<Store, Failure> {
        let named = Database::named(self.store, "--store", STORE_VARIABLE)?;
        let missing = || {
            Failure::Usage(format!(
                "no store is named\nhint: use --store uplinks.db, or set {STORE_VARIABLE}"
            ))
        };
        Ok(Store(named.ok_or_else(missing)?))
    }
}

impl Store {
    /// The inbox as messages name it: without what may be secret.
    pub(super) fn name(&self) -> String {
        self.0.name("store")
    }

    /// The option of a command on this inbox, with a space in front. An inbox of the variable needs none.
    pub(super) fn option(&self) -> String {
        self.0.option()
    }

    /// Opens the inbox for a receiver, and creates it if it does not exist.
    pub(super) fn open(&self, options: &InboxOptions) -> Result<Box<dyn Inbox>, Failure> {
        Ok(inbox::open_inbox_from_env(self.0.address(), options)?)
    }

    /// Opens the inbox for a consumer. A receiver may append to it meanwhile.
    pub(super) fn read(&self) -> Result<Box<dyn Inbox>, Failure> {
        Ok(inbox::read_inbox_from_env(self.0.address())?)
    }
}

impl From<InboxError> for Failure {
    fn from(error: InboxError) -> Self {
        let hint = error.advice().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        Self::Local(format!("{}{hint}", error.message()))
    }
}
