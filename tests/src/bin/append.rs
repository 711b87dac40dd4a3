//! Appends messages to an inbox, for tests that kill it: `append INBOX FIRST BATCHES [unsynced]`.
//!
//! The bodies are numbers from `FIRST` on, and each batch has another size. It reports each batch to its standard error:
//! `received FIRST LAST` before it is appended, and `acknowledged FIRST LAST` after that. So a trace of its system calls shows
//! what was stored when. With `unsynced`, its inbox does not wait for the disk.

use std::env;
use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::time::SystemTime;

use rusqlite::Connection;
use things_store::inbox::{self, InboxOptions, NewMessage, Source};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("append: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, first, batches, rest @ ..] = arguments.as_slice() else {
        return Err("append INBOX FIRST BATCHES".into());
    };
    let (mut first, batches): (u64, u64) = (first.parse()?, batches.parse()?);
    let mut append =
        if rest.iter().any(|word| word == "unsynced") { unsynced(name)? } else { durable(name)? };
    for batch in 0..batches {
        let last = first + batch % 7;
        report(&format!("received {first} {last}\n"));
        append(&(first..=last).map(message).collect::<Vec<_>>())?;
        report(&format!("acknowledged {first} {last}\n"));
        first = last + 1;
    }
    Ok(())
}

type Append = Box<dyn FnMut(&[NewMessage]) -> Result<(), Box<dyn Error>>>;

fn durable(name: &str) -> Result<Append, Box<dyn Error>> {
    let mut inbox = inbox::open_inbox(name, &InboxOptions::default())?;
    Ok(Box::new(move |messages| {
        inbox.append(messages)?;
        Ok(())
    }))
}

/// An inbox that writes each batch to a file and does not wait until it is on the disk.
fn unsynced(name: &str) -> Result<Append, Box<dyn Error>> {
    let file = Connection::open(name)?;
    file.pragma_update(None, "journal_mode", "wal")?;
    file.pragma_update(None, "synchronous", "normal")?;
    file.execute_batch("CREATE TABLE message (body BLOB)")?;
    Ok(Box::new(move |messages| {
        let written = file.unchecked_transaction()?;
        for message in messages {
            written.execute("INSERT INTO message VALUES (?1)", [&message.body])?;
        }
        Ok(written.commit()?)
    }))
}

fn message(number: u64) -> NewMessage {
    NewMessage {
        received: SystemTime::now(),
        source: Source::Http,
        label: None,
        headers: Vec::new(),
        body: format!("{number:0837}").into_bytes(),
    }
}

/// One system call for one line. Nobody may be there to read it.
fn report(line: &str) {
    let _ = std::io::stderr().write_all(line.as_bytes());
}
