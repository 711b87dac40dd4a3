//! `things uplink subscribe`: messages from an MQTT broker.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::store::StoreOption;
use crate::console::Console;
use crate::failure::Failure;
use crate::settings::seconds;

/// Receive uplinks from an MQTT broker, and store each
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things uplink subscribe --broker mqtts://broker.example --topic 'things/#' \\
      --credentials-file broker.txt --store uplinks.db
  things uplink subscribe --broker mqtt://127.0.0.1 --topic 'things/#' \\
      --store uplinks.db",
    after_help = "\
KPN Things can deliver to an MQTT broker. Which topics and payloads it uses is not documented, so you name the topic, the payload is \
stored as it comes, and no token verifies it. This command was tested with a broker, and never with messages of KPN Things.

The broker is told that a message was received after it is stored. What the broker has for this client id while nobody is connected, \
it delivers later (MQTT 3.1.1, QoS 1, no clean session). A message can be stored twice if a connection is lost.

Ctrl-C or SIGTERM stores what has arrived, and ends with status 0. `things uplink read` reads the messages."
)]
pub(crate) struct Subscribe {
    /// Broker, as mqtts://host:port
    ///
    /// Plain mqtt:// is for a broker on this machine.
    #[arg(long, value_name = "URL")]
    broker: String,
    /// Topic filter, such as things/#
    #[arg(long, value_name = "FILTER")]
    topic: String,
    /// Name of this client at the broker
    ///
    /// It must stay the same, because the broker keeps messages for it. Two processes must not use the same one.
    #[arg(long, value_name = "ID", default_value = "kpn-things")]
    client_id: String,
    /// File with username=... and password=...
    #[arg(long, value_name = "FILE")]
    credentials_file: Option<String>,
    /// Certificates to trust, in PEM
    ///
    /// Without it, those of the system are trusted.
    #[arg(long, value_name = "FILE")]
    ca_bundle: Option<PathBuf>,
    #[command(flatten)]
    store: StoreOption,
    /// Time in which equal messages are one; 0 stores all
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    duplicates_within: Duration,
}

#[cfg(not(feature = "mqtt"))]
impl Subscribe {
    pub(crate) fn run(self, _console: &mut Console<'_>) -> Result<(), Failure> {
        let Self { broker, topic, client_id, credentials_file, ca_bundle, store, duplicates_within } = self;
        drop((broker, topic, client_id, credentials_file, ca_bundle, store, duplicates_within));
        Err(Failure::Usage(
            "this things was built without MQTT\nhint: build it with: cargo install --locked --features mqtt"
                .to_owned(),
        ))
    }
}

#[cfg(feature = "mqtt")]
impl Subscribe {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        use std::sync::Arc;

        use things_receiver::mqtt::Subscription;
        use things_receiver::{Limits, Writer};
        use things_store::inbox::InboxOptions;
        use tokio::sync::Notify;

        use super::credentials_file;
        use super::serve::{on_interrupt, runtime};

        let mut subscription =
            Subscription::new(&self.broker, &self.topic, &self.client_id).map_err(Failure::usage)?;
        if let Some(path) = &self.credentials_file {
            let credentials = credentials_file::read(path)?;
            let password = things_uplink::Secret::new(credentials.password.expose())
                .map_err(|_| Failure::Usage(format!("{path}: the password is empty, or too long")))?;
            subscription = subscription.credentials(credentials.user, password);
        }
        if let Some(path) = self.ca_bundle {
            subscription = subscription.ca_bundle(path);
        }
        let store = self.store.store()?;
        let options = InboxOptions { duplicates_within: self.duplicates_within, ..InboxOptions::default() };
        let writer = Writer::start(store.open(&options)?, &Limits::default())?;
        super::logger::start(console);
        let shutdown = Arc::new(Notify::new());
        let _interrupt = on_interrupt(console, Arc::clone(&shutdown));
        let (broker, topic) = (subscription.broker(), self.topic);
        console.say(format_args!(
            "Storing what {broker} publishes to {topic} in {}. Stop with Ctrl-C.\n\
             Read it: things uplink read{}",
            store.name(),
            store.option()
        ))?;
        let (mut is_ready, mut printed) = (false, Ok(()));
        runtime()?.block_on(async {
            let ready = || {
                if !std::mem::replace(&mut is_ready, true) {
                    printed = writeln!(console.out(), "{broker}").and_then(|()| console.flush());
                }
            };
            let ran = subscription.run(&writer, shutdown.notified(), ready).await;
            writer.stop().await;
            ran
        })?;
        printed?;
        console.note("stopped: all acknowledged messages are stored");
        Ok(())
    }
}
