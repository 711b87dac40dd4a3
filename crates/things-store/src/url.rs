//! The names of ledgers that are URLs.

use percent_encoding::percent_decode_str;

use crate::LedgerError;

/// The parameters of a URL that are passwords.
const PASSWORDS: [&str; 2] = ["password", "sslpassword"];

/// Whether this is the URL of a PostgreSQL database, and not the path of a file.
pub(crate) fn is_postgres(ledger: &str) -> bool {
    let scheme = ledger.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme.is_some_and(|scheme| scheme == "postgres" || scheme == "postgresql")
}

/// Refuses a ledger whose URL has a password. A program calls this with a URL from its command line, because other users of
/// the machine see the arguments of a program.
///
/// # Errors
///
/// Returns an error that says where the password can be instead. It does not show the URL.
pub fn refuse_password(ledger: &str) -> Result<(), LedgerError> {
    if !is_postgres(ledger) {
        return Ok(());
    }
    let (_, rest) = ledger.split_once("://").unwrap_or_default();
    let (_, query) = split(ledger);
    let in_query = query.iter().any(|(name, _)| PASSWORDS.contains(&name.as_str()));
    if !in_query && !has_password(rest) {
        return Ok(());
    }
    let message = "the URL of the ledger has a password, which other users see in the list of processes";
    let hint = "set PGPASSWORD, add a line to ~/.pgpass, or put the whole URL into KPN_THINGS_LEDGER";
    Err(LedgerError::new(message).hint(hint))
}

/// Whether there is a password before the host. It may contain characters that it should not.
fn has_password(rest: &str) -> bool {
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((user, _)) => user.contains(':'),
        // What looks like a host and a port is a name and the beginning of a password.
        None => {
            let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
            rest.contains('@') && !port.bytes().all(|byte| byte.is_ascii_digit())
        }
    }
}

/// Returns what is before the question mark of a URL, and the decoded parameters behind it.
pub(crate) fn split(url: &str) -> (&str, Vec<(String, String)>) {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    });
    (base, pairs.collect())
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
            "postgres://%2Frun%2Fpostgresql/a:b@c",
            "postgres://db.example:5432/ledger?application_name=me@here",
            "ledger.db",
            "C:\\ledger:1@x.db",
        ] {
            refuse_password(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        }
    }
}
