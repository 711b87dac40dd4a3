//! `things uplink listen`: a look at what arrives.

use std::future::IntoFuture;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, Method, StatusCode};
use things_store::inbox::{Message, Source};
use things_uplink::{PLUG_HEADER, Refusal, TOKEN_HEADER, Verifier};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task;
use tokio::time::timeout;

use super::output::{Output, Sheet};
use super::receiver_options::{ListenOptions, Listening};
use super::recording::Recording;
use super::secret_file::SecretFile;
use super::target::Target;
use crate::console::Console;
use crate::count::number;
use crate::failure::Failure;
use crate::interrupt::{Interrupt, Verdict};

/// Show uplinks as they arrive, and store none
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things uplink listen --secret-file destination.secret
  things uplink listen --secret-file destination.secret --ndjson
  things uplink listen --secret-file destination.secret \\
      --forward-to http://127.0.0.1:3000/kpn --record messages.ndjson",
    after_help = "\
For a look at a new destination, or at a program under development. Each message is confirmed with 204 once it is printed, and is \
then gone: `things uplink serve` keeps messages. A message with a missing or wrong token is refused with 401, and its row has the \
reason.

--forward-to posts each message on, with the bytes and headers that it had, and the sender gets the status of that response. If \
there is none, the sender gets 502 and tries again. Plain http goes to this machine, and to the hosts in KPN_THINGS_ALLOW_HTTP.

--record adds each message to a file, one JSON object per line, for `things uplink replay`. Credentials in headers are left out. \
The message token is kept, and only you can read the file."
)]
pub(crate) struct Listen {
    #[command(flatten)]
    secret: SecretFile,
    /// Post each message on to this URL
    #[arg(long, value_name = "URL")]
    forward_to: Option<String>,
    /// Add each message to this file
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Stop after this many messages
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    server: ListenOptions,
}

/// How long open requests have to end.
const GRACE: Duration = Duration::from_secs(2);

/// What the server tells the command.
enum Event {
    Message(Arrived),
    Stop,
}

/// A message that arrived, and what became of it.
struct Arrived {
    message: Message,
    /// Why it was refused.
    refusal: Option<String>,
    /// Why it could not be passed on.
    problem: Option<String>,
    /// Sent once the message is printed.
    printed: oneshot::Sender<()>,
}

/// What a request needs.
struct Desk {
    verifier: Verifier,
    target: Option<Target>,
    events: Sender<Event>,
}

impl Listen {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let verifier = Verifier::new(self.secret.read()?);
        let target = self.forward_to.as_deref().map(|url| Target::new("--forward-to", url)).transpose()?;
        let recording = self.record.as_deref().map(Recording::open).transpose()?;
        let Listening { listener, url } = self.server.listen()?;
        let (events, arriving) = mpsc::channel();
        let stop = events.clone();
        let _interrupt = Interrupt::handle(console, move || match stop.send(Event::Stop) {
            Ok(()) => Verdict::Finish,
            Err(_) => Verdict::Die(None),
        });
        let runtime = Runtime::new().map_err(|error| not_started(&error))?;
        let desk = Arc::new(Desk { verifier, target, events });
        let listener = runtime.block_on(async { TcpListener::from_std(listener) });
        let listener = listener.map_err(|error| not_started(&error))?;
        let router = Router::new().fallback(receive).with_state(desk);
        let (end, ended) = oneshot::channel::<()>();
        let server = axum::serve(listener, router).with_graceful_shutdown(async move { drop(ended.await) });
        let server = runtime.spawn(server.into_future());
        console
            .say(format_args!("Listening on {url}. Messages are shown and not stored. Stop with Ctrl-C."))?;
        let columns = console.columns();
        let mut sheet = self.output.sheet(columns, true, console.out())?;
        let shown = show(arriving, &mut sheet, recording, self.limit);
        drop((sheet, end));
        // The responses of what was printed are sent. A connection that stays open is not waited for.
        let _ = runtime.block_on(async { timeout(GRACE, server).await });
        runtime.shutdown_background();
        let (count, refused) = shown?;
        let refused = if refused > 0 { format!(", {refused} refused") } else { String::new() };
        Ok(console.say(format_args!("{}{refused}", number(count, "message")))?)
    }
}

fn not_started(error: &io::Error) -> Failure {
    Failure::Local(format!("could not start to listen: {error}"))
}

/// Prints what arrives. Returns the number of messages, and how many of them were refused.
fn show(
    arriving: Receiver<Event>,
    sheet: &mut Sheet<'_>,
    mut recording: Option<Recording>,
    limit: Option<u64>,
) -> Result<(u64, u64), Failure> {
    let (mut count, mut refused) = (0, 0);
    while limit.is_none_or(|limit| count < limit) {
        let Ok(Event::Message(mut arrived)) = arriving.recv() else { break };
        count += 1;
        arrived.message.id = count;
        match &arrived.refusal {
            Some(reason) => {
                refused += 1;
                sheet.add_refused(&arrived.message, reason)?;
            }
            None => {
                sheet.add(&arrived.message)?;
                if let Some(recording) = &mut recording {
                    let failed = |error| Failure::Local(format!("could not write the recording: {error}"));
                    recording.add(&arrived.message).map_err(failed)?;
                }
            }
        }
        sheet.flush()?;
        if let Some(problem) = &arrived.problem {
            let _ = writeln!(io::stderr(), "warning: message {count}: {problem}");
        }
        // A sender that has gone away needs no response.
        let _ = arrived.printed.send(());
    }
    Ok((count, refused))
}

/// Responds to a request once it is printed.
async fn receive(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if parts.method != Method::POST {
        return (StatusCode::METHOD_NOT_ALLOWED, "messages are posted: use the method POST\n")
            .into_response();
    }
    let limit = desk.verifier.limit();
    let (body, verified) = match to_bytes(body, limit).await {
        Ok(body) => {
            let verified = verify(&desk.verifier, &parts.headers, &body);
            (body, verified)
        }
        Err(_) => (Bytes::new(), Err(Refusal::TooLarge { limit })),
    };
    let (label, refusal) = match verified {
        Ok(label) => (Some(label), None),
        Err(refusal) => (None, Some(refusal)),
    };
    let (status, problem) = match &refusal {
        Some(refusal) => (refusal.status(), None),
        None => forward(&desk, &parts.headers, body.clone()).await,
    };
    let headers = parts.headers.iter();
    let message = Message {
        id: 0,
        received: SystemTime::now(),
        source: Source::Http,
        label,
        headers: headers.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect(),
        body: body.into(),
    };
    let refusal = refusal.map(|refusal| refusal.to_string());
    let reason = refusal.clone().or(problem.clone()).map(|reason| format!("{reason}\n")).unwrap_or_default();
    let (printed, is_printed) = oneshot::channel();
    let arrived = Event::Message(Arrived { message, refusal, problem, printed });
    if desk.events.send(arrived).is_err() || is_printed.await.is_err() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the receiver has stopped\n").into_response();
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    if reason.is_empty() { status.into_response() } else { (status, reason).into_response() }
}

/// Passes a message on, and returns the status for its sender.
async fn forward(desk: &Desk, headers: &HeaderMap, body: Bytes) -> (u16, Option<String>) {
    let Some(target) = desk.target.clone() else { return (204, None) };
    let (headers, name) = (headers.clone(), target.name());
    let posted = task::spawn_blocking(move || {
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        target.post(headers, &body)
    });
    match posted.await.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(status) if (200..300).contains(&status) => (status, None),
        Ok(status) => (status, Some(format!("{name} responded with {status}"))),
        Err(error) => (502, Some(format!("could not post to {name}: {error}"))),
    }
}

fn verify(verifier: &Verifier, headers: &HeaderMap, body: &[u8]) -> Result<String, Refusal> {
    let values = |name| headers.get_all(name).iter().map(http::HeaderValue::as_bytes);
    let verified = verifier.verify(values(TOKEN_HEADER), values(PLUG_HEADER), body)?;
    Ok(verified.label().to_owned())
}
