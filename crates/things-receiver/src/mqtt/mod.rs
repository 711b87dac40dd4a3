//! Messages from an MQTT broker, each acknowledged after it is stored.
//!
//! KPN Things can deliver to an MQTT broker. Its public documentation says neither which topics nor which payloads it uses, so the
//! user names the topic, and the payload is stored as it came. [`Source::Mqtt`] marks such messages: no token verified them, and
//! whether their payload is SenML is inferred.
//!
//! # What is lost, and what comes twice
//!
//! | situation | outcome |
//! |---|---|
//! | the broker publishes with QoS 1 or 2 to this subscription | the message is acknowledged after it is in the inbox |
//! | the process is killed, or the connection is lost | the broker keeps what is not acknowledged, because the session is not a clean one, and delivers it again |
//! | a message was stored and its acknowledgement was lost | it is stored twice, unless the inbox removes duplicates |
//! | the inbox is not available | nothing is acknowledged until it is |
//! | the publisher chose QoS 0, or the broker has lost its sessions | a message that is not delivered is lost, as MQTT says |
//!
//! Two messages with equal payloads can be two measurements here, because nothing says that payloads differ. So open the inbox
//! with `duplicates_within` set to zero, unless yours do.

mod broker;
mod tls;

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, MqttOptions, Packet, Publish, QoS,
    SubscribeReasonCode, Transport,
};
use things_store::inbox::{NewMessage, Source};
use things_uplink::Secret;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::broker::Broker;
use crate::{ReceiverError, Writer};

/// Messages that may wait for the store. Meanwhile nothing is read from the broker.
const WAITING: usize = 1_000;

/// The largest packet. A larger one ends the connection.
const LARGEST: usize = 16 << 20;

/// The waits between tries: to connect, and to store a message.
const WAITS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// How long a shutdown waits for what is being stored.
const SHUTDOWN: Duration = Duration::from_secs(10);

/// A subscription to topics of an MQTT broker (MQTT 3.1.1, QoS 1).
#[derive(Clone)]
pub struct Subscription {
    broker: Broker,
    topic: String,
    client_id: String,
    credentials: Option<(String, Secret)>,
    ca_bundle: Option<PathBuf>,
}

impl Subscription {
    /// Creates a subscription to a broker and a topic filter, such as `mqtts://broker.example:8883` and `things/#`.
    ///
    /// The broker keeps messages for the client id while nobody is connected, so it must stay the same and must not be used twice at
    /// the same time.
    ///
    /// # Errors
    ///
    /// Returns what is wrong: the URL, plain `mqtt` to another machine, an empty topic, or a client id that does not have 1 to 64
    /// letters, digits, `-` and `_`.
    pub fn new(
        broker: &str,
        topic: impl Into<String>,
        client_id: impl Into<String>,
    ) -> Result<Self, ReceiverError> {
        let (topic, client_id) = (topic.into(), client_id.into());
        let broker = Broker::parse(broker)?;
        if topic.is_empty() || topic.contains('\0') {
            return Err(ReceiverError::new("the topic is empty, or has a null character")
                .with_hint("use a topic filter, such as things/#"));
        }
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        if !(1..=64).contains(&client_id.len()) || !client_id.chars().all(is_plain) {
            return Err(ReceiverError::new(format!("the client id {client_id:?} cannot be used"))
                .with_hint("use 1 to 64 letters, digits, - and _"));
        }
        Ok(Self { broker, topic, client_id, credentials: None, ca_bundle: None })
    }

    /// Sets the user name and the password.
    #[must_use]
    pub fn credentials(mut self, user: impl Into<String>, password: Secret) -> Self {
        self.credentials = Some((user.into(), password));
        self
    }

    /// Trusts the certificates of a PEM file, instead of those of the system.
    #[must_use]
    pub fn ca_bundle(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_bundle = Some(path.into());
        self
    }

    /// The broker, as `mqtts://host:port`.
    pub fn broker(&self) -> String {
        self.broker.to_string()
    }

    /// Stores messages until the shutdown, and connects again whenever the connection is lost. `ready` is called each time the broker
    /// has confirmed the subscription.
    ///
    /// # Errors
    ///
    /// Returns why it cannot go on: the broker refuses the credentials, the client id or the topic, or the certificates cannot be
    /// read.
    pub async fn run(
        self,
        writer: &Writer,
        shutdown: impl Future<Output = ()>,
        mut ready: impl FnMut(),
    ) -> Result<(), ReceiverError> {
        let (client, events) = AsyncClient::new(self.options()?, WAITING + 8);
        let (sender, mut events_of_broker) = mpsc::channel(1);
        // It is aborted when this is dropped.
        let mut tasks = JoinSet::new();
        tasks.spawn(poll(events, sender));
        let mut stores = Stores::new(writer);
        let mut shutdown = pin!(shutdown);
        loop {
            stores.acknowledge(&client);
            let event = tokio::select! {
                () = &mut shutdown => break,
                () = stores.next() => continue,
                event = events_of_broker.recv(), if stores.has_room() => event,
            };
            match event {
                Some(Ok(packet)) => {
                    if self.take(packet, &client, &mut stores)? {
                        ready();
                    }
                }
                Some(Err((error, wait))) => {
                    // The broker delivers again what was not acknowledged.
                    stores.forget();
                    if let Some(error) = self.fatal(&error) {
                        return Err(error);
                    }
                    log::warn!("no connection to {}: {error}; the next try follows in {wait:?}", self.broker);
                }
                None => return Err(ReceiverError::new("the connection to the broker ended")),
            }
        }
        // What is being stored is acknowledged, so that it is not delivered again.
        let _ = timeout(SHUTDOWN, finish(&client, &mut events_of_broker, &mut stores)).await;
        Ok(())
    }

    /// Takes a packet. Returns whether it confirms the subscription.
    fn take(
        &self,
        packet: Packet,
        client: &AsyncClient,
        stores: &mut Stores<'_>,
    ) -> Result<bool, ReceiverError> {
        match packet {
            Packet::ConnAck(_) => {
                // The session of the broker may be gone.
                let subscribed = client.try_subscribe(&self.topic, QoS::AtLeastOnce);
                subscribed.map_err(|error| ReceiverError::new(format!("could not subscribe: {error}")))?;
            }
            Packet::SubAck(granted) => {
                return match granted.return_codes.as_slice() {
                    [SubscribeReasonCode::Success(QoS::AtLeastOnce | QoS::ExactlyOnce)] => Ok(true),
                    [SubscribeReasonCode::Success(QoS::AtMostOnce)] => {
                        let message = format!("{} grants {:?} at QoS 0 only", self.broker, self.topic);
                        Err(ReceiverError::new(message)
                            .with_hint("messages would be lost: allow QoS 1 in the settings of the broker"))
                    }
                    _ => {
                        Err(ReceiverError::new(format!("{} refuses the topic {:?}", self.broker, self.topic))
                            .with_hint("check the topic filter, and what the user may read"))
                    }
                };
            }
            Packet::Publish(publish) => stores.add(publish),
            _ => {}
        }
        Ok(false)
    }

    fn options(&self) -> Result<MqttOptions, ReceiverError> {
        let mut options = MqttOptions::new(&self.client_id, &self.broker.host, self.broker.port);
        options.set_clean_session(false).set_manual_acks(true).set_keep_alive(Duration::from_secs(30));
        options.set_max_packet_size(LARGEST, LARGEST);
        if let Some((user, password)) = &self.credentials {
            let password = String::from_utf8_lossy(password.expose());
            options.set_credentials(user, password);
        }
        if self.broker.is_encrypted {
            let config = tls::client(self.ca_bundle.as_deref())?;
            options.set_transport(Transport::tls_with_config(config.into()));
        }
        Ok(options)
    }

    /// The error that a failed connection is, if no other try can succeed.
    fn fatal(&self, error: &ConnectionError) -> Option<ReceiverError> {
        let ConnectionError::ConnectionRefused(code) = error else { return None };
        let (reason, hint) = match code {
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized => {
                ("refuses the user name or the password", "check the credentials file")
            }
            ConnectReturnCode::BadClientId => ("refuses the client id", "use another one"),
            ConnectReturnCode::RefusedProtocolVersion => {
                ("does not speak MQTT 3.1.1", "use a broker that does")
            }
            ConnectReturnCode::ServiceUnavailable | ConnectReturnCode::Success => return None,
        };
        Some(ReceiverError::new(format!("{} {reason}", self.broker)).with_hint(hint))
    }
}

/// Shows neither the user nor the password.
impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("broker", &self.broker)
            .field("topic", &self.topic)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// Messages that are being stored, and those to acknowledge. They stay in the order in which they came, because MQTT wants
/// acknowledgements in that order.
struct Stores<'w> {
    writer: &'w Writer,
    waiting: FuturesOrdered<Pin<Box<dyn Future<Output = ()> + Send + 'w>>>,
    /// Without topic and payload. What is stored does not hold back what comes, because the connection sends acknowledgements as it
    /// reads. There are as many as packet ids at most.
    publishes: VecDeque<Publish>,
    stored: VecDeque<Publish>,
}

impl<'w> Stores<'w> {
    fn new(writer: &'w Writer) -> Self {
        Self { writer, waiting: FuturesOrdered::new(), publishes: VecDeque::new(), stored: VecDeque::new() }
    }

    fn has_room(&self) -> bool {
        self.publishes.len() < WAITING
    }

    fn add(&mut self, publish: Publish) {
        let (message, writer) = (message(&publish), self.writer);
        self.waiting.push_back(Box::pin(store(writer, message)));
        self.publishes.push_back(Publish { topic: String::new(), payload: Bytes::new(), ..publish });
    }

    /// Returns when the next message is stored. It waits for ever if there is none.
    async fn next(&mut self) {
        match self.waiting.next().await {
            Some(()) => self.stored.extend(self.publishes.pop_front()),
            None => std::future::pending().await,
        }
    }

    /// Acknowledges what is stored, as far as the connection takes it. The broker delivers no more than it waits for.
    fn acknowledge(&mut self, client: &AsyncClient) {
        while let Some(publish) = self.stored.front() {
            if publish.qos != QoS::AtMostOnce && client.try_ack(publish).is_err() {
                return;
            }
            self.stored.pop_front();
        }
    }

    /// Forgets all of them. Some may be stored all the same.
    fn forget(&mut self) {
        *self = Self::new(self.writer);
    }
}

/// Stores a message, however often it takes: the broker does not deliver it again while the connection stands.
async fn store(writer: &Writer, message: NewMessage) {
    let mut wait = WAITS.0;
    while let Err(error) = writer.store(message.clone()).await {
        log::warn!("a message is not stored yet: {error}");
        sleep(wait).await;
        wait = (wait * 2).min(WAITS.1);
    }
}

fn message(publish: &Publish) -> NewMessage {
    let headers = [
        ("mqtt-topic", publish.topic.clone()),
        ("mqtt-qos", (publish.qos as u8).to_string()),
        ("mqtt-retain", publish.retain.to_string()),
    ];
    NewMessage {
        received: SystemTime::now(),
        source: Source::Mqtt,
        label: None,
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())).collect(),
        body: publish.payload.to_vec(),
    }
}

/// A packet of the broker, or why there is no connection, and the wait before the next try.
type Incoming = Result<Packet, (ConnectionError, Duration)>;

/// Runs the connection, and passes on what comes. A poll of rumqttc must not be cancelled, because it would lose a packet that it is
/// about to send, so this is a task of its own.
async fn poll(mut events: EventLoop, sender: mpsc::Sender<Incoming>) {
    let mut wait = WAITS.0;
    loop {
        let incoming = match events.poll().await {
            Ok(Event::Incoming(packet)) => Ok(packet),
            Ok(Event::Outgoing(_)) => continue,
            Err(error) => Err((error, wait)),
        };
        let is_connected = incoming.is_ok();
        if sender.send(incoming).await.is_err() {
            return;
        }
        if is_connected {
            wait = WAITS.0;
        } else {
            sleep(wait).await;
            wait = (wait * 2).min(WAITS.1);
        }
    }
}

/// Acknowledges what is being stored, and ends the connection.
async fn finish(client: &AsyncClient, events: &mut mpsc::Receiver<Incoming>, stores: &mut Stores<'_>) {
    stores.acknowledge(client);
    while !stores.publishes.is_empty() || !stores.stored.is_empty() {
        tokio::select! {
            () = stores.next() => {}
            event = events.recv() => {
                if !matches!(event, Some(Ok(_))) {
                    return;
                }
            }
        }
        stores.acknowledge(client);
    }
    let _ = client.try_disconnect();
    while let Some(Ok(_)) = events.recv().await {}
}
