//! The server's side of a scenario: which reply a request gets, and which requests came.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::scenario::{Fault, Reply, Rule, Server};

/// A script that is being played.
pub struct Script {
    state: Mutex<State>,
    /// Another request was seen, or a connection closed.
    changed: Condvar,
}

struct State {
    rules: Vec<(Rule, usize)>,
    seen: Vec<Seen>,
    /// Connections that will be closed after a whole answer.
    closing: usize,
}

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query; with the origin before it if it came to another server.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the script has a reply for it.
    pub(crate) scripted: bool,
}

impl Script {
    /// The script of a server at `origin`, which may point at another server, `elsewhere`.
    pub(crate) fn new(server: &Server, origin: &str, elsewhere: &str) -> Self {
        let mut rules = server.rules.clone();
        rules.iter_mut().flat_map(|rule| &mut rule.replies).for_each(|reply| reply.fill(origin, elsewhere));
        let rules = rules.into_iter().map(|rule| (rule, 0)).collect();
        Self { state: Mutex::new(State { rules, seen: Vec::new(), closing: 0 }), changed: Condvar::new() }
    }

    /// Notes a request and finds its reply: the next one of the first rule that fits and has one left.
    pub(crate) fn receive(&self, mut request: Seen) -> Option<Reply> {
        let mut state = self.lock();
        let reply = state.rules.iter_mut().filter(|(rule, _)| fits(rule, &request)).find_map(next_reply);
        request.scripted = reply.is_some();
        let closes = reply.as_ref().is_some_and(|reply| reply.fault == Some(Fault::Close));
        state.closing += usize::from(closes);
        state.seen.push(request);
        drop(state);
        self.changed.notify_all();
        reply
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    /// Whether as many requests were seen.
    pub(crate) fn has_seen(&self, requests: usize) -> bool {
        self.lock().seen.len() >= requests
    }

    /// A connection was closed after a whole answer.
    pub(crate) fn closed(&self) {
        let mut state = self.lock();
        state.closing = state.closing.saturating_sub(1);
        drop(state);
        self.changed.notify_all();
    }

    /// Blocks until as many requests were seen, and says whether they came in ten seconds.
    pub(crate) fn wait_for(&self, requests: usize) -> bool {
        self.wait_while(|state| state.seen.len() < requests)
    }

    /// Blocks until no connection is about to be closed: a call that began before could still be sent over it.
    pub(crate) fn wait_for_closed(&self) -> bool {
        self.wait_while(|state| state.closing > 0)
    }

    fn wait_while(&self, condition: impl Fn(&State) -> bool) -> bool {
        let limit = Duration::from_secs(10);
        let wait = self.changed.wait_timeout_while(self.lock(), limit, |state| condition(state));
        !wait.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// The rules that have replies left over.
    pub(crate) fn unused(&self) -> Vec<String> {
        let state = self.lock();
        let unused = state.rules.iter().filter(|(rule, used)| !rule.optional && *used < rule.replies.len());
        unused
            .map(|(rule, used)| {
                format!("{} of {} replies to {}", rule.replies.len() - used, rule.replies.len(), rule.on)
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn next_reply((rule, used): &mut (Rule, usize)) -> Option<Reply> {
    let reply = rule.replies.get(*used).or_else(|| rule.replies.last().filter(|_| rule.repeat));
    *used += usize::from(reply.is_some());
    reply.cloned()
}

/// Whether method and path are the rule's, and all of its query parameters and headers are there.
fn fits(rule: &Rule, request: &Seen) -> bool {
    let (path, query) = split(&request.target);
    let (wanted_path, wanted_query) = split(&rule.on);
    let has = |wanted: &str| query.split('&').any(|parameter| parameter == wanted);
    wanted_path == format!("{} {path}", request.method)
        && wanted_query.split('&').filter(|wanted| !wanted.is_empty()).all(has)
        && rule.headers.iter().all(|(name, value)| request.header(name) == Some(value))
}

fn split(target: &str) -> (&str, &str) {
    target.split_once('?').unwrap_or((target, ""))
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target)?;
        for (name, value) in &self.headers {
            write!(f, "\n      {name}: {value}")?;
        }
        if !self.body.is_empty() {
            write!(f, "\n      {}", String::from_utf8_lossy(&self.body))?;
        }
        if !self.scripted {
            f.write_str("\n      (not in the script)")?;
        }
        Ok(())
    }
}
