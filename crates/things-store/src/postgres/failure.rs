//! What a failure of the server or of the connection means for the ledger.

use std::error::Error as StdError;

use things_core::LedgerError;
use tokio_postgres::error::{DbError, SqlState};

/// What to do if a role was refused.
const PASSWORD: &str = "check the role, and its password in PGPASSWORD or ~/.pgpass";

/// What to do if a server cannot write.
const PRIMARY: &str = "use the primary server: this one is a standby, or its transactions are read-only";

/// The reason why something on a connection failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The connection or the server.
    Server(tokio_postgres::Error),
    /// The server is a standby, which cannot write.
    Standby(tokio_postgres::Error),
    /// The server did not respond in time.
    TimedOut,
    /// What we found in the ledger.
    Ledger(LedgerError),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(error)
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<Failure> for LedgerError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Ledger(error) => error,
            Failure::TimedOut => Self::temporary("the PostgreSQL server did not respond in time"),
            // Another server can take over.
            Failure::Standby(error) => {
                let error = error.as_db_error().map_or_else(|| of_connection(&error), of_server);
                Self::temporary(error.message()).hint(PRIMARY)
            }
            Failure::Server(error) => match error.as_db_error() {
                Some(error) => of_server(error),
                None => of_connection(&error),
            },
        }
    }
}

impl Failure {
    /// Whether the server refused the role or its password.
    pub(crate) fn is_refusal(&self) -> bool {
        let Self::Server(error) = self else { return false };
        error.code().is_some_and(is_refused) || lacks_password(error)
    }
}

/// The error of a statement. The server's detail is left out, because it can contain an item.
fn of_server(error: &DbError) -> LedgerError {
    let code = error.code();
    let message = format!("the PostgreSQL server reports: {} (SQLSTATE {})", error.message(), code.code());
    // Connection lost, transaction rolled back, resources short, server shutting down or starting up.
    let is_temporary = ["08", "40", "53", "57"].contains(&code.code().get(..2).unwrap_or_default())
        || *code == SqlState::LOCK_NOT_AVAILABLE
        || *code == SqlState::READ_ONLY_SQL_TRANSACTION;
    let ledger = if is_temporary && *code != SqlState::DISK_FULL {
        LedgerError::temporary(message)
    } else {
        LedgerError::new(message)
    };
    match hint(code) {
        Some(hint) => ledger.hint(hint),
        None => ledger,
    }
}

fn hint(code: &SqlState) -> Option<&'static str> {
    let hint = if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        "the role needs the rights to create the schema kpn_things on first use, and to read and write its tables"
    } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        PRIMARY
    } else if *code == SqlState::DISK_FULL {
        "free disk space on the server, then try again"
    } else if is_refused(code) {
        PASSWORD
    } else if *code == SqlState::UNDEFINED_DATABASE {
        "create the database first"
    } else {
        return None;
    };
    Some(hint)
}

/// Whether the role or its password was refused.
fn is_refused(code: &SqlState) -> bool {
    code.code().starts_with("28")
}

/// Whether the server asked for a password, and there is none.
fn lacks_password(error: &tokio_postgres::Error) -> bool {
    error.code().is_none() && reason(error) == "password missing"
}

/// The error of the connection, or of the library.
fn of_connection(error: &tokio_postgres::Error) -> LedgerError {
    if lacks_password(error) {
        return LedgerError::new("the server requires a password").hint(PASSWORD);
    }
    let reason = reason(error);
    let is_io = error.is_closed() || error.source().is_some_and(|source| source.is::<std::io::Error>());
    if is_io {
        LedgerError::temporary(format!("the connection to PostgreSQL failed: {reason}"))
    } else {
        LedgerError::new(format!("the database on PostgreSQL could not be used: {reason}"))
    }
}

/// The innermost reason, which is what the library's own text leaves out.
fn reason(error: &tokio_postgres::Error) -> String {
    let mut reason: &dyn StdError = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    reason.to_string()
}
