//! The database that an option or a variable names: a SQLite file, or a PostgreSQL database that machines share.

use std::{env, path};

use things_core::LedgerError;

use crate::failure::Failure;
use crate::shell::word;

/// The name of a database, which need not exist yet. It has no `Debug`, because the address can contain a password.
#[derive(Clone)]
pub(crate) struct Database {
    /// The path of a file, or a URL, which can contain a password if it comes from the variable.
    address: String,
    is_shared: bool,
    source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Option(&'static str),
    Variable(&'static str),
    Default,
}

impl Database {
    /// Returns the database that the option names, or else the variable. A URL with a password is refused in the option,
    /// because other users can read command lines.
    pub(crate) fn named(
        value: Option<String>,
        option: &'static str,
        variable: &'static str,
    ) -> Result<Option<Self>, Failure> {
        let is_shared = |address: &str| {
            things_store::is_postgres(address).map_err(|error| Failure::Usage(in_lines(&error)))
        };
        if let Some(address) = value {
            if address.is_empty() {
                return Err(Failure::Usage(format!("{option} is empty: name a file or a PostgreSQL URL")));
            }
            things_store::refuse_password(&address).map_err(|error| Failure::Usage(in_lines(&error)))?;
            let is_shared = is_shared(&address)?;
            return Ok(Some(Self { address, is_shared, source: Source::Option(option) }.absolute()));
        }
        match env::var(variable) {
            Ok(address) if !address.is_empty() => {
                let is_shared = is_shared(&address)?;
                Ok(Some(Self { address, is_shared, source: Source::Variable(variable) }.absolute()))
            }
            Err(env::VarError::NotUnicode(_)) => Err(Failure::Usage(format!("{variable} is not UTF-8"))),
            Ok(_) | Err(env::VarError::NotPresent) => Ok(None),
        }
    }

    /// The SQLite file at this path, which nobody named.
    pub(crate) fn file(path: String) -> Self {
        Self { address: path, is_shared: false, source: Source::Default }
    }

    /// A command may be shown to be run in another directory.
    fn absolute(self) -> Self {
        let absolute =
            path::absolute(&self.address).ok().and_then(|path| path.into_os_string().into_string().ok());
        match absolute {
            Some(address) if !self.is_shared => Self { address, ..self },
            _ => self,
        }
    }

    /// The path or the URL, which may contain a password.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Whether several machines can share the database.
    pub(crate) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// The database as messages name it: without what may be secret. `noun` is what is in it.
    pub(crate) fn name(&self, noun: &str) -> String {
        match (self.is_shared, self.source) {
            (true, Source::Variable(variable)) => format!("the {noun} of {variable}"),
            _ => self.address.clone(),
        }
    }

    /// The option of a command on this database, with a space in front. A database of the variable or of the default needs none.
    pub(crate) fn option(&self) -> String {
        match self.source {
            Source::Option(option) => format!(" {option} {}", word(&self.address)),
            Source::Variable(_) | Source::Default => String::new(),
        }
    }
}

/// The message of an error of a database, with its hint on a line of its own.
pub(crate) fn in_lines(error: &LedgerError) -> String {
    let hint = error.advice().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    format!("{}{hint}", error.message())
}
