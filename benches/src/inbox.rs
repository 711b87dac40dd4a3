//! S23 and S24, the share of the store: batches that are appended to an inbox, against an append log with `fdatasync`, and an
//! inbox with a million messages against an empty one.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use things_store::inbox::{
    Appended, Inbox, InboxCounts, InboxError, InboxOptions, Message, NewMessage, Source, SqliteInbox,
};

use crate::report::{Report, median, time};

/// Messages per batch: as many as there are connections in S23.
const BATCH: u64 = 64;

/// The size of a message of KPN Things.
pub(crate) const BODY: usize = 837;

/// Batches per round.
const BATCHES: u64 = 300;

const ROUNDS: u64 = 7;

/// The messages of a large inbox.
pub(crate) const STORED: u64 = 1_000_000;

pub(crate) fn measure(report: &mut Report) {
    let folder = std::env::current_exe().unwrap().with_file_name(format!("inbox-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut numbers = 0..;
    let mut empty = open(&folder.join("empty.db"));
    let mut large = open(&folder.join("large.db"));
    let (took, ()) = time(|| {
        for _ in 0..STORED / 10_000 {
            large.append(&batch(&mut numbers, 10_000)).unwrap();
        }
    });
    println!("S24 | {STORED} messages stored in {:.1} s", took.as_secs_f64());
    drop(large);
    let (took, mut large) = time(|| open(&folder.join("large.db")));
    report.row("S24", "opening an inbox of 1,000,000 messages", took.as_secs_f64(), " s", 5.0, "");
    let mut log = Log::open(&folder.join("log"));
    let (mut over_log, mut over_empty, mut slowest, mut rates) = (vec![], vec![], vec![], vec![]);
    for round in 0..=ROUNDS {
        // All of them store equally many messages, in turns.
        let mut take = |store: &mut dyn FnMut(&[NewMessage])| appends(store, &mut numbers);
        let plain = take(&mut |messages| drop(log.append(messages).unwrap()));
        let first = take(&mut |messages| drop(empty.append(messages).unwrap()));
        let later = take(&mut |messages| drop(large.append(messages).unwrap()));
        if round > 0 {
            over_log.push(total(&first) / total(&plain));
            over_empty.push(total(&later) / total(&first));
            rates.push((BATCH * BATCHES) as f64 / total(&first));
            slowest.extend(first);
        }
    }
    slowest.sort();
    let p99 = slowest[slowest.len() * 99 / 100].as_secs_f64() * 1_000.0;
    let detail = format!(" ({:.0} messages per second)", median(rates));
    let work = "batches of 64 messages: inbox / append log with fdatasync";
    report.row("S23", work, median(over_log), "", 1.6, &detail);
    report.row("S23", "p99 of a batch of 64 messages", p99, " ms", 20.0, "");
    let work = "batches of 64 messages: inbox of 1,000,000 messages / empty one";
    report.row("S24", work, median(over_empty), "", 1.11, "");
    drop((empty, large));
    let _ = fs::remove_dir_all(folder);
}

/// Stores batches, and returns how long each took.
fn appends(store: &mut dyn FnMut(&[NewMessage]), numbers: &mut impl Iterator<Item = u64>) -> Vec<Duration> {
    let batches: Vec<_> = (0..BATCHES).map(|_| batch(numbers, BATCH as usize)).collect();
    batches.iter().map(|batch| time(|| store(batch)).0).collect()
}

fn total(times: &[Duration]) -> f64 {
    times.iter().sum::<Duration>().as_secs_f64()
}

fn open(path: &Path) -> SqliteInbox {
    SqliteInbox::open(path, &InboxOptions::default()).unwrap()
}

pub(crate) fn batch(numbers: &mut impl Iterator<Item = u64>, size: usize) -> Vec<NewMessage> {
    numbers.take(size).map(message).collect()
}

/// A message of the usual size with the headers that KPN Things sends.
fn message(number: u64) -> NewMessage {
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    NewMessage {
        received: SystemTime::now(),
        source: Source::Http,
        label: Some("active".to_owned()),
        headers: vec![
            header("content-type", "application/json"),
            header("things-message-token", &format!("{number:064x}")),
        ],
        body: format!("{number:0BODY$}").into_bytes(),
    }
}

/// The least that a durable store costs: the bytes of a batch are written and synced. Nothing reads them.
pub(crate) struct Log(File);

impl Log {
    pub(crate) fn open(path: &Path) -> Self {
        Self(OpenOptions::new().create(true).append(true).open(path).unwrap())
    }
}

impl Inbox for Log {
    fn append(&mut self, messages: &[NewMessage]) -> Result<Vec<Appended>, InboxError> {
        let mut bytes = Vec::with_capacity(messages.len() * BODY);
        for message in messages {
            for (name, value) in &message.headers {
                bytes.extend_from_slice(name.as_bytes());
                bytes.extend_from_slice(value);
            }
            bytes.extend_from_slice(&(message.body.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&message.body);
        }
        self.0.write_all(&bytes).unwrap();
        self.0.sync_data().unwrap();
        Ok(vec![Appended { id: Some(1) }; messages.len()])
    }

    fn read(&mut self, _: u64, _: usize) -> Result<Vec<Message>, InboxError> {
        Ok(Vec::new())
    }

    fn cursor(&mut self, _: &str) -> Result<u64, InboxError> {
        Ok(0)
    }

    fn advance(&mut self, _: &str, _: u64) -> Result<(), InboxError> {
        Ok(())
    }

    fn counts(&mut self) -> Result<InboxCounts, InboxError> {
        Ok(InboxCounts::default())
    }

    fn remove_before(&mut self, _: u64) -> Result<u64, InboxError> {
        Ok(0)
    }
}
