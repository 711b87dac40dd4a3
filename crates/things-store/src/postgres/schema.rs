//! The tables: created on first use, and refused if they are of another version.

use things_core::LedgerError;

use super::failure::Failure;
use super::session::Session;

/// The tables of one kind of store. A database can have both kinds.
pub(crate) struct Tables {
    /// The name of the store in messages, and of the table with its version.
    pub(crate) name: &'static str,
    pub(crate) version: i32,
    pub(crate) sql: &'static str,
    /// What to do with tables of an older version.
    pub(crate) outdated: &'static str,
}

/// The tables of a ledger.
pub(super) static LEDGER: Tables = Tables {
    name: "ledger",
    version: 1,
    sql: include_str!("schema.sql"),
    outdated: "finish its jobs with the program that wrote it, then use another database",
};

/// The first number of all advisory locks of a ledger. The second one is a job's, or one of those below.
pub(crate) const LOCKS: i32 = 7_041_134;

/// Held while the tables are created.
const CREATING: i32 = -1;

/// The oldest server that has all that the statements use.
const OLDEST_SERVER: i32 = 130_000;

/// Creates the tables if there are none, and checks their version.
pub(crate) async fn prepare(session: &Session, tables: &Tables) -> Result<(), Failure> {
    let server: String = session.value("select current_setting('server_version_num')").await?;
    if server.parse().unwrap_or(0) < OLDEST_SERVER {
        return Err(LedgerError::new("the PostgreSQL server is older than version 13")
            .hint("use a server of version 13 or later")
            .into());
    }
    if !exists(session, tables).await? {
        create(session, tables).await?;
    }
    check(session, tables).await
}

/// Checks the version of tables that exist.
pub(crate) async fn check(session: &Session, tables: &Tables) -> Result<(), Failure> {
    let Tables { name, version: needed, .. } = tables;
    let version: i32 = session.value(&format!("select version from kpn_things.{name}")).await?;
    if version == *needed {
        return Ok(());
    }
    let message = format!("the {name} has version {version}, and this program needs version {needed}");
    let hint = if version > *needed { "update the program" } else { tables.outdated };
    Err(LedgerError::new(message).hint(hint).into())
}

/// Refuses a server that confirms what it has not written.
pub(crate) async fn durable(session: &Session) -> Result<(), Failure> {
    let fsync: String = session.value("select current_setting('fsync')").await?;
    if fsync == "on" {
        return Ok(());
    }
    Err(LedgerError::new(
        "the PostgreSQL server runs with fsync = off, so a crash of its machine can undo what it confirmed",
    )
    .hint("set fsync = on, and restart the server")
    .into())
}

pub(crate) async fn exists(session: &Session, tables: &Tables) -> Result<bool, Failure> {
    // Unlike `to_regclass`, this sees what another session has created while this one waited.
    let query = format!(
        "select exists (select from pg_catalog.pg_class as class
        join pg_catalog.pg_namespace as namespace on namespace.oid = class.relnamespace
        where namespace.nspname = 'kpn_things' and class.relname = '{}')",
        tables.name
    );
    session.value(&query).await
}

/// Two first users do not collide: one waits for the other, and finds the tables.
async fn create(session: &Session, tables: &Tables) -> Result<(), Failure> {
    session.begin(&format!("select pg_advisory_xact_lock({LOCKS}, {CREATING})")).await?;
    if !exists(session, tables).await? {
        // `if not exists` requires the right to create a schema even if an administrator has created it.
        let query = "select exists (select from pg_catalog.pg_namespace where nspname = 'kpn_things')";
        if !session.value(query).await? {
            session.batch("create schema kpn_things").await?;
        }
        session.batch(tables.sql).await?;
    }
    session.batch("commit").await
}
