//! The names of stores that are URLs.

use percent_encoding::percent_decode_str;

use crate::LedgerError;

/// Whether the name of a ledger or an inbox is the URL of a PostgreSQL database, and not the path of a file.
///
/// # Errors
///
/// Returns an error for a URL of anything else. It does not show the URL, because that can contain a password.
pub fn is_postgres(name: &str) -> Result<bool, LedgerError> {
    let Some((scheme, _)) = name.split_once("://") else { return Ok(false) };
    if scheme.eq_ignore_ascii_case("postgres") || scheme.eq_ignore_ascii_case("postgresql") {
        return Ok(true);
    }
    let why = "the name of the ledger or inbox is a URL, but not that of a PostgreSQL database";
    Err(LedgerError::new(why).hint(
        "it must begin with postgres:// or postgresql://, without a quote or a driver such as +psycopg",
    ))
}

/// Refuses a ledger or an inbox whose URL has a password. A program calls this with a URL from its command line, because other users of
/// the machine see the arguments of a program.
///
/// # Errors
///
/// Returns an error that names the places where the password can be instead, or the errors of [`is_postgres`]. Neither shows
/// the URL.
pub fn refuse_password(ledger: &str) -> Result<(), LedgerError> {
    if !is_postgres(ledger)? {
        return Ok(());
    }
    let (_, rest) = ledger.split_once("://").unwrap_or_default();
    let (_, query) = split(ledger);
    let in_query = query.iter().any(|(name, _)| is_password(name));
    if !in_query && password(rest).is_none() {
        return Ok(());
    }
    let message = "the URL of the database has a password, which other users see in the list of processes";
    let hint = "set PGPASSWORD, add a line to ~/.pgpass, or put the whole URL into KPN_THINGS_LEDGER for a ledger, or \
                KPN_THINGS_STORE for an inbox";
    Err(LedgerError::new(message).hint(hint))
}

/// Returns the name of a ledger or an inbox without the passwords in it. The path of a file stays as it is.
pub fn without_password(ledger: &str) -> String {
    let Some((scheme, rest)) = ledger.split_once("://") else { return ledger.to_owned() };
    let rest = match password(rest) {
        Some((user, host)) => format!("{user}@{host}"),
        None => rest.to_owned(),
    };
    let (base, query) = rest.split_once('?').unwrap_or((&rest, ""));
    let kept: Vec<_> =
        query.split('&').filter(|pair| !pair.is_empty() && !is_password(&pair_of(pair).0)).collect();
    let mark = if kept.is_empty() { "" } else { "?" };
    format!("{scheme}://{base}{mark}{}", kept.join("&"))
}

/// Whether this parameter of a URL is a password, such as `password` and `sslpassword`.
fn is_password(name: &str) -> bool {
    name.to_ascii_lowercase().contains("password")
}

/// Returns the text before and behind the password of a user, if there is one. It may contain characters that it should not.
fn password(rest: &str) -> Option<(&str, &str)> {
    let (base, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (user, host) = match base.rfind('@') {
        Some(at) => rest.split_at(at),
        None => {
            // What looks like a host and a port is a name and the beginning of a password.
            let port =
                base.split('/').next().and_then(|host| host.rsplit_once(':')).map_or("", |(_, port)| port);
            let is_password = !port.bytes().all(|byte| byte.is_ascii_digit());
            let in_name = |pair: &str| pair.split('=').next().is_some_and(|name| name.contains('@'));
            let at = rest.rfind('@').filter(|_| is_password || query.split('&').any(in_name))?;
            rest.split_at(at)
        }
    };
    Some((user.split_once(':')?.0, host.strip_prefix('@')?))
}

/// Returns what is before the question mark of a URL, and the decoded parameters behind it.
pub(crate) fn split(url: &str) -> (&str, Vec<(String, String)>) {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    (base, query.split('&').filter(|pair| !pair.is_empty()).map(pair_of).collect())
}

/// Returns the decoded name and value of a parameter.
fn pair_of(parameter: &str) -> (String, String) {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    (decoded(name), decoded(value))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_refused_where_others_can_see_it() {
        for url in [
            "postgres://valve:s3cret@db.example/ledger",
            "postgresql://valve:@db.example/ledger",
            "POSTGRES://valve:s3cret@db.example",
            "postgres://valve:s3c/ret@db.example/ledger",
            "postgres://valve:s3c?ret@db.example/ledger",
            "postgres://valve:s3c@ret@db.example/ledger",
            "postgres://valve:12/s3cret@db.example/ledger",
            "postgres://valve:12?s3cret@db.example/ledger",
            "postgres://db.example/ledger?user=valve&password=s3cret",
            "postgres://db.example/ledger?p%61ssword=s3cret",
        ] {
            let error = refuse_password(url).unwrap_err();
            assert!(error.to_string().contains("PGPASSWORD"), "{error}");
            assert!(!format!("{error} {error:?}").contains("s3c"), "{error}");
        }
        for url in [
            "postgres://valve@db.example:5432/ledger?sslmode=verify-full",
            "postgres://db.example:5432/ledger",
            "postgres://%2Frun%2Fpostgresql/a:b%40c",
            "postgres://db.example:5432/ledger?application_name=me@here",
            "ledger.db",
            "C:\\ledger:1@x.db",
        ] {
            refuse_password(url).unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!(without_password(url), url);
        }
    }

    #[test]
    fn a_url_of_anything_else_is_no_file() {
        for url in [
            "\"postgres://valve:s3cret@db.example/ledger\"",
            " postgres://valve:s3cret@db.example/ledger",
            "postgresql+psycopg://valve:s3cret@db.example/ledger",
            "mysql://valve:s3cret@db.example/ledger",
        ] {
            for error in [is_postgres(url).unwrap_err(), refuse_password(url).unwrap_err()] {
                assert!(
                    error.to_string().contains("is a URL, but not that of a PostgreSQL database"),
                    "{error}"
                );
                assert!(!format!("{error} {error:?}").contains("s3c"), "{error}");
            }
        }
        assert!(is_postgres("Postgres://db/x").unwrap());
        assert!(!is_postgres("ledger.db").unwrap());
    }

    #[test]
    fn a_name_without_its_password_leads_to_the_same_server() {
        for (url, kept) in [
            ("postgres://valve:s3cret@db.example/ledger", "postgres://valve@db.example/ledger"),
            ("POSTGRESQL://valve:@db.example/ledger", "POSTGRESQL://valve@db.example/ledger"),
            ("postgres://valve:s3c/ret@db.example/ledger", "postgres://valve@db.example/ledger"),
            ("postgres://valve:s3c?ret@db.example/ledger", "postgres://valve@db.example/ledger"),
            ("postgres://valve:s3c@ret@db.example/ledger", "postgres://valve@db.example/ledger"),
            ("postgres://db/x?user=me&password=s3cret", "postgres://db/x?user=me"),
            ("postgres://db/x?p%61ssword=s3cret&sslPassword=s3c", "postgres://db/x"),
            (
                "postgres://me:s3cret@db/x?application_name=a@b&port=1",
                "postgres://me@db/x?application_name=a@b&port=1",
            ),
            (
                "postgres://db:5432/x?application_name=me@here",
                "postgres://db:5432/x?application_name=me@here",
            ),
            ("postgres://db/x?application_name=password", "postgres://db/x?application_name=password"),
            ("me:s3cret@x?password=1", "me:s3cret@x?password=1"),
            ("postgres://valve:12/s3cret@db.example/ledger", "postgres://valve@db.example/ledger"),
            ("postgresql+psycopg://valve:s3cret@db/ledger", "postgresql+psycopg://valve@db/ledger"),
        ] {
            assert_eq!(without_password(url), kept);
        }
    }
}
