//! The inbox in a SQLite file.

use tempfile::TempDir;

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
    fn name(&self) -> String {
        self.folder.path().join("inbox.db").display().to_string()
    }
}
