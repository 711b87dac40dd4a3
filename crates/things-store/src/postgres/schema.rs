//! The tables: created on first use, and refused if they are of another version.

use things_core::LedgerError;

use super::failure::Failure;
use super::session::Session;

/// The version of `schema.sql`.
const VERSION: i32 = 1;

/// The first number of all advisory locks of a ledger. The second one is a job's, or one of those below.
pub(super) const LOCKS: i32 = 7_041_134;

/// Held while the tables are created.
const CREATING: i32 = -1;

/// The oldest server that has all that the statements use.
const OLDEST_SERVER: i32 = 130_000;

/// Creates the tables if there are none, and checks their version.
pub(super) async fn prepare(session: &Session) -> Result<(), Failure> {
    let server: String = session.value("select current_setting('server_version_num')").await?;
    if server.parse().unwrap_or(0) < OLDEST_SERVER {
        return Err(LedgerError::new("the PostgreSQL server is older than version 13")
            .hint("use a server of version 13 or later")
            .into());
    }
    if !exists(session).await? {
        create(session).await?;
    }
    let version: i32 = session.value("select version from kpn_things.ledger").await?;
    if version == VERSION {
        return Ok(());
    }
    let message = format!("the ledger has version {version}, and this program needs version {VERSION}");
    let hint = if version > VERSION {
        "update the program"
    } else {
        "finish its jobs with the program that wrote it, then use another database"
    };
    Err(LedgerError::new(message).hint(hint).into())
}

async fn exists(session: &Session) -> Result<bool, Failure> {
    // Unlike `to_regclass`, this sees what another session has created while this one waited.
    let query = "select exists (select from pg_catalog.pg_class as class
        join pg_catalog.pg_namespace as namespace on namespace.oid = class.relnamespace
        where namespace.nspname = 'kpn_things' and class.relname = 'ledger')";
    session.value(query).await
}

/// Two first users do not collide: one waits for the other, and finds the tables.
async fn create(session: &Session) -> Result<(), Failure> {
    session.begin(&format!("select pg_advisory_xact_lock({LOCKS}, {CREATING})")).await?;
    if !exists(session).await? {
        // `if not exists` requires the right to create a schema even if an administrator has created it.
        let query = "select exists (select from pg_catalog.pg_namespace where nspname = 'kpn_things')";
        if !session.value(query).await? {
            session.batch("create schema kpn_things").await?;
        }
        session.batch(include_str!("schema.sql")).await?;
    }
    session.batch("commit").await
}
