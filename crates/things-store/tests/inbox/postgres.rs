//! The inbox on PostgreSQL, and what only it promises: several receivers, and a server that can be lost.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use things_store::inbox::{Inbox, InboxError, InboxOptions, PostgresInbox};
use things_store::{JobId, NewJob, PostgresStore, Store};
use things_tests::postgres::Server;

use crate::maker::{Maker, all, append, at, message, window};
use crate::wire::{Cut, Wire};

/// A database of its own.
pub(crate) struct Postgres {
    url: String,
}

impl Default for Postgres {
    fn default() -> Self {
        Self { url: Server::shared().expect("the tests are skipped without a server").database() }
    }
}

impl Maker for Postgres {
    fn is_available() -> bool
    where
        Self: Sized,
    {
        Server::shared().is_some()
    }

    fn name(&self) -> String {
        self.url.clone()
    }
}

fn database(url: &str) -> &str {
    url.rsplit_once('/').unwrap().1
}

fn open(url: &str) -> Box<dyn Inbox> {
    Box::new(PostgresInbox::connect(url, &InboxOptions::default()).unwrap())
}

#[test]
fn several_receivers_store_each_message_once_and_leave_no_gap() {
    const RECEIVERS: usize = 4;
    const MESSAGES: u64 = 400;
    if !Postgres::is_available() {
        return;
    }
    let maker = Postgres::default();
    let finished = AtomicUsize::new(0);
    // How many receivers stored each message, by the results of their appends.
    let stored: Vec<AtomicUsize> = (0..MESSAGES).map(|_| AtomicUsize::new(0)).collect();
    drop(maker.receiver(&window(60)));
    let mut read = Vec::new();
    std::thread::scope(|scope| {
        for receiver in 0..RECEIVERS {
            let (maker, finished, stored) = (&maker, &finished, &stored);
            scope.spawn(move || {
                let mut inbox = maker.receiver(&window(60));
                // All get all messages, in another order and in other batches.
                let mut numbers: Vec<u64> = (0..MESSAGES).map(|number| number * 7 % MESSAGES).collect();
                numbers.rotate_left(receiver * 50);
                for batch in numbers.chunks(3 + receiver) {
                    let messages: Vec<_> = batch.iter().map(|number| message(&number.to_string())).collect();
                    for (number, id) in batch.iter().zip(append(&mut inbox, &messages)) {
                        stored[*number as usize].fetch_add(usize::from(id != 0), Ordering::SeqCst);
                    }
                }
                finished.fetch_add(1, Ordering::SeqCst);
            });
        }
        let mut consumer = maker.consumer();
        let mut last = 0;
        loop {
            let is_last = finished.load(Ordering::SeqCst) == RECEIVERS;
            let messages = consumer.read(last, 50).unwrap();
            for message in &messages {
                assert_eq!(message.id, last + 1, "a message appears before one that was read");
                last = message.id;
                read.push(String::from_utf8(message.body.clone()).unwrap());
            }
            if is_last && messages.is_empty() {
                break;
            }
        }
    });
    assert_eq!(read.len() as u64, MESSAGES);
    assert_eq!(read.iter().collect::<HashSet<_>>().len() as u64, MESSAGES);
    assert!(stored.iter().all(|times| times.load(Ordering::SeqCst) == 1));
}

#[test]
fn first_receivers_create_the_tables_once() {
    if !Postgres::is_available() {
        return;
    }
    let maker = Postgres::default();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| maker.receiver(&window(60)).counts().unwrap());
        }
    });
    assert_eq!(all(&mut maker.consumer()), []);
}

#[test]
fn an_inbox_that_does_not_exist_is_not_created_by_a_consumer() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let error = PostgresInbox::read(&url).unwrap_err();
    assert!(error.message().contains("there is no inbox") && error.advice().is_some(), "{error}");
    assert_eq!(
        server.sql(database(&url), "select count(*) from pg_namespace where nspname = 'kpn_things'"),
        "0"
    );
}

#[test]
fn a_database_can_have_a_ledger_and_an_inbox() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let mut inbox = open(&url);
    let mut store = PostgresStore::connect(&url).unwrap();
    let job = NewJob {
        id: JobId::generate(1, 1),
        created: SystemTime::now(),
        source: String::new(),
        digest: String::new(),
        account: String::new(),
        options: String::new(),
    };
    store.create(&job, &mut std::iter::empty()).unwrap();
    assert_eq!(append(&mut inbox, &[message("a")]), [1]);
    assert_eq!(store.jobs().unwrap().len(), 1);
}

#[test]
fn another_version_is_refused() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    drop(open(&url));
    for version in [0, 2] {
        server.sql(database(&url), &format!("update kpn_things.inbox set version = {version}"));
        let receiver = PostgresInbox::connect(&url, &InboxOptions::default()).err();
        for error in [receiver, PostgresInbox::read(&url).err()] {
            let error = error.expect("it must be refused");
            assert!(error.message().contains(&format!("the inbox has version {version}")), "{error}");
            assert!(error.advice().is_some() && !error.is_temporary(), "{error}");
        }
    }
}

#[test]
fn a_url_that_is_not_valid_does_not_show_its_password() {
    let Err(error) = PostgresInbox::read("postgres://kpn:s3cret@db.example/x?sslcert=a") else { panic!() };
    assert!(
        error.message().contains("sslcert") && !format!("{error} {error:?}").contains("s3cret"),
        "{error}"
    );
}

#[test]
fn digests_that_are_too_old_are_removed() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let mut inbox: Box<dyn Inbox> = Box::new(PostgresInbox::connect(&url, &window(60)).unwrap());
    let count = || server.sql(database(&url), "select count(*) from kpn_things.digest");
    append(&mut inbox, &(0..10).map(|number| at(0, &number.to_string())).collect::<Vec<_>>());
    append(&mut inbox, &[at(59, "a"), at(59, "b")]);
    assert_eq!(count(), "12");
    // Each message removes two.
    append(&mut inbox, &[at(60, "c"), at(60, "d"), at(60, "e")]);
    assert_eq!(count(), "9");
    append(&mut inbox, &[at(118, "f"), at(118, "g")]);
    assert_eq!(count(), "7");
    // Without a window, nothing is added or removed.
    let mut every: Box<dyn Inbox> = Box::new(PostgresInbox::connect(&url, &window(0)).unwrap());
    append(&mut every, &[at(900, "a")]);
    assert_eq!(count(), "7");
    assert_eq!(inbox.counts().unwrap().messages, 18);
}

/// What an error that is not the end of a receiver looks like.
fn passes(result: Result<impl Sized, InboxError>) -> InboxError {
    let error = result.err().expect("the server is away");
    assert!(error.is_temporary(), "{error}");
    error
}

#[test]
fn a_commit_that_was_not_confirmed_is_stored_once_by_its_retry() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    drop(open(&url));
    let wire = Wire::to(&url);
    let mut inbox = open(&wire.url(&url));
    assert_eq!(append(&mut inbox, &[message("a")]), [1]);
    wire.cut(Cut::BeforeCommitted);
    passes(inbox.append(&[message("b"), message("c")]));
    assert!(wire.is_cut());
    // It was committed, so it is a duplicate of itself.
    assert_eq!(append(&mut inbox, &[message("b"), message("c"), message("d")]), [0, 0, 4]);
    let bodies: String = all(&mut inbox).into_iter().map(|(_, body)| body).collect();
    assert_eq!(bodies, "abcd");
}

#[test]
fn a_connection_that_was_lost_is_opened_again() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    drop(open(&url));
    let wire = Wire::to(&url);
    let mut inbox = open(&wire.url(&url));
    wire.cut(Cut::AfterCommitted);
    assert_eq!(append(&mut inbox, &[message("a")]), [1]);
    // It may be noticed before or after the next message was sent.
    let ids = match inbox.append(&[message("b")]) {
        Ok(appended) => vec![appended[0].id.unwrap_or(0)],
        Err(error) => {
            assert!(error.is_temporary(), "{error}");
            append(&mut inbox, &[message("b")])
        }
    };
    assert_eq!(ids, [2]);
}

#[test]
fn a_server_that_crashes_keeps_every_message() {
    let Some(server) = Server::start() else { return };
    let url = server.database();
    let mut inbox = open(&url);
    let mut consumer = PostgresInbox::read(&url).unwrap();
    assert_eq!(append(&mut inbox, &[message("a"), message("b")]), [1, 2]);
    consumer.advance("reader", 1).unwrap();
    server.crash();
    passes(inbox.append(&[message("c")]));
    let error = passes(inbox.append(&[message("c")]));
    assert!(error.message().starts_with("could not connect"), "{error}");
    passes(consumer.read(0, 9));
    server.up();
    assert_eq!(append(&mut inbox, &[message("a"), message("c")]), [0, 3]);
    assert_eq!((consumer.cursor("reader").unwrap(), consumer.read(1, 9).unwrap().len()), (1, 2));
}

#[test]
fn a_server_that_cannot_keep_a_message_is_refused() {
    let Some(server) = Server::start() else { return };
    let url = server.database();
    append(&mut open(&url), &[message("a")]);
    let connect = || PostgresInbox::connect(&url, &InboxOptions::default());
    server.configure("fsync = off\n");
    server.restart();
    let error = connect().unwrap_err();
    assert!(error.message().contains("fsync = off") && error.advice().is_some(), "{error}");
    server.configure("fsync = on\n");
    server.file("standby.signal", "");
    server.restart();
    let error = passes(connect());
    assert!(error.advice().is_some_and(|hint| hint.contains("primary")), "{error}");
    // It can be read.
    assert_eq!(PostgresInbox::read(&url).unwrap().read(0, 9).unwrap().len(), 1);
}

/// A role or a pooler whose settings would make a commit less than durable.
#[test]
fn a_commit_is_durable_whatever_the_role_has_as_defaults() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    drop(open(&url));
    let name = database(&url);
    for setting in ["synchronous_commit = off", "default_transaction_read_only = on"] {
        server.sql(name, &format!("alter database {name} set {setting}"));
    }
    server.sql(
        name,
        "set transaction read write;
         create table seen (synchronous text);
         create function look() returns trigger language plpgsql as $$ begin
             insert into seen values (current_setting('synchronous_commit'));
             return null;
         end $$;
         create trigger look after insert on kpn_things.message execute function look()",
    );
    let mut inbox = open(&url);
    assert_eq!(append(&mut inbox, &[message("a")]), [1]);
    inbox.advance("reader", 1).unwrap();
    assert_eq!(server.sql(name, "select string_agg(synchronous, ' ') from seen"), "on");
    assert_eq!(inbox.remove_before(2).unwrap(), 1);
}

/// The runtime of the connection is never inside another one, nor dropped there.
#[test]
fn an_inbox_may_be_used_and_dropped_inside_a_runtime() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        assert_eq!(append(&mut open(&url), &[message("a")]), [1]);
    });
}
