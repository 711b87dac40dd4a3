#![doc = include_str!("../README.md")]

mod device_client;
mod feed;
mod places;
mod transport;

use std::borrow::Cow;
use std::future::poll_fn;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use std::{env, fmt, fs, process};

pub use device_client::DeviceClient;
pub use feed::{DeviceStream, FeedStream, PageStream};
/// The methods of a listing's stream, including `next`.
pub use futures_util::{StreamExt, TryStreamExt};
pub use things_core;
pub use things_core::{
    Answer, Body, Builder, BulkItem, Call, Clock, Config, ContextSwitch, Credentials, Current, Cursor,
    CustomerFleet, CustomerFleets, CustomerId, DevEui, Device, DeviceChange, DeviceDiff, DeviceFeed,
    DeviceSecret, DeviceUrn, Devices, Downlink, DownlinkState, Error, ErrorKind, ExternalReference, Extra,
    FPort, Feed, FieldChange, FieldValue, Filter, Fleet, ForCustomers, Gap, Incomplete, InputError, Item,
    ItemPage, Items, Ledger, LedgerError, Limits, ListDevices, ListResource, ListedDownlink, ListingRecord,
    ListingReport, MemoryLedger, Moment, Operation, Outcome, Page, Pages, Payload, Post, Posted, Project,
    Proof, Proxy, RawCall, Receipt, Replay, Resource, Retirement, RetryPolicy, Run, RunOptions, RunProgress,
    SavedListing, SavedListingError, Secret, Sent, Session, Settings, SortOrder, Stage, Stop,
    VerifiedDevices, Watch, diff_devices, senml,
};
use things_core::{FeedClient, Scope, Step, Turn, finish};

use places::Places;
use transport::Transport;

/// An async client. Clones share connections, token and retry budget, and can move to other tasks.
///
/// Dropping the future of a call cancels it. A downlink that is cancelled in flight may have arrived.
#[derive(Clone)]
pub struct Client {
    session: Session,
    transport: Transport,
    clock: Arc<dyn Clock>,
    places: Places,
    watch: Option<Arc<dyn Watch>>,
}

impl Client {
    /// Returns a builder for a client with these credentials. It takes addresses, limits and other settings.
    ///
    /// The client reads no `KPN_THINGS_*` variable. It honours `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` unless the builder
    /// sets a [`proxy`](Builder::proxy) or [none](Builder::no_proxy).
    pub fn builder(credentials: Credentials) -> Builder<Self> {
        Builder::new(credentials, Self::new).machine(|name| env::var_os(name), |path| fs::read(path))
    }

    /// Creates a client from the `KPN_THINGS_*` variables, and from the Postman environment file that they may name.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`Config`](ErrorKind::Config) that names everything that is missing or wrong.
    pub fn from_env() -> Result<Self, Error> {
        Self::builder_from_env(Settings::default())?.build()
    }

    /// Returns a builder from settings that override the `KPN_THINGS_*` variables.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`Config`](ErrorKind::Config) if a variable or the Postman environment file cannot
    /// be read.
    pub fn builder_from_env(settings: Settings) -> Result<Builder<Self>, Error> {
        Builder::new(settings, Self::new).environment(|name| env::var_os(name), |path| fs::read(path))
    }

    /// Creates a client with its own session from a checked configuration. It reads no environment variable.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`Config`](ErrorKind::Config) if the HTTP library cannot use an address or a
    /// certificate.
    pub fn new(config: Config) -> Result<Self, Error> {
        let start = Instant::now();
        let clock = move || Moment::new(start.elapsed(), SystemTime::now());
        let transport = Transport::new(&config)?;
        Ok(Self {
            session: Session::new(config, RandomState::new().hash_one(())),
            transport,
            clock: Arc::new(clock),
            places: Places::default(),
            watch: None,
        })
    }

    /// Returns the same client with another clock, for tests.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Returns the same client with another limit on the connections that are open at a time: at least 1, and 100 by
    /// default.
    ///
    /// A call beyond it waits for a free connection before its time begins to run. Apart from a token request, a call
    /// uses one connection at a time.
    #[must_use]
    pub fn with_max_connections(self, most: usize) -> Self {
        Self { places: self.places.with_most(most), ..self }
    }

    /// Returns the same client with a limit on the time that a call waits for a free connection. There is none by default.
    ///
    /// A call that waits longer fails as [`Connect`](ErrorKind::Connect), and nothing was sent.
    #[must_use]
    pub fn with_pool_timeout(self, patience: Duration) -> Self {
        Self { places: self.places.with_patience(patience), ..self }
    }

    /// Returns the same client, whose calls are observed by `watch`.
    #[must_use]
    pub fn with_watch(&self, watch: Arc<dyn Watch>) -> Self {
        Self { watch: Some(watch), ..self.clone() }
    }

    /// Returns a listing of all devices, page by page. See [`Devices`] for its options.
    pub fn devices(&self) -> Devices<Self> {
        Devices::new(self.clone())
    }

    /// Returns the listings of KPN's current API. See [`Current`] for its resources.
    pub fn current(&self) -> Current<Self> {
        Current::new(self.clone())
    }

    /// Sends a downlink, at most once. It is sent with a [generated](Self::referenced) reference if it has none.
    ///
    /// # Errors
    ///
    /// Returns why the call failed. Its [`outcome`](Error::outcome) shows whether the downlink may have arrived.
    pub async fn send_downlink(&self, downlink: &Downlink) -> Result<Receipt, Error> {
        self.call(&*self.referenced(downlink)).await
    }

    /// Sends the downlinks of a ledger, many at a time and each at most once. [`in_memory`](Self::in_memory) makes a ledger
    /// for this process alone, and `things-store` one on disk.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let items: Vec<things_reqwest::BulkItem> = Vec::new();
    /// use things_reqwest::{Client, RunOptions};
    ///
    /// let client = Client::from_env()?;
    /// # async {
    /// use futures_util::StreamExt;
    /// let mut run = client.send_downlinks(client.in_memory(items), RunOptions::default());
    /// while let Some(sent) = run.next().await {
    ///     let sent = sent?;
    ///     println!("{} {}", sent.index, sent.outcome().as_str());
    /// }
    /// # Ok::<(), things_reqwest::Error>(())
    /// # };
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_downlinks<L: Ledger + Unpin>(&self, ledger: L, options: RunOptions) -> FeedStream<Run<L>> {
        self.clone().items(Run::new(ledger, options))
    }

    /// Returns a ledger in memory of these downlinks. Those without a reference get a [generated](Self::referenced) one.
    pub fn in_memory(&self, items: impl IntoIterator<Item = BulkItem>) -> MemoryLedger {
        MemoryLedger::new(
            items
                .into_iter()
                .map(|item| BulkItem { downlink: self.referenced(&item.downlink).into_owned(), ..item }),
        )
    }

    /// Returns a downlink as [`send_downlink`](Self::send_downlink) sends it: with a generated reference, unless it has
    /// one or [must have none](Downlink::without_reference).
    pub fn referenced<'a>(&self, downlink: &'a Downlink) -> Cow<'a, Downlink> {
        downlink.referenced(self.clock.now().unix_millis(), random())
    }

    /// Returns the same client acting for a sub-customer. The context switch is made before the first call.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`Input`](ErrorKind::Input) if this is not a valid customer id.
    pub fn for_customer<C>(&self, id: C) -> Result<Self, Error>
    where
        C: TryInto<CustomerId>,
        Error: From<C::Error>,
    {
        Ok(Self { session: self.session.for_customer(id)?, ..self.clone() })
    }

    /// Returns the same client with what applies to one call of a feed.
    pub(crate) fn scoped(&self, scope: &Scope) -> Self {
        let watch = self.watch.clone();
        let watch = match &scope.fate {
            Some(fate) => Some(Arc::new((fate.clone(), watch)) as Arc<dyn Watch>),
            None => watch,
        };
        Self { session: self.session.scoped(scope), watch, ..self.clone() }
    }

    /// Returns a client acting for several sub-customers, with one access token and one window for all of them.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`Input`](ErrorKind::Input) if an id is not a valid customer id, or is given twice.
    pub fn for_customers<C>(&self, ids: impl IntoIterator<Item = C>) -> Result<ForCustomers<Self>, Error>
    where
        C: TryInto<CustomerId>,
        Error: From<C::Error>,
    {
        ForCustomers::new(self.clone(), ids)
    }

    /// Returns the same client acting for no sub-customer.
    #[must_use]
    pub fn without_customer(&self) -> Self {
        Self { session: self.session.without_customer(), ..self.clone() }
    }

    /// Returns the same client with another time limit for a whole call.
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { session: self.session.with_timeout(timeout), ..self.clone() }
    }

    /// Returns the same client with another retry policy for its calls. Requests for the access token and context
    /// switches keep the policy of this client's configuration.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`Config`](ErrorKind::Config) if the policy allows no attempt.
    pub fn with_retry(&self, policy: RetryPolicy) -> Result<Self, Error> {
        Ok(Self { session: self.session.with_retry(policy)?, ..self.clone() })
    }

    /// Makes an authenticated call to any method and path.
    ///
    /// # Errors
    ///
    /// Returns why the call failed. A status outside 2xx is an error that holds the body.
    pub async fn request(&self, call: &RawCall) -> Result<Answer, Error> {
        self.call(call).await
    }

    /// Makes a call: performs each step until it is done.
    ///
    /// Calls of one client share the access token: one call fetches it, the others wait. Keep polling a call that you
    /// started, or drop it. A call that is kept but not polled, such as the loser of a `select!` that is held by
    /// reference, can be the one that fetches. The others then wait for the time limit of its attempt plus 1 s (16 s by
    /// default), and one of them takes over. A dropped call hands over at once.
    ///
    /// # Errors
    ///
    /// Returns why the call failed, after how many attempts, and, for a downlink, whether it may have arrived.
    pub async fn call<O: Operation>(&self, operation: &O) -> Result<O::Output, Error> {
        let place = self.places.take().await;
        let mut step = self.session.start(operation, self.clock.now());
        let _place = match place {
            Ok(place) => place,
            Err(error) => return finish(operation, step.unsent(error, self.clock.now())),
        };
        let watch: &dyn Watch = self.watch.as_deref().unwrap_or(&());
        loop {
            let now = self.clock.now();
            step = match step {
                Step::Done(result) => return finish(operation, result),
                unwanted if !watch.is_wanted() => return finish(operation, unwanted.cancel(now)),
                Step::Send(request, exchange) => {
                    if !watch.sending(&exchange) {
                        return finish(operation, Step::Send(request, exchange).cancel(now));
                    }
                    let reply = self.transport.send(request, exchange.timeout(), exchange.limit()).await;
                    let later = self.clock.now();
                    watch.replied(&exchange, &reply, later.since(now));
                    if let Some(retirement) = exchange.retirement(&reply) {
                        log::warn!("{retirement}");
                        watch.announced(&retirement);
                    }
                    exchange.resume(reply, later)
                }
                Step::Sleep(pause) => {
                    let wait = pause.until().since(now);
                    watch.pausing(&pause, wait);
                    tokio::time::sleep(wait).await;
                    pause.resume(self.clock.now())
                }
                Step::Wait(turn) => {
                    self.wait(&turn).await;
                    turn.resume(self.clock.now())
                }
            };
        }
    }

    async fn wait(&self, turn: &Turn) {
        let left = turn.deadline().since(self.clock.now());
        let settled = poll_fn(|context| turn.poll(context.waker()));
        // The flow detects that time ran out: it is resumed either way.
        let _ = tokio::time::timeout(left, settled).await;
    }
}

/// Returns a random number. The process id is part of it, because a forked process inherits the keys of its parent.
fn random() -> u128 {
    let keys = RandomState::new();
    let half = |which: bool| u128::from(keys.hash_one((process::id(), which)));
    (half(true) << 64) | half(false)
}

const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Client>();
    shared::<Session>();
    shared::<Error>();
};

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.session).finish()
    }
}
