//! The tables of an inbox in a SQLite file.

use crate::sqlite::content::Content;

/// An inbox of received messages. Its mark is `KPNI`.
pub(crate) static INBOX: Content = Content {
    name: "inbox",
    with_article: "an inbox",
    application: 0x4B50_4E49,
    version: 1,
    tables: TABLES,
    holder: "receiver",
    then: "",
    outdated: "read it to its end with that version, or name another file",
    damaged: "keep the file, and name another one for new messages. `sqlite3 FILE .recover` reads what is left of it",
};

/// Times are in milliseconds since 1970.
///
/// Ids are consecutive: one process appends, and only the oldest messages are removed. `removed` is the newest id that was
/// removed, so that no id is used twice. There is no index except for the ids, because one of the digests would be written all
/// over once it is large. The digest is before the body, so that it is read without it.
const TABLES: &str = "
    CREATE TABLE inbox (
        removed INTEGER NOT NULL
    ) STRICT;
    INSERT INTO inbox VALUES (0);
    CREATE TABLE message (
        id INTEGER PRIMARY KEY,
        received INTEGER NOT NULL,
        digest BLOB NOT NULL,
        source TEXT NOT NULL,
        label TEXT,
        headers BLOB NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE consumer (
        name TEXT PRIMARY KEY,
        message INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";
