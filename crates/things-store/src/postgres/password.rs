//! The password of a role, where the programs of PostgreSQL look for it.

use std::path::{Path, PathBuf};
use std::{env, fs};

use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// What a password is wanted for.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    /// The first host.
    pub(crate) host: String,
    /// The number of hosts.
    pub(crate) hosts: usize,
    pub(crate) port: u16,
    pub(crate) database: &'a str,
    pub(crate) user: &'a str,
}

/// The result of looking for a password.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) password: Option<String>,
    /// Why a file was not used.
    pub(crate) advice: Option<String>,
}

impl<'a> Wanted<'a> {
    pub(crate) fn of(config: &'a Config) -> Self {
        let user = config.get_user().unwrap_or_default();
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => String::new(),
        };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        Self {
            host,
            hosts: config.get_hosts().len(),
            port,
            database: config.get_dbname().unwrap_or(user),
            user,
        }
    }
}

/// Looks in the environment variable `PGPASSWORD`, then in the file that `PGPASSFILE` names, or `~/.pgpass`.
pub(crate) fn from_env(wanted: &Wanted<'_>) -> Found {
    if let Some(password) = env::var("PGPASSWORD").ok().filter(|password| !password.is_empty()) {
        return Found { password: Some(password), advice: None };
    }
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".pgpass"));
    if wanted.hosts > 1 {
        let advice = "a password file is not read for a URL of several hosts: set PGPASSWORD".to_owned();
        return Found { password: None, advice: Some(advice) };
    }
    match env::var_os("PGPASSFILE").map(PathBuf::from).or_else(home) {
        Some(file) => from_file(&file, wanted),
        None => Found::default(),
    }
}

fn from_file(file: &Path, wanted: &Wanted<'_>) -> Found {
    let Ok(metadata) = fs::metadata(file) else { return Found::default() };
    if is_open(&metadata) {
        let advice = format!("{0} is ignored, because others can read it: chmod 0600 {0}", file.display());
        return Found { password: None, advice: Some(advice) };
    }
    let text = fs::read_to_string(file).unwrap_or_default();
    Found { password: text.lines().find_map(|line| matching(line, wanted)), advice: None }
}

#[cfg(unix)]
fn is_open(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open(_: &fs::Metadata) -> bool {
    false
}

/// Returns the password of a line `host:port:database:user:password`, if it is for this.
fn matching(line: &str, wanted: &Wanted<'_>) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    // A socket in the default directory is called localhost.
    let host = match wanted.host.as_str() {
        "/tmp" | "/run/postgresql" | "/var/run/postgresql" => "localhost",
        host => host,
    };
    let port = wanted.port.to_string();
    let mut fields = fields(line).into_iter();
    for value in [host, port.as_str(), wanted.database, wanted.user] {
        let field = fields.next()?;
        if field.text != value && !field.is_any {
            return None;
        }
    }
    fields.next().map(|field| field.text).filter(|password| !password.is_empty())
}

struct Field {
    text: String,
    is_any: bool,
}

/// Splits a line at its colons. A backslash takes the next character as it is.
fn fields(line: &str) -> Vec<Field> {
    let (mut fields, mut text, mut raw) = (Vec::new(), String::new(), String::new());
    let mut characters = line.chars();
    loop {
        let next = characters.next();
        match next {
            Some(':') | None => {
                let is_any = raw == "*";
                fields.push(Field { text: std::mem::take(&mut text), is_any });
                raw.clear();
                if next.is_none() {
                    return fields;
                }
            }
            Some('\\') => {
                raw.push('\\');
                text.push(characters.next().unwrap_or('\\'));
            }
            Some(character) => {
                raw.push(character);
                text.push(character);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn wanted() -> Wanted<'static> {
        Wanted { host: "db.example".to_owned(), hosts: 1, port: 5432, database: "ledger", user: "valve" }
    }

    #[test]
    fn a_line_of_a_password_file_names_what_it_is_for() {
        for (line, password) in [
            ("db.example:5432:ledger:valve:s3cret", Some("s3cret")),
            ("*:*:*:*:s3cret", Some("s3cret")),
            ("*:5432:*:valve:a\\:b\\\\c", Some("a:b\\c")),
            ("*:5432:*:valve:a:b", Some("a")),
            ("db.example:5433:ledger:valve:s3cret", None),
            ("db.example:5432:ledger:other:s3cret", None),
            ("db\\.example:5432:ledger:valve:s3cret", Some("s3cret")),
            ("\\*:*:*:*:s3cret", None),
            ("# *:*:*:*:s3cret", None),
            ("*:*:*:*:", None),
            ("*:*:*", None),
            ("", None),
        ] {
            assert_eq!(matching(line, &wanted()).as_deref(), password, "{line}");
        }
        let socket = Wanted { host: "/var/run/postgresql".to_owned(), ..wanted() };
        assert_eq!(matching("localhost:*:*:*:s3cret", &socket).as_deref(), Some("s3cret"));
    }

    #[cfg(unix)]
    #[test]
    fn a_password_file_that_others_can_read_is_ignored() {
        use std::os::unix::fs::PermissionsExt as _;

        let file = env::temp_dir().join(format!("things-pgpass-{}", std::process::id()));
        fs::write(&file, "# ours\nelse:*:*:*:other\n*:*:*:*:s3cret\n*:*:*:*:later\n").unwrap();
        for (mode, password) in
            [(0o600, Some("s3cret")), (0o400, Some("s3cret")), (0o640, None), (0o604, None)]
        {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let found = from_file(&file, &wanted());
            assert_eq!(found.password.as_deref(), password, "{mode:o}");
            assert_eq!(found.advice.is_some(), password.is_none(), "{mode:o}");
        }
        fs::remove_file(&file).unwrap();
        assert!(from_file(&file, &wanted()).password.is_none());
    }
}
