//! A receiver for tests that kill and trace it: `receiver STORE [commit=MS] [header=MS] [connections=N] [unsynced]`.
//!
//! Prints its address once it accepts connections, and shuts down once stdin is closed. With `unsynced`, it confirms messages that
//! are not on the disk.

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use things_receiver::{Limits, Receiver};
use things_store::inbox::{
    Appended, Inbox, InboxCounts, InboxError, InboxOptions, Message, NewMessage, open_inbox,
};
use things_tests::receiving::SECRET;
use things_uplink::{Secrets, Verifier};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("receiver: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let store = arguments.next().ok_or("receiver STORE")?;
    let mut limits = Limits::default();
    let mut inbox = open_inbox(&store, &InboxOptions::default())?;
    for argument in arguments {
        match argument.split_once('=') {
            Some(("commit", time)) => limits.commit_timeout = Duration::from_millis(time.parse()?),
            Some(("header", time)) => limits.header_timeout = Duration::from_millis(time.parse()?),
            Some(("connections", most)) => limits.connections = most.parse()?,
            _ if argument == "unsynced" => inbox = Box::new(Unsynced(0)),
            _ => return Err(format!("{argument} is no option").into()),
        }
    }
    let verifier = Verifier::new(Secrets::parse(SECRET)?);
    let receiver = Receiver::builder(verifier, inbox).limits(limits).build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let closed = async {
        let _ = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
    };
    receiver.serve(listener, closed).await?;
    Ok(())
}

/// An inbox that forgets what it confirms.
struct Unsynced(u64);

impl Inbox for Unsynced {
    fn append(&mut self, messages: &[NewMessage]) -> Result<Vec<Appended>, InboxError> {
        let ids = messages.iter().map(|_| {
            self.0 += 1;
            Appended { id: Some(self.0) }
        });
        Ok(ids.collect())
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
