//! What a file of SQLite contains, and what messages call it.

use super::schema::LEDGER;
use crate::inbox::INBOX;

/// A kind of file: how it is recognised, and how errors speak of it.
#[derive(Debug)]
pub(crate) struct Content {
    /// Such as `ledger`.
    pub(crate) name: &'static str,
    /// The same with its article.
    pub(crate) with_article: &'static str,
    /// `PRAGMA application_id`. It marks the file for us and for `file`.
    pub(crate) application: i32,
    /// `PRAGMA user_version`: the version of the tables.
    pub(crate) version: i32,
    pub(crate) tables: &'static str,
    /// The one process that may hold the file.
    pub(crate) holder: &'static str,
    /// What follows once there is room again, after a hint to make room.
    pub(crate) then: &'static str,
    /// What to do with a file of an older version.
    pub(crate) outdated: &'static str,
    /// What to do with a damaged file.
    pub(crate) damaged: &'static str,
}

impl Content {
    /// Returns the kind of file with this mark.
    pub(super) fn of(application: i32) -> Option<&'static Self> {
        [&LEDGER, &INBOX].into_iter().find(|content| content.application == application)
    }
}
