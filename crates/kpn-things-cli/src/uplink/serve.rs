//! `things uplink serve`: a receiver that confirms a message after it is stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use things_receiver::Receiver;
use things_store::inbox::InboxOptions;
use things_uplink::Verifier;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use super::logger;
use super::receiver_options::{Listening, ReceiverOptions};
use super::secret_file::SecretFile;
use super::store::StoreOption;
use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt::{Interrupt, Verdict};
use crate::settings::seconds;

/// Receive uplinks, and store each before it is confirmed
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things uplink serve --secret-file destination.secret --store uplinks.db
  things uplink serve --secret-file destination.secret --store uplinks.db \\
      --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem
  things uplink serve --secret-file destination.secret \\
      --store postgres://things@db.example/fleet --listen 0.0.0.0:8080 \\
      --behind-proxy",
    after_help = "\
Add an HTTPS destination with the same shared secret in the KPN Things portal, and set its URL to this server. Any path \
receives messages. Prints the URL on stdout when it is ready.

Responses:
  204  The message is stored, now or before
  401  The token is missing or wrong: compare the shared secrets
  413  The body is larger than 1 MiB
  503  The store is not available, or too much waits for it; KPN tries again

KPN tries a message three times at most, and sends the same bytes again. A message with the same body as an earlier one is \
therefore stored once. GET /health is 200 if the store can commit, and GET /metrics is for Prometheus. A proxy should not pass \
these two to the internet.

Ctrl-C or SIGTERM ends open requests, stores what waits, and ends with status 0. `things uplink read` reads the messages."
)]
pub(crate) struct Serve {
    #[command(flatten)]
    secret: SecretFile,
    #[command(flatten)]
    store: StoreOption,
    /// Time in which equal messages are one; 0 stores all
    ///
    /// Messages are equal if their bodies are, as those of KPN's retries.
    #[arg(long, value_name = "SECONDS", default_value = "86400", value_parser = seconds)]
    duplicates_within: Duration,
    #[command(flatten)]
    server: ReceiverOptions,
}

impl Serve {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let verifier = Verifier::new(self.secret.read()?);
        let store = self.store.store()?;
        let Listening { listener, url } = self.server.listen()?;
        let options = InboxOptions { duplicates_within: self.duplicates_within, ..InboxOptions::default() };
        let receiver = self.server.apply(Receiver::builder(verifier, store.open(&options)?)).build()?;
        logger::start(console);
        let shutdown = Arc::new(Notify::new());
        let _interrupt = on_interrupt(console, Arc::clone(&shutdown));
        writeln!(console.out(), "{url}")?;
        console.say(format_args!(
            "Receiving uplinks, and storing them in {}. Stop with Ctrl-C.\n\
             Health: {url}/health\n\
             Metrics: {url}/metrics\n\
             Read them: things uplink read{}",
            store.name(),
            store.option()
        ))?;
        runtime()?.block_on(async {
            let listener = TcpListener::from_std(listener).map_err(|error| not_started(&error))?;
            receiver.serve(listener, shutdown.notified()).await.map_err(Failure::from)
        })?;
        console.note("stopped: all confirmed messages are stored");
        Ok(())
    }
}

/// Begins the shutdown at the first signal. The second one ends the process.
pub(super) fn on_interrupt(console: &Console<'_>, shutdown: Arc<Notify>) -> Interrupt {
    let is_stopping = AtomicBool::new(false);
    Interrupt::handle(console, move || {
        if is_stopping.swap(true, Ordering::Relaxed) {
            return Verdict::Die(None);
        }
        shutdown.notify_one();
        Verdict::GoOn("stopping: open requests have 30 s to end; interrupt again to stop at once".to_owned())
    })
}

pub(super) fn runtime() -> Result<Runtime, Failure> {
    Runtime::new().map_err(|error| not_started(&error))
}

fn not_started(error: &std::io::Error) -> Failure {
    Failure::Local(format!("could not start the receiver: {error}"))
}
