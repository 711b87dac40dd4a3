//! One connection to the server, with the statements that it has prepared.

use std::collections::HashMap;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSqlOwned, ToSql};
use tokio_postgres::{Client, Row, Statement};

use super::address::Address;
use super::failure::Failure;

/// Begins a transaction that writes and whose commit is durable, whatever the role or the database has as defaults. A pooler
/// can run each transaction on another connection to the server, so nothing is set for longer than one.
const WRITE: &str = "begin isolation level read committed read write;
    select set_config('synchronous_commit', 'on', true)
    where current_setting('synchronous_commit') not in ('on', 'remote_apply')";

/// A parameter of a statement.
pub(crate) type Parameter<'a> = &'a (dyn ToSql + Sync);

/// An open connection.
pub(crate) struct Session {
    client: Client,
    /// Moves the bytes, as long as the thread of the connection runs something.
    wire: JoinHandle<()>,
    prepared: HashMap<&'static str, Statement>,
}

impl Session {
    pub(crate) async fn open(address: &Address, patience: Duration) -> Result<Self, Failure> {
        timeout(patience, Self::start(address)).await.map_err(|_| Failure::TimedOut)?
    }

    async fn start(address: &Address) -> Result<Self, Failure> {
        let (client, wire) = address.connect().await?;
        Ok(Self { client, wire, prepared: HashMap::new() })
    }

    /// Closes the connection, so that the server ends its transaction.
    pub(crate) async fn close(self) {
        let Self { client, mut wire, .. } = self;
        drop(client);
        // The task says goodbye once the server has responded to what is in flight, which may never happen.
        if timeout(Duration::from_millis(100), &mut wire).await.is_err() {
            wire.abort();
            let _ = wire.await;
        }
    }

    /// Whether the server has closed the connection, as far as that has been noticed.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed() || self.wire.is_finished()
    }

    /// Begins a transaction that writes, and runs statements in it, in one message.
    pub(crate) async fn begin(&self, statements: &str) -> Result<(), Failure> {
        let begun = self.client.batch_execute(&format!("{WRITE}; {statements}")).await;
        begun.map_err(|error| match error.code() {
            // The response of a standby to a transaction that writes.
            Some(code) if *code == SqlState::FEATURE_NOT_SUPPORTED => Failure::Standby(error),
            _ => error.into(),
        })
    }

    /// Runs statements without parameters, in one message.
    pub(crate) async fn batch(&self, statements: &str) -> Result<(), Failure> {
        Ok(self.client.batch_execute(statements).await?)
    }

    /// Returns the only value of a query without parameters.
    pub(crate) async fn value<T: FromSqlOwned>(&self, query: &str) -> Result<T, Failure> {
        Ok(self.client.query_one(query, &[]).await?.try_get(0)?)
    }

    /// Returns the rows of a statement.
    pub(crate) async fn query(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Failure> {
        Ok(self.client.query(statement, parameters).await?)
    }

    /// Prepares a statement that is used often, once per connection.
    pub(crate) async fn prepare(&mut self, text: &'static str) -> Result<Statement, Failure> {
        if let Some(statement) = self.prepared.get(text) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(text).await?;
        self.prepared.insert(text, statement.clone());
        Ok(statement)
    }

    /// Returns the rows of a prepared statement. Its message is sent when the future is polled first, so that several can
    /// be on their way at once.
    pub(crate) async fn run(
        &self,
        statement: &Statement,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Failure> {
        Ok(self.client.query(statement, parameters).await?)
    }
}
