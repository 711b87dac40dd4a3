//! Who may use a ledger, and which server can be one.

use std::env;
use std::process::Command;

use things_store::{LedgerError, PostgresStore, Store};
use things_tests::postgres::Server;

use crate::ledger::{ACCOUNT, LEASE, claim, claiming, counts, create, database, join, open, store};

/// The URL of a database for another role.
fn of_role(url: &str, role: &str) -> String {
    url.replace("//things@", &format!("//{role}@"))
}

fn refused<T>(result: Result<T, LedgerError>, words: &str) {
    let error = result.err().expect("it must be refused");
    assert!(error.message().contains(words), "{error}");
    assert!(!error.is_temporary() && error.advice().is_some(), "{error}");
}

#[test]
fn a_ledger_of_another_version_is_refused() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    create(&url, 1, 1);
    for version in [0, 2] {
        let statement = format!("update kpn_things.ledger set version = {version}");
        server.sql(database(&url), &statement);
        refused(
            PostgresStore::connect(&url),
            &format!("has version {version}, and this program needs version 1"),
        );
    }
}

#[test]
fn a_role_without_rights_is_refused() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let sql = |statement: &str| server.sql(database(&url), statement);
    sql("create role guest login");
    let guest = of_role(&url, "guest");
    refused(PostgresStore::connect(&guest), "permission denied");
    let id = create(&url, 2, 2);
    refused(PostgresStore::connect(&guest), "permission denied");
    sql(
        "grant usage on schema kpn_things to guest; grant select on all tables in schema kpn_things to guest",
    );
    // It may look.
    assert_eq!(counts(&guest, &id).pending, 2);
    refused(Box::new(store(&guest)).open(&id, ACCOUNT, false), "permission denied");
    refused(Box::new(store(&guest)).join(&id, ACCOUNT), "permission denied");
    // A worker needs no more than this.
    sql("grant update on kpn_things.item to guest");
    assert_eq!(claim(&mut join(&guest, &id), 9).claims.len(), 2);
}

#[test]
fn a_server_that_cannot_keep_a_claim_is_refused() {
    let Some(server) = Server::start() else { return };
    let url = server.database();
    let id = create(&url, 1, 1);
    let open = || Box::new(store(&url)).open(&id, ACCOUNT, false);
    let join = || Box::new(store(&url)).join(&id, ACCOUNT);

    server.configure("fsync = off\n");
    server.restart();
    refused(open(), "fsync = off");
    refused(join(), "fsync = off");
    server.configure("fsync = on\n");

    server.file("standby.signal", "");
    server.restart();
    assert_eq!(counts(&url, &id).pending, 1);
    for result in [open(), join()] {
        let error = result.err().expect("a standby must be refused");
        assert!(error.advice().is_some_and(|hint| hint.contains("primary")), "{error}");
    }
}

#[test]
fn a_database_or_a_server_that_is_not_there_is_named() {
    let Some(server) = Server::shared() else { return };
    refused(PostgresStore::connect(&server.url("nowhere")), "nowhere");
    let error = PostgresStore::connect("postgres://things@127.0.0.1:1/ledger").unwrap_err();
    assert!(
        error.message().starts_with("could not connect to PostgreSQL at 127.0.0.1:1/ledger: "),
        "{error}"
    );
    assert!(error.message().contains("refused") && error.is_temporary(), "{error}");
}

/// A role whose defaults would make a claim less than durable.
#[test]
fn a_role_cannot_weaken_a_commit() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let id = create(&url, 2, 2);
    let name = database(&url);
    for setting in [
        "synchronous_commit = off",
        "default_transaction_isolation = 'serializable'",
        "default_transaction_read_only = on",
    ] {
        server.sql(name, &format!("alter database {name} set {setting}"));
    }
    // A trigger sees the settings of the transaction that claims.
    server.sql(
        name,
        "set transaction read write;
         create table seen (synchronous text, isolation text);
         create function look() returns trigger language plpgsql as $$ begin
             insert into seen values (current_setting('synchronous_commit'), current_setting('transaction_isolation'));
             return null;
         end $$;
         create trigger look after update on kpn_things.item execute function look()",
    );
    assert_eq!(claim(&mut open(&url, &id), 1).claims.len(), 1);
    let seen = server.sql(name, "select distinct synchronous, isolation from seen");
    assert_eq!(seen, "on|read committed");
}

/// A pooler can run the next transaction on a connection whose setting somebody has changed.
#[test]
fn each_transaction_is_durable_whatever_its_connection_was_set_to() {
    let Some(server) = Server::shared() else { return };
    for (setting, expected) in [("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")] {
        let url = server.database();
        let id = create(&url, 2, 2);
        server.sql(
            database(&url),
            &format!(
                "create table seen (synchronous text);
                 create function look() returns trigger language plpgsql as $$ begin
                     insert into seen values (current_setting('synchronous_commit'));
                     perform set_config('synchronous_commit', '{setting}', false);
                     return null;
                 end $$;
                 create trigger look after update on kpn_things.item execute function look()"
            ),
        );
        let mut ledger = open(&url, &id);
        server.sql(database(&url), "truncate seen");
        claim(&mut ledger, 1);
        server.sql(database(&url), "truncate seen");
        claim(&mut ledger, 1);
        let seen = server.sql(database(&url), "select synchronous from seen limit 1");
        assert_eq!(seen, expected, "{setting}");
    }
}

/// A standby reports the same code, but only for the begin of a transaction that writes.
#[test]
fn what_a_server_does_not_support_is_no_standby() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let id = create(&url, 1, 1);
    let mut ledger = open(&url, &id);
    server.sql(
        database(&url),
        "create function refuse() returns trigger language plpgsql as $$ begin
             raise 'not here' using errcode = 'feature_not_supported';
         end $$;
         create trigger refuse before update on kpn_things.item execute function refuse()",
    );
    let error = ledger.commit(&claiming(1, LEASE)).unwrap_err();
    assert!(!error.is_temporary() && error.message().contains("not here"), "{error}");
    assert!(error.advice().is_none(), "{error}");
}

/// The environment of a process must not change while its threads read it, so this is another process.
#[test]
fn a_password_comes_from_the_environment_or_from_a_file() {
    let Some(server) = Server::start() else { return };
    let url = server.database();
    server.sql("postgres", "alter role things password 's3cret-canary'");
    server.file("pg_hba.conf", "local all all scram-sha-256\n");
    server.restart();
    let connect = |variables: &[(&str, &str)]| {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "access::child_that_connects", "--ignored", "--nocapture"])
            .env_remove("PGPASSWORD")
            .env_remove("PGPASSFILE")
            .env("HOME", "/nonexistent")
            .env("THINGS_TEST_URL", &url)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let told =
            format!("{}{}", String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
        assert!(!told.contains("s3cret-canary"), "{told}");
        (child.status.success(), told)
    };
    let (connected, told) = connect(&[]);
    assert!(!connected && told.contains("PGPASSWORD or ~/.pgpass"), "{told}");
    let (connected, told) = connect(&[("PGPASSWORD", "wrong")]);
    assert!(!connected && told.contains("password authentication failed"), "{told}");
    let (connected, told) = connect(&[("PGPASSWORD", "s3cret-canary")]);
    assert!(connected, "{told}");

    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".pgpass");
    std::fs::write(&file, "*:*:*:things:s3cret-canary\n").unwrap();
    let allow = |mode| {
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    let (home, file) = (home.path().to_str().unwrap(), file.to_str().unwrap());
    for variable in [("HOME", home), ("PGPASSFILE", file)] {
        allow(0o600);
        let (connected, told) = connect(&[variable]);
        assert!(connected, "{told}");
        allow(0o644);
        let (connected, told) = connect(&[variable]);
        assert!(!connected && told.contains(&format!("chmod 0600 {file}")), "{told}");
    }
    // A URL from a safe place may have it.
    let with_password = url.replace("//things@", "//things:s3cret-canary@");
    assert_eq!(things_store::open(&with_password).unwrap().jobs().unwrap().len(), 0);
    let with_wrong = url.replace("//things@", "//things:s3cret-canary-2@");
    let error = PostgresStore::connect(&with_wrong).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
}

#[test]
#[ignore = "a process of the test above"]
fn child_that_connects() {
    let url = env::var("THINGS_TEST_URL").unwrap();
    things_store::open_from_env(&url).unwrap();
}
