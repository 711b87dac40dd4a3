//! Sends a job of downlinks from a ledger, for tests that kill it: `bulk LEDGER JOB ACCOUNT [unsynced | join LEASE]`. The settings
//! are those of the environment.
//!
//! It reports each transaction to its standard error, so that a trace of its system calls shows what was claimed when:
//! `commit` before one, and `claimed REFERENCE ...` after it. With `unsynced`, its ledger does not wait for the disk.
//! With `join`, it is one worker of several, and its claims live for so many milliseconds: shorter than the run believes, as if
//! its clock stood still.

use std::env;
use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use rusqlite::Connection;
use things_core::{Granted, Ledger, LedgerError, MemoryLedger, RunOptions, Transaction};
use things_store::ItemState;
use things_ureq::Client;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bulk: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [path, job, account, rest @ ..] = arguments.as_slice() else {
        return Err("bulk LEDGER JOB ACCOUNT".into());
    };
    let client = Client::from_env()?;
    let mut store = things_store::open(path)?;
    let id = job.parse()?;
    let ledger: Box<dyn Ledger> = if rest.iter().any(|word| word == "unsynced") {
        let items = store.items(&id, Some(ItemState::Pending), 0, usize::MAX)?;
        let items = MemoryLedger::new(items.into_iter().map(|stored| stored.item));
        Box::new(Unsynced::new(&format!("{path}.unsynced"), items)?)
    } else if let [word, lease] = rest
        && word == "join"
    {
        let lease = Duration::from_millis(lease.parse()?);
        Box::new(Shortened(store.join(&id, account)?, lease))
    } else {
        store.open(&id, account, false)?
    };
    for sent in client.send_downlinks(Traced(ledger), RunOptions::default()) {
        sent?;
    }
    Ok(())
}

/// A ledger whose claims live shorter than the run believes.
struct Shortened(Box<dyn Ledger>, Duration);

impl Ledger for Shortened {
    fn commit(&mut self, transaction: &Transaction) -> Result<Granted, LedgerError> {
        self.0.commit(&Transaction { lease: self.1, ..transaction.clone() })
    }
}

/// A ledger that reports its transactions.
struct Traced(Box<dyn Ledger>);

impl Ledger for Traced {
    fn commit(&mut self, transaction: &Transaction) -> Result<Granted, LedgerError> {
        report("commit\n");
        let granted = self.0.commit(transaction)?;
        let claims = granted.claims.iter().filter_map(|claim| claim.item().downlink.reference());
        let claims: Vec<_> = claims.map(|reference| reference.as_str()).collect();
        if !claims.is_empty() {
            report(&format!("claimed {}\n", claims.join(" ")));
        }
        Ok(granted)
    }
}

/// One system call for one line. Nobody may be there to read it.
fn report(line: &str) {
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// A ledger that writes each transaction to a file and does not wait until it is on the disk.
struct Unsynced {
    file: Connection,
    items: MemoryLedger,
}

impl Unsynced {
    fn new(path: &str, items: MemoryLedger) -> rusqlite::Result<Self> {
        let file = Connection::open(path)?;
        file.pragma_update(None, "journal_mode", "wal")?;
        file.pragma_update(None, "synchronous", "normal")?;
        file.execute_batch("CREATE TABLE claim (reference TEXT)")?;
        Ok(Self { file, items })
    }
}

impl Ledger for Unsynced {
    fn commit(&mut self, transaction: &Transaction) -> Result<Granted, LedgerError> {
        let granted = self.items.commit(transaction)?;
        let written = self.file.unchecked_transaction().and_then(|written| {
            for claim in &granted.claims {
                let reference = claim.item().downlink.reference().map(|reference| reference.as_str());
                written.execute("INSERT INTO claim VALUES (?1)", [reference])?;
            }
            written.commit()
        });
        written.map_err(|error| LedgerError::new(error.to_string()))?;
        Ok(granted)
    }
}
