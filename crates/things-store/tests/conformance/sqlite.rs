//! The store in a SQLite file.

use tempfile::TempDir;
use things_store::{SqliteStore, Store};

use crate::maker::Maker;

pub(crate) struct Sqlite {
    folder: TempDir,
}

impl Default for Sqlite {
    fn default() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }
}

impl Maker for Sqlite {
    fn store(&self) -> Box<dyn Store> {
        Box::new(SqliteStore::open(self.folder.path().join("ledger.db")).unwrap())
    }
}
