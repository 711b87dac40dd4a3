//! The settings of a simulator before it starts.

use crate::behaviour::{Behaviour, DownlinkAnswer, ExpiresIn, SwitchAnswer};
use crate::change::ChangeRule;
use crate::credentials::SimCredentials;
use crate::device::DeviceSpec;
use crate::device_file::{self, DeviceFileError};
use crate::device_list::DeviceList;
use crate::exchange::Exchange;
use crate::fleet::Fleet;
use crate::host::Host;
use crate::listed_device::Device;
use crate::observer::Observer;
use crate::own_device::OwnDevice;
use crate::quirk::Quirk;
use crate::random::seed_for;
use crate::rate::RateLimit;
use crate::recipe::Recipe;
use crate::rule::FaultRule;
use crate::server::Server;
use crate::sim::{DEFAULT_CUSTOMER, DEFAULT_CUSTOMER_DEVICES, Sim};
use crate::tls;
use crate::uplink::{Destination, Outgoing, PostedUplink, Poster, Traffic};
use crate::worlds::Worlds;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

impl Sim {
    /// Returns a builder with the default settings.
    pub fn builder() -> SimBuilder {
        SimBuilder::default()
    }
}

/// The maximum number of generated devices of an account or of a sub-customer.
pub const MAX_DEVICES: usize = 5_000_000;

/// Sets up a [`Sim`].
#[derive(Debug, Clone)]
pub struct SimBuilder {
    /// `None` is the default, which depends on `listed`.
    devices: Option<usize>,
    /// The devices of files.
    listed: Option<Vec<Arc<Device>>>,
    added: Vec<DeviceSpec>,
    eui: bool,
    seed: u64,
    port: u16,
    host: Host,
    tls_directory: Option<PathBuf>,
    credentials: Option<SimCredentials>,
    customers: Vec<(String, usize)>,
    changes: Vec<ChangeRule>,
    faults: Vec<FaultRule>,
    keep_requests: usize,
    keep_downlinks: usize,
    behaviour: Behaviour,
    observer: Option<Observer<Exchange>>,
    any_tenant: bool,
    destination: Option<Destination>,
    uplink_rate: Option<RateLimit>,
    uplink_answers: bool,
    keep_uplinks: usize,
    uplink_observer: Option<Observer<PostedUplink>>,
    own_devices: Vec<OwnDevice>,
}

impl Default for SimBuilder {
    fn default() -> Self {
        Self {
            devices: None,
            listed: None,
            added: Vec::new(),
            eui: true,
            seed: 0,
            port: 0,
            host: Host::default(),
            tls_directory: None,
            credentials: None,
            customers: vec![(DEFAULT_CUSTOMER.to_owned(), DEFAULT_CUSTOMER_DEVICES)],
            changes: Vec::new(),
            faults: Vec::new(),
            keep_requests: 1000,
            keep_downlinks: 1_000_000,
            behaviour: Behaviour::default(),
            observer: None,
            any_tenant: false,
            destination: None,
            uplink_rate: None,
            uplink_answers: true,
            keep_uplinks: 10_000,
            uplink_observer: None,
            own_devices: Vec::new(),
        }
    }
}

impl SimBuilder {
    /// Sets the number of generated devices of the account, at most [`MAX_DEVICES`]. Default: 100, or none if the devices
    /// come from a file.
    #[must_use]
    pub fn devices(mut self, count: usize) -> Self {
        self.devices = Some(count);
        self
    }

    /// Adds the devices of a file, which has one JSON object per line, as `things devices list --ndjson` writes it. Every
    /// field is kept unchanged, unknown fields and the digits of numbers included.
    ///
    /// # Errors
    ///
    /// Returns the file, the line and the reason if the file cannot be read, if a line is not a device with a `uuid`, or
    /// if a `uuid` occurs twice.
    pub fn device_file(self, path: impl AsRef<Path>) -> Result<Self, DeviceFileError> {
        let path = path.as_ref();
        let name = || path.display().to_string();
        let file = File::open(path)
            .map_err(|error| DeviceFileError::new(None, error.to_string()).in_file(name()))?;
        self.devices_from(BufReader::new(file)).map_err(|error| error.in_file(name()))
    }

    /// Adds the devices that a reader returns, in the format of [`device_file`](Self::device_file).
    ///
    /// # Errors
    ///
    /// Returns an error under the conditions of [`device_file`](Self::device_file).
    pub fn devices_from(mut self, reader: impl BufRead) -> Result<Self, DeviceFileError> {
        let listed = self.listed.get_or_insert_default();
        let known: HashSet<_> = listed.iter().filter_map(|device| device.uuid().map(str::to_owned)).collect();
        for (line, device) in device_file::read(reader)? {
            if let Some(uuid) = device.uuid().filter(|uuid| known.contains(*uuid)) {
                let reason = format!("the uuid {uuid} is also in an earlier file");
                return Err(DeviceFileError::new(Some(line), reason));
            }
            listed.push(Arc::new(device));
        }
        Ok(self)
    }

    /// Adds this device to the account, in addition to the generated ones.
    #[must_use]
    pub fn device(mut self, device: DeviceSpec) -> Self {
        self.added.push(device);
        self
    }

    /// Sets whether about half of the generated devices have the undocumented field `eui`. Default: true.
    #[must_use]
    pub fn eui(mut self, some_have_it: bool) -> Self {
        self.eui = some_have_it;
        self
    }

    /// Sets the seed of devices, credentials, changes and chance. Default: 0.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the address or the name to listen on, which is also the host in the URL. Default: `127.0.0.1`.
    ///
    /// `0.0.0.0` listens on every address of this machine, and its URL has `127.0.0.1`. Every program that reaches the port
    /// can read and change the simulator, so use this in a container or in a network that you trust.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.host = Host::new(host);
        self
    }

    /// Serves https, with a certificate of the simulator's own authority. The authority is in the files `ca.pem` and
    /// `ca-key.pem` of this directory, which are created at the first start and reused at the next one. Clients must
    /// trust `ca.pem`. The certificate is valid for `localhost`, `127.0.0.1`, `::1` and the [`host`](Self::host).
    #[must_use]
    pub fn tls_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.tls_directory = Some(directory.into());
        self
    }

    /// Sets the port. Default: 0, any free port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets the API key to accept. Default: a key generated from the seed.
    #[must_use]
    pub fn credentials(mut self, credentials: SimCredentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Removes the key's access to KPN Things: it still gets tokens, but every call of the API gets a 302.
    #[must_use]
    pub fn without_access(mut self) -> Self {
        self.behaviour.access = false;
        self
    }

    /// Grants a sub-customer with this number of generated devices, in addition to the default sub-customer.
    #[must_use]
    pub fn customer(mut self, id: impl Into<String>, devices: usize) -> Self {
        self.customers.push((id.into(), devices));
        self
    }

    /// Removes the sub-customers granted so far, including the default one.
    #[must_use]
    pub fn no_customers(mut self) -> Self {
        self.customers.clear();
        self
    }

    /// Sets the lifetime of a token. Default: 3600 s, as documented. A token with a lifetime of zero is expired on arrival.
    #[must_use]
    pub fn token_life(mut self, life: Duration) -> Self {
        self.behaviour.token_life = life;
        self
    }

    /// Sets the form of `expires_in` in a token response. Default: [`ExpiresIn::Number`].
    #[must_use]
    pub fn expires_in(mut self, expires_in: ExpiresIn) -> Self {
        self.behaviour.expires_in = expires_in;
        self
    }

    /// Adds a quirk: a difference between the list of devices and the documented one, or a choice where the current API
    /// is unknown. A later quirk overrides an earlier one of the same name.
    #[must_use]
    pub fn quirk(mut self, quirk: Quirk) -> Self {
        self.behaviour.add(quirk);
        self
    }

    /// Sets the maximum number of devices per page, at least 1. A request for more gets this many, and `size` reports
    /// it. Default: no cap. This is the quirk [`Quirk::PageSizeCap`].
    #[must_use]
    pub fn page_size_cap(self, devices: usize) -> Self {
        self.quirk(Quirk::PageSizeCap(devices))
    }

    /// Sets the response to a downlink. Default: [`DownlinkAnswer::CreatedObject`].
    #[must_use]
    pub fn downlink_answer(mut self, answer: DownlinkAnswer) -> Self {
        self.behaviour.downlink_answer = answer;
        self
    }

    /// Responds with 404 to a downlink for a DevEUI that no device of the account has in its field `eui`. Default: every
    /// DevEUI is accepted. What KPN Things does is unknown.
    ///
    /// About half of the generated devices have an `eui`.
    #[must_use]
    pub fn strict_devices(mut self) -> Self {
        self.behaviour.strict_devices = true;
        self
    }

    /// Sets the response to a context switch. Default: [`SwitchAnswer::OkObject`].
    #[must_use]
    pub fn switch_answer(mut self, answer: SwitchAnswer) -> Self {
        self.behaviour.switch_answer = answer;
        self
    }

    /// Changes the account's devices before list requests. Default: no changes.
    #[must_use]
    pub fn change(mut self, rule: ChangeRule) -> Self {
        self.changes.push(rule);
        self
    }

    /// Adds a fault.
    #[must_use]
    pub fn fault(mut self, rule: FaultRule) -> Self {
        self.faults.push(rule);
        self
    }

    /// Sets how many of the newest requests [`Sim::requests`] keeps. Default: 1000.
    #[must_use]
    pub fn keep_requests(mut self, count: usize) -> Self {
        self.keep_requests = count;
        self
    }

    /// Sets how many of the newest downlinks [`Sim::downlinks`] keeps. Default: 1,000,000.
    #[must_use]
    pub fn keep_downlinks(mut self, count: usize) -> Self {
        self.keep_downlinks = count;
        self
    }

    /// Accepts any tenant id with the same API key. Each tenant has its own devices, faults, tokens and records, made
    /// from the same seed, so that independent tests can share one simulator. Default: only the tenant of the credentials.
    ///
    /// The methods of [`Sim`] act on the tenant of the credentials. `/__sim/` acts on the others.
    #[must_use]
    pub fn any_tenant(mut self) -> Self {
        self.any_tenant = true;
        self
    }

    /// Calls a function with each handled request and its response, for a request log. It is called on the thread of
    /// the connection, after the response was sent.
    #[must_use]
    pub fn on_exchange(mut self, observe: impl Fn(&Exchange) + Send + Sync + 'static) -> Self {
        self.observer = Some(Observer::new(observe));
        self
    }

    /// Posts uplinks to this destination: those of [`Sim::post_uplink`], the answers of devices to downlinks, the packs of
    /// devices of your own, and those of [`uplink_rate`](Self::uplink_rate). Default: uplinks are posted nowhere.
    #[must_use]
    pub fn uplink_destination(mut self, destination: Destination) -> Self {
        self.destination = Some(destination);
        self
    }

    /// Posts uplinks of random devices of the account at this rate. The seed decides about their content. Default: none.
    #[must_use]
    pub fn uplink_rate(mut self, rate: RateLimit) -> Self {
        self.uplink_rate = Some(rate);
        self
    }

    /// Posts no uplink because of a downlink or a pack. By default, a device answers an accepted downlink at once with an
    /// uplink of the same content, and the pack of a device of your own is posted to the destination unchanged.
    #[must_use]
    pub fn without_uplink_answers(mut self) -> Self {
        self.uplink_answers = false;
        self
    }

    /// Sets how many of the newest uplinks [`Sim::uplinks`] keeps, and how many packs [`Sim::packs`] keeps. Default:
    /// 10,000.
    #[must_use]
    pub fn keep_uplinks(mut self, count: usize) -> Self {
        self.keep_uplinks = count;
        self
    }

    /// Calls a function with each uplink after each of its posts, for a log. It is called on the thread that posted it.
    #[must_use]
    pub fn on_uplink(mut self, observe: impl Fn(&PostedUplink) + Send + Sync + 'static) -> Self {
        self.uplink_observer = Some(Observer::new(observe));
        self
    }

    /// Adds a device of your own, which may post to `/ingestion/ip/senml/v1`. Its secret has 30 to 100 letters and digits.
    /// Default: one device, generated from the seed; see [`Sim::own_devices`].
    #[must_use]
    pub fn own_device(mut self, uuid: impl Into<String>, secret: impl Into<String>) -> Self {
        self.own_devices.push(OwnDevice { uuid: uuid.into(), secret: secret.into() });
        self
    }

    /// Returns the account's devices without a server: pages come from calls instead of requests.
    ///
    /// Devices, changes and quirks are those of a [`Sim`] with the same settings. Faults and sub-customers have no effect.
    pub fn device_list(&self) -> DeviceList {
        DeviceList::new(self.account(), self.behaviour.listing.clone())
    }

    /// Binds the port and starts to serve.
    ///
    /// # Errors
    ///
    /// Returns an error if the port is taken, if the host is not an address or a name of this machine, if the certificate
    /// authority cannot be read or written, or if no thread can be started. A number of devices above [`MAX_DEVICES`], a
    /// destination that cannot be used, and a device of your own whose secret is wrong are errors of the kind
    /// [`InvalidInput`](io::ErrorKind::InvalidInput).
    pub fn start(self) -> io::Result<Sim> {
        let counts = self.customers.iter().map(|(_, count)| *count).chain(self.devices);
        if let Some(count) = counts.into_iter().find(|count| *count > MAX_DEVICES) {
            return Err(invalid(format!("{count} devices are too many: the maximum is {MAX_DEVICES}")));
        }
        if let Some(destination) = &self.destination {
            destination.check().map_err(|error| invalid(error.to_string()))?;
        }
        let account = self.account();
        let mut own_devices = self.own_devices;
        own_devices.iter().try_for_each(OwnDevice::check).map_err(invalid)?;
        if own_devices.is_empty() {
            own_devices.push(OwnDevice::from_seed(self.seed));
        }
        let listener = self.host.bind(self.port)?;
        let files = self.tls_directory.as_deref().map(tls::Files::in_directory);
        let tls = files.as_ref().map(|files| tls::server(files, &self.host)).transpose()?;
        let ca_file = files.map(|files| files.certificate);
        let scheme = if ca_file.is_some() { "https" } else { "http" };
        let customer = |(id, count): (String, usize)| {
            let fleet = Fleet::new(seed_for(self.seed, &id), count, self.eui, &self.behaviour.listing);
            (id, fleet)
        };
        let recipe = Recipe {
            url: format!("{scheme}://{}", self.host.authority(listener.local_addr()?.port())),
            allow_http: (ca_file.is_none() && !self.host.is_loopback()).then(|| self.host.in_url()),
            ca_file,
            account,
            customers: self.customers.into_iter().map(customer).collect(),
            credentials: self
                .credentials
                .unwrap_or_else(|| SimCredentials::from_seed(seed_for(self.seed, "credentials"))),
            behaviour: self.behaviour,
            seed: self.seed,
            faults: self.faults,
            keep_requests: self.keep_requests,
            keep_downlinks: self.keep_downlinks,
            outgoing: Outgoing {
                poster: Arc::new(Poster::default()),
                destination: self.destination,
                answers: self.uplink_answers,
                keep: self.keep_uplinks,
                observer: self.uplink_observer,
            },
            own_devices,
        };
        let traffic = self.uplink_rate.map(|rate| Traffic::new(rate, self.seed));
        let worlds = Worlds::new(recipe, self.any_tenant);
        let server = Server::start(listener, worlds, self.observer, tls, traffic)?;
        Ok(Sim::new(server))
    }

    /// The account's devices and their changes.
    fn account(&self) -> Fleet {
        let seed = seed_for(self.seed, "devices");
        let count = self.devices.unwrap_or(if self.listed.is_some() { 0 } else { 100 });
        let account = Fleet::new(seed, count, self.eui, &self.behaviour.listing);
        account.add_all(self.listed.as_deref().unwrap_or_default());
        for device in &self.added {
            account.add(device.clone().into());
        }
        for rule in &self.changes {
            account.add_change(rule.clone());
        }
        account
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
