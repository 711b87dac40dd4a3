//! `things uplink read`: the messages of an inbox that a consumer is not done with.

use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use clap::Args;
use things_store::inbox::{Inbox, InboxError, Message};

use super::output::{Output, Sheet};
use super::store::StoreOption;
use crate::console::Console;
use crate::count::number;
use crate::failure::Failure;
use crate::interrupt::{Interrupt, Verdict};

/// Print received uplinks, each at least once
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things uplink read --store uplinks.db
  things uplink read --store uplinks.db --follow
  things uplink read --store uplinks.db --measurements --csv > new.csv
  things uplink read --store uplinks.db --consumer again --raw --limit 10",
    after_help = "\
Messages are printed in the order in which they were stored, beginning after the last one that the consumer got. A new \
consumer begins with the first message. The store keeps this place after the output is written, so no message is skipped. \
After a crash, or if a reader closes the pipe, up to 100 messages are printed again. Two commands with the same consumer name \
at the same time print the same messages.

A receiver stores a message before it reads it, so a message can be invalid: its error is then in its row. \
`received` is when the receiver got the message, and `label` names the secret that its token matched. Times are in UTC.

With --measurements there is one row for each measurement, with the columns message, received, device, name, time, unit, \
value (a number), text, flag (true or false), data (bytes in base64url) and error. In Python: \
pandas.read_csv(\"new.csv\", parse_dates=[\"received\", \"time\"], dtype={\"device\": str, \"text\": str})"
)]
pub(crate) struct Read {
    #[command(flatten)]
    store: StoreOption,
    /// Reader whose place the inbox keeps
    #[arg(long, value_name = "NAME", default_value = "things")]
    consumer: String,
    /// Wait for further messages until Ctrl-C
    #[arg(long)]
    follow: bool,
    /// Stop after this many messages
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    output: Output,
}

/// Messages that are read at a time, so that an inbox of any size takes the same memory.
const BATCH: usize = 100;

/// The pause between two looks into the inbox while it has nothing new.
const PAUSE: Duration = Duration::from_secs(1);

impl Read {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let mut reader = Reader {
            inbox: self.store.store()?.read()?,
            consumer: self.consumer,
            left: self.limit.unwrap_or(u64::MAX),
            done: 0,
            recorded: 0,
            count: 0,
        };
        reader.recorded = reader.inbox.cursor(&reader.consumer)?;
        reader.done = reader.recorded;
        let (stop, stopped) = mpsc::channel();
        // What is printed is recorded before the end, so that it is not printed again.
        let _interrupt = self.follow.then(|| {
            Interrupt::handle(console, move || match stop.send(()) {
                Ok(()) => Verdict::Finish,
                Err(_) => Verdict::Die(None),
            })
        });
        let columns = console.columns();
        let mut sheet = self.output.sheet(columns, self.follow, console.out())?;
        if self.follow {
            reader.follow(&mut sheet, &stopped)?;
        } else {
            reader.consume(&mut sheet)?;
        }
        sheet.flush()?;
        drop(sheet);
        let Reader { consumer, count, done, .. } = reader;
        let place = if count > 0 { format!(", up to message {done}") } else { String::new() };
        Ok(console
            .say(format_args!("{} for the consumer {consumer}{place}", number(count, "new message")))?)
    }
}

/// A consumer of an inbox.
struct Reader {
    inbox: Box<dyn Inbox>,
    consumer: String,
    /// The number of messages after which to stop.
    left: u64,
    /// The id of the last message that was printed.
    done: u64,
    /// The id of the last message that the inbox knows to be printed.
    recorded: u64,
    count: u64,
}

impl Reader {
    /// Prints all new messages.
    fn consume(&mut self, sheet: &mut Sheet<'_>) -> Result<(), Failure> {
        loop {
            let batch = self.next()?;
            if batch.is_empty() {
                return Ok(());
            }
            self.print(&batch, sheet)?;
        }
    }

    /// Prints messages until a signal arrives. A database that is away for some time is waited for.
    fn follow(&mut self, sheet: &mut Sheet<'_>, stopped: &Receiver<()>) -> Result<(), Failure> {
        let mut is_away = false;
        while self.left > 0 {
            let next = self.next();
            match &next {
                Err(error) if error.is_temporary() => {
                    if !is_away {
                        let _ = writeln!(io::stderr(), "warning: waiting for the inbox: {}", error.message());
                    }
                    is_away = true;
                }
                _ => is_away = false,
            }
            let batch = if is_away { Vec::new() } else { next? };
            self.print(&batch, sheet)?;
            let pause = if batch.is_empty() { PAUSE } else { Duration::ZERO };
            match stopped.recv_timeout(pause) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) => break,
                // Signals are handled by the program that this runs in.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(pause),
            }
        }
        Ok(self.record()?)
    }

    /// Records what was printed, and returns the next messages.
    fn next(&mut self) -> Result<Vec<Message>, InboxError> {
        self.record()?;
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(BATCH);
        if most == 0 { Ok(Vec::new()) } else { self.inbox.read(self.done, most) }
    }

    /// Records that the consumer is done with what was printed.
    fn record(&mut self) -> Result<(), InboxError> {
        if self.done > self.recorded {
            self.inbox.advance(&self.consumer, self.done)?;
            self.recorded = self.done;
        }
        Ok(())
    }

    /// Prints messages, until the reader has them.
    fn print(&mut self, batch: &[Message], sheet: &mut Sheet<'_>) -> Result<(), Failure> {
        let Some(last) = batch.last() else { return Ok(()) };
        for message in batch {
            sheet.add(message)?;
        }
        sheet.flush()?;
        self.done = last.id;
        self.count += batch.len() as u64;
        self.left -= batch.len() as u64;
        Ok(())
    }
}
