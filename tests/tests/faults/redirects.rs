//! Redirects: none is followed, and nothing is sent where they point.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use things_core::{Error, ErrorKind, Stage};

use crate::client::{Client, each};
use crate::service::{Ask, case, client, respond, serve, settings, target};
use crate::trial::Trial;

/// A port that nothing should come to. Connections are made by the system, so whoever came is found afterwards.
struct Elsewhere(TcpListener);

impl Elsewhere {
    fn at(address: &str) -> Option<Self> {
        let listener = TcpListener::bind(address).ok()?;
        listener.set_nonblocking(true).unwrap();
        Some(Self(listener))
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// What each connection brought.
    fn heard(&self) -> Vec<usize> {
        let connections = std::iter::from_fn(|| self.0.accept().ok());
        let bytes = |mut stream: TcpStream| {
            stream.set_nonblocking(true).unwrap();
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes);
            bytes.len()
        };
        connections.map(|(stream, _)| bytes(stream)).collect()
    }
}

#[derive(Clone, Debug)]
struct Redirect {
    status: &'static str,
    location: String,
    from_grip: bool,
    ask: Ask,
}

impl Redirect {
    /// What is wrong with what a call came to, and with the targets that were asked for.
    fn judge(&self, result: Result<(), Error>, targets: &[String]) -> Result<(), String> {
        let found = |what: &str| Err(format!("{self:?}: {what}"));
        if targets.iter().any(|target| target.contains("elsewhere")) {
            return found("was followed on the same server");
        }
        // A rejected token is fetched anew once.
        let most = if self.status.starts_with("302") && !self.from_grip { 2 } else { 1 };
        if targets.is_empty() || targets.len() > most {
            return found(&format!("was met {} times", targets.len()));
        }
        let Err(error) = result else { return found("was taken for an answer") };
        let stage = match (self.from_grip, self.ask) {
            (true, _) => Stage::Token,
            (false, Ask::Customer) => Stage::ContextSwitch,
            (false, _) => Stage::Call,
        };
        let rejected = self.from_grip || self.status.starts_with("302");
        let kind = if rejected { ErrorKind::Auth } else { ErrorKind::UnexpectedStatus };
        if (error.kind(), error.stage()) != (kind, stage) {
            return found(&format!("{:?} at {:?}: {error}", error.kind(), error.stage()));
        }
        Ok(())
    }
}

const STATUSES: [&str; 7] = [
    "300 Multiple Choices",
    "301 Moved Permanently",
    "302 Found",
    "303 See Other",
    "304 Not Modified",
    "307 Temporary Redirect",
    "308 Permanent Redirect",
];

#[test]
fn r10_redirect_gets_no_byte_elsewhere_and_no_request_here() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R10", name);
        let elsewhere = Elsewhere::at("127.0.0.1:0").unwrap();
        // Where there is no IPv6, that port could not be reached either.
        let sixth = Elsewhere::at("[::1]:0");
        let (port, port_of_sixth) = (elsewhere.port(), sixth.as_ref().map_or(1, Elsewhere::port));
        let (redirects, met) = (Arc::new(Mutex::new(Vec::<Redirect>::new())), Arc::default());
        let (known, seen) = (Arc::clone(&redirects), Arc::<Mutex<Vec<(usize, String)>>>::clone(&met));
        let server = serve(move |request, stream| {
            seen.lock().unwrap().push((case(request), target(request).to_owned()));
            let redirect = known.lock().unwrap().get(case(request)).cloned();
            let (status, location) = redirect
                .map_or(("404 Not Found", String::new()), |redirect| (redirect.status, redirect.location));
            respond(stream, status, &format!("location: {location}\r\n"), "");
        });
        let locations = [
            format!("http://127.0.0.1:{port}/elsewhere"),
            format!("http://localhost:{port}/elsewhere"),
            format!("http://[::1]:{port_of_sixth}/elsewhere"),
            format!("https://127.0.0.1:{port}/elsewhere"),
            format!("//127.0.0.1:{port}/elsewhere"),
            format!("http://user:password@127.0.0.1:{port}/elsewhere"),
            format!("{}/elsewhere", server.http()),
            "/elsewhere?a=b".to_owned(),
            "elsewhere".to_owned(),
        ];
        let mut all = redirects.lock().unwrap();
        for status in STATUSES {
            for location in &locations {
                for (from_grip, ask) in
                    [true, false].into_iter().flat_map(|grip| Ask::ALL.map(|ask| (grip, ask)))
                {
                    all.push(Redirect { status, location: location.clone(), from_grip, ask });
                }
            }
        }
        let cases = all.clone();
        drop(all);
        let results = each(cases.len() as u64, 16, |case| {
            let redirect = &cases[case as usize];
            let here = format!("{}/{case}", server.http());
            let settings = if redirect.from_grip {
                settings("http://127.0.0.1:1").token_url(format!("{here}/token"))
            } else {
                settings(&here)
            };
            // Elsewhere nobody answers.
            let settings = settings.timeout(Duration::from_secs(2));
            redirect.ask.of(&client(name, settings.build().unwrap()))
        });
        let met = met.lock().unwrap();
        for (number, (redirect, result)) in cases.iter().zip(results).enumerate() {
            let targets: Vec<_> =
                met.iter().filter(|(case, _)| *case == number).map(|(_, target)| target.clone()).collect();
            trial.case(redirect.judge(result, &targets));
        }
        let strays: Vec<_> = met.iter().filter(|(case, _)| *case == usize::MAX).collect();
        trial.holds(strays.is_empty(), || format!("asked for here: {strays:?}"));
        for elsewhere in [Some(elsewhere), sixth] {
            let heard = elsewhere.map(|elsewhere| elsewhere.heard()).unwrap_or_default();
            trial.holds(heard.is_empty(), || {
                format!("{} connections elsewhere, with {heard:?} bytes", heard.len())
            });
        }
        trial.end();
    }
}
