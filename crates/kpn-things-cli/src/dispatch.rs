//! A call that must not be made twice: the name that messages give it, and its outcome when it is interrupted.

use std::sync::Arc;
use std::time::SystemTime;

use things_core::{Downlink, Error, Fate, Outcome, Stopped};
use things_ureq::Client;

use crate::console::Console;
use crate::failure::{ExitStatus, Failure};
use crate::interrupt::{Interrupt, Verdict};

/// A call that must not be made twice, as messages name it.
#[derive(Debug, Clone)]
pub(crate) struct Dispatch {
    /// What it is, such as "downlink".
    noun: &'static str,
    name: String,
    /// How to find out whether it arrived.
    look: String,
    at: SystemTime,
}

impl Dispatch {
    /// Names a downlink by its device, port and reference.
    pub(crate) fn downlink(downlink: &Downlink) -> Self {
        let device = downlink.device().map(|device| device.to_string());
        let mut names = Vec::new();
        names.extend(device.as_deref().map(|device| format!("device {}", short(device))));
        names.extend(downlink.lora_port().map(|port| format!("port {port}")));
        names.extend(downlink.reference().map(|reference| format!("reference {reference}")));
        let look = match device {
            Some(device) => format!(
                "look for it in the KPN Things portal, or with: things api GET /downlinks --query q={device}"
            ),
            None => "look for it in the KPN Things portal".to_owned(),
        };
        Self { noun: "downlink", name: names.join(", "), look, at: SystemTime::now() }
    }

    /// Names any other call by its method and path.
    pub(crate) fn call(method: &str, path: &str) -> Self {
        let look = "look at what it was to change".to_owned();
        Self { noun: "call", name: format!("{method} {path}"), look, at: SystemTime::now() }
    }

    /// Makes the call. Until its outcome is [printed](Begun::printed), an interrupt reports it.
    pub(crate) fn make<T>(
        self,
        console: &mut Console<'_>,
        client: &Client,
        call: impl FnOnce(Client) -> Result<T, Error>,
    ) -> Result<(T, Begun), Failure> {
        let fate = Fate::default();
        let (dispatch, seen) = (self.clone(), fate.clone());
        let interrupt = Interrupt::handle(console, move || dispatch.verdict(seen.stop()));
        let result = call(client.with_watch(Arc::new((fate.clone(), console.watch()))));
        fate.ended(&result);
        let begun = Begun { dispatch: self, fate, _interrupt: interrupt };
        match result {
            Ok(done) => Ok((done, begun)),
            Err(error) => Err(Failure::Dispatch(error, Box::new(begun))),
        }
    }

    fn verdict(&self, stopped: Option<Stopped>) -> Verdict {
        match stopped {
            None => Verdict::Finish,
            Some(Stopped::Accepted) => {
                Verdict::Exit(ExitStatus::Done, format!("accepted before the interrupt\n{}", self.line()))
            }
            Some(Stopped::InFlight) => {
                let lines = ["error: interrupted while the request was in flight".to_owned(), self.line()];
                let lines = lines.into_iter().chain(self.outcome(Outcome::Unknown));
                Verdict::Exit(ExitStatus::Unknown, lines.collect::<Vec<_>>().join("\n"))
            }
            Some(Stopped::Unsent) => {
                Verdict::Die(Some(format!("interrupted: the {} was not sent", self.noun)))
            }
        }
    }

    /// The line that names the call.
    pub(crate) fn line(&self) -> String {
        format!("{}: {}, {}", self.noun, self.name, humantime::format_rfc3339_seconds(self.at))
    }

    /// The lines that say whether the call can have arrived, and what to do.
    pub(crate) fn outcome(&self, outcome: Outcome) -> Vec<String> {
        match outcome {
            Outcome::Accepted => Vec::new(),
            Outcome::NotSent => {
                vec!["outcome: NotSent: the service did not act on it, so sending it again does not do it twice".into()]
            }
            Outcome::Unknown => vec![
                "outcome: Unknown: it may have arrived, and it was not retried".into(),
                format!("hint: before you send it again, {}", self.look),
            ],
        }
    }
}

/// `urn:dev:DEVEUI:0059AC0000181EB6:` as users know it: the DevEUI alone. Other names stay whole.
fn short(urn: &str) -> &str {
    let inner = urn.strip_prefix("urn:dev:DEVEUI:");
    inner.and_then(|inner| inner.strip_suffix(':')).filter(|inner| inner.len() == 16).unwrap_or(urn)
}

/// A call that has begun. Keep it until its outcome is printed.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) dispatch: Dispatch,
    fate: Fate,
    _interrupt: Interrupt,
}

impl Begun {
    /// Records that the user knows the outcome.
    pub(crate) fn printed(&self) {
        self.fate.delivered();
    }
}
