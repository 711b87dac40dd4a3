//! The listener and its connections, with one thread per connection.

use crate::call::{self, Delivery, Outcome};
use crate::control;
use crate::credentials::SimCredentials;
use crate::exchange::Exchange;
use crate::host;
use crate::inbox::{Broken, Frame, Inbox};
use crate::observer::Observer;
use crate::request::Request;
use crate::response::Response;
use crate::route::Endpoint;
use crate::uplink::Traffic;
use crate::wire::Wire;
use crate::worlds::Worlds;
use httparse::EMPTY_HEADER;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Enough for the deepest JSON that serde_json accepts, and for gzip, whose state is on the stack in debug builds. Only
/// the used part takes memory.
const STACK: usize = 1024 * 1024;

/// The maximum time that a sleeping connection needs to notice that the server stops.
const NOTICE: Duration = Duration::from_millis(25);

/// A sleeping thread wakes up about this much too late, so the end of a latency is a busy wait.
const OVERSLEEP: Duration = Duration::from_micros(150);

/// A refused client may keep sending for this long, so that it can read the reason.
const LINGER: Duration = Duration::from_secs(1);

pub(crate) struct Server {
    pub(crate) worlds: Worlds,
    pub(crate) addr: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    observer: Option<Observer<Exchange>>,
    state: Mutex<State>,
    stopped: Condvar,
}

#[derive(Default)]
struct State {
    stopping: bool,
    stopped: bool,
    acceptor: Option<JoinHandle<()>>,
    connections: HashMap<u64, (Arc<TcpStream>, JoinHandle<()>)>,
}

impl Server {
    pub(crate) fn start(
        listener: TcpListener,
        worlds: Worlds,
        observer: Option<Observer<Exchange>>,
        tls: Option<Arc<ServerConfig>>,
        traffic: Option<Traffic>,
    ) -> io::Result<Arc<Self>> {
        let server = Self {
            worlds,
            addr: listener.local_addr()?,
            tls,
            observer,
            state: Mutex::default(),
            stopped: Condvar::new(),
        };
        let server = Arc::new(server);
        let accepting = Arc::clone(&server);
        let acceptor = thread::Builder::new()
            .name("things-sim".to_owned())
            .spawn(move || accepting.accept(&listener))?;
        server.state().acceptor = Some(acceptor);
        if let Some(traffic) = traffic {
            let weak = Arc::downgrade(&server);
            let world = move || weak.upgrade().map(|server| server.worlds.default());
            if let Err(error) = traffic.start(&server.worlds.recipe.outgoing.poster, world) {
                server.stop();
                return Err(error);
            }
        }
        Ok(server)
    }

    pub(crate) fn wait(&self) {
        let state = self.state();
        let stopped = self.stopped.wait_while(state, |state| !state.stopped);
        drop(stopped.unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn stop(&self) {
        let acceptor = {
            let mut state = self.state();
            state.stopping = true;
            state.acceptor.take()
        };
        let Some(acceptor) = acceptor else {
            return;
        };
        self.worlds.recipe.outgoing.poster.stop();
        // Wakes the acceptor. If no connection can be made, the acceptor is not waiting for one either.
        drop(TcpStream::connect_timeout(&host::reachable_socket(self.addr), LINGER));
        join(acceptor);
        let connections = std::mem::take(&mut self.state().connections);
        for (stream, _) in connections.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        for (_, thread) in connections.into_values() {
            join(thread);
        }
        self.state().stopped = true;
        self.stopped.notify_all();
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for number in 0.. {
            let accepted = listener.accept();
            if self.state().stopping {
                return;
            }
            match accepted {
                Ok((stream, _)) => self.adopt(number, stream),
                // Most likely there are no free file descriptors, so try again later.
                Err(_) => thread::sleep(NOTICE),
            }
        }
    }

    fn adopt(self: &Arc<Self>, number: u64, stream: TcpStream) {
        // If this fails, responses to small requests are late, and nothing else changes.
        let _ = stream.set_nodelay(true);
        let stream = Arc::new(stream);
        let (server, socket) = (Arc::clone(self), Arc::clone(&stream));
        // Locked until the connection is listed, so that it cannot end before that.
        let mut state = self.state();
        let thread =
            thread::Builder::new().name(format!("things-sim-{number}")).stack_size(STACK).spawn(move || {
                server.serve(&socket);
                let _ = socket.shutdown(Shutdown::Both);
                drop(socket);
                let ended = server.state().connections.remove(&number);
                drop(ended);
            });
        // Without a thread, dropping the stream closes the connection.
        if let Ok(thread) = thread {
            state.connections.insert(number, (stream, thread));
        }
    }

    /// Serves the requests of a connection in turn, until either side closes it.
    fn serve(&self, stream: &TcpStream) {
        let Ok(mut wire) = self.wire(stream) else {
            return;
        };
        let mut inbox = Inbox::new();
        let mut response = Response::new();
        loop {
            let frame = match inbox.receive(&mut wire) {
                Ok(frame) => frame,
                Err(Broken::Gone) => return,
                Err(Broken::Refused(status, why)) => {
                    return refuse(&mut wire, &mut inbox, &mut response, status, why);
                }
            };
            let end = {
                let mut headers = [EMPTY_HEADER; 100];
                match inbox.request(&frame, &mut headers) {
                    Some(request) => self.call(&mut wire, &frame, &request, &mut response),
                    None => End::Close,
                }
            };
            match end {
                End::KeepAlive => inbox.consume(&frame),
                End::Close => return,
                End::Stall => return inbox.discard(&mut wire),
            }
        }
    }

    fn wire<'a>(&self, stream: &'a TcpStream) -> Result<Wire<'a>, rustls::Error> {
        Ok(match &self.tls {
            Some(config) => {
                let connection = ServerConnection::new(Arc::clone(config))?;
                Wire::Tls(Box::new(StreamOwned::new(connection, stream)))
            }
            None => Wire::Plain(stream),
        })
    }

    fn call(
        &self,
        wire: &mut Wire<'_>,
        frame: &Frame,
        request: &Request<'_>,
        response: &mut Response,
    ) -> End {
        if let Some(resource) = control::resource(request.path()) {
            let stopping = || self.is_stopping();
            control::answer(&self.worlds, resource, request, &stopping, response);
            let body_limit = if request.method == "HEAD" { 0 } else { usize::MAX };
            let keep_alive = frame.keep_alive;
            let delivery = Delivery { body_limit, keep_alive, declares_close: !keep_alive };
            return self.deliver(wire, delivery, response).0;
        }
        let endpoint = Endpoint::of(request.path());
        let route = endpoint.route();
        let world = self.worlds.of_request(&endpoint, request);
        world.calls.count(route);
        world.requests.keep(request.head, request.body.len());
        let verdict = world.faults.judge(route, Instant::now());
        if !self.sleep(verdict.latency) {
            return End::Close;
        }
        let outcome = call::process(&world, &endpoint, request, frame.keep_alive, &verdict, response);
        let status = response.status();
        let (end, body_length) = match outcome {
            Outcome::Respond(delivery) => self.deliver(wire, delivery, response),
            Outcome::Drop => (End::Close, None),
            Outcome::Stall => (End::Stall, None),
        };
        if let Some(observer) = &self.observer {
            let SimCredentials { key_secret, tenant_id, .. } = &world.credentials;
            let mut exchange =
                Exchange::new(route, request, status, body_length, verdict.applied, key_secret);
            exchange.tenant = self.worlds.any_tenant().then(|| tenant_id.clone());
            observer.observe(&exchange);
        }
        end
    }

    /// Sends a response. Returns the number of bytes of its body, or `None` if the client is gone.
    fn deliver(
        &self,
        wire: &mut Wire<'_>,
        delivery: Delivery,
        response: &mut Response,
    ) -> (End, Option<usize>) {
        let Delivery { body_limit, keep_alive, declares_close } = delivery;
        let written = wire.write_all(response.bytes(declares_close, body_limit));
        let sent = written.and_then(|()| wire.flush()).is_ok();
        let end = if sent && keep_alive { End::KeepAlive } else { End::Close };
        (end, sent.then(|| response.body().len()))
    }

    /// Sleeps for the latency. Returns false if the server stopped in the meantime.
    fn sleep(&self, latency: Duration) -> bool {
        if latency.is_zero() {
            return true;
        }
        let Some(end) = Instant::now().checked_add(latency) else {
            return self.sleep(Duration::from_secs(u64::from(u32::MAX)));
        };
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            let nap = left.min(NOTICE).saturating_sub(OVERSLEEP);
            if nap.is_zero() {
                thread::yield_now();
                continue;
            }
            thread::sleep(nap);
            if self.state().stopping {
                return false;
            }
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.state().stopping
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of a connection after a call.
enum End {
    KeepAlive,
    Close,
    Stall,
}

fn refuse(wire: &mut Wire<'_>, inbox: &mut Inbox, response: &mut Response, status: u16, why: &str) {
    response.begin(status, Some("text/plain;charset=UTF-8"));
    response.push(why.as_bytes());
    // Closing a socket with unread bytes resets it, and the response may be lost: let the client finish first.
    if wire.write_all(response.bytes(true, usize::MAX)).is_ok() && wire.finish(LINGER).is_ok() {
        inbox.discard(wire);
    }
}

fn join(thread: JoinHandle<()>) {
    // A panic of a connection was already printed, and the other connections are not affected.
    let _ = thread.join();
}
