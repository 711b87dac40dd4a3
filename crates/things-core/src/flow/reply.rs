//! Handles replies: how a call continues after a reply at each of its stages.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response};

use super::{Flow, Step};
use crate::answer::Answer;
use crate::error::Error;
use crate::moment::Moment;
use crate::retry::{Replay, Stop};
use crate::secret::overwrite;
use crate::slot::{Lease, Life};
use crate::stage::Stage;
use crate::status::Meaning;
use crate::token;
use crate::transport::TransportError;

impl Flow {
    pub(super) fn token_reply(
        mut self: Box<Self>,
        reply: Result<Response<Bytes>, TransportError>,
        now: Moment,
    ) -> Step {
        let decoded = match &reply {
            Ok(response) if response.status().is_success() => {
                Some(token::decode(response.headers(), response.body()))
            }
            _ => None,
        };
        let Some(lease) = self.token_lease.take() else { return self.advance(now) };
        match decoded {
            Some(Ok((value, life))) => {
                // The transport read these bytes. The token has a copy that is overwritten when it is dropped.
                overwrite(reply.map_or_else(|_| Bytes::new(), Response::into_body));
                let schedule = token::schedule(life, now, self.shared().jitter());
                self.grant = Some(lease.settle(value, Some(schedule), now));
                self.advance(now)
            }
            Some(Err(error)) => {
                let (status, body) =
                    reply.map_or_else(|_| Default::default(), |reply| (reply.status(), reply.into_body()));
                let error = self.asked().undecodable(&error, status, &body, now);
                overwrite(body);
                self.token_failed(lease, error, None, now)
            }
            None => {
                let (failure, error) = self.failed(reply, now);
                if lease.fallback(now).is_some() {
                    return self.token_failed(lease, error, None, now);
                }
                match self.pause(Replay::Idempotent, failure, now) {
                    Ok(until) => {
                        self.token_lease = Some(lease);
                        self.sleep(until)
                    }
                    Err(stop) => {
                        let error = error.with(|report| report.gave_up_because = Some(stop.0));
                        self.token_failed(lease, error, Some(stop), now)
                    }
                }
            }
        }
    }

    /// Settles the fetch with a token from elsewhere, so that its request is not sent.
    pub(super) fn adopt(mut self: Box<Self>, value: HeaderValue, life: Life, now: Moment) -> Step {
        self.attempts.token = 0;
        if let Some(lease) = self.token_lease.take() {
            self.grant = Some(lease.settle(value, Some(life), now));
        }
        self.advance(now)
    }

    /// Shares the failure of a fetch. The call continues if the old token is still valid.
    pub(super) fn token_failed(
        mut self: Box<Self>,
        lease: Lease,
        error: Error,
        stop: Option<(Stop, Duration)>,
        now: Moment,
    ) -> Step {
        let fallback = lease.fallback(now);
        self.fail_lease(lease, &error, stop, now);
        match fallback {
            Some(grant) => {
                self.grant = Some(grant);
                self.advance(now)
            }
            None => Step::Done(Err(error)),
        }
    }

    pub(super) fn switch_reply(
        mut self: Box<Self>,
        reply: Result<Response<Bytes>, TransportError>,
        now: Moment,
    ) -> Step {
        let Some(lease) = self.switch_lease.take() else { return self.advance(now) };
        if let (Ok(response), Some(customer)) = (&reply, &self.customer) {
            if self.rejected(response, now) {
                self.switch_lease = Some(lease);
                return self.renew_token(now);
            }
            if response.status().is_success() {
                self.switched = Some(lease.settle(customer.header.clone(), None, now));
                self.grant = None;
                return self.advance(now);
            }
        }
        let (failure, error) = self.failed(reply, now);
        match self.pause(Replay::Safe, failure, now) {
            Ok(until) => {
                self.switch_lease = Some(lease);
                self.sleep(until)
            }
            Err(stop) => {
                let error = error.with(|report| report.gave_up_because = Some(stop.0));
                self.fail_lease(lease, &error, Some(stop), now);
                Step::Done(Err(error))
            }
        }
    }

    pub(super) fn call_reply(
        mut self: Box<Self>,
        reply: Result<Response<Bytes>, TransportError>,
        now: Moment,
    ) -> Step {
        if let Ok(response) = &reply {
            if self.rejected(response, now) {
                return self.renew_token(now);
            }
            if self.switch_renewed
                && self.meaning(response) == Meaning::Forbidden
                && let Some(customer) = &self.customer
            {
                // A new context switch did not help, so the 403 is final.
                self.shared().switch(&customer.id, now).is_meant(now);
            }
            if self.switch_forgotten(response, now) {
                self.switch_renewed = true;
                self.switched = None;
                self.grant = None;
                return self.advance(now);
            }
        }
        match reply {
            Ok(response) if response.status().is_success() => self.done(response, now),
            reply => {
                let (failure, error) = self.failed(reply, now);
                match self.pause(self.call.replay, failure, now) {
                    Ok(until) => self.sleep(until),
                    Err((stop, _)) => {
                        Step::Done(Err(error.with(|report| report.gave_up_because = Some(stop))))
                    }
                }
            }
        }
    }

    fn done(mut self: Box<Self>, response: Response<Bytes>, now: Moment) -> Step {
        self.stage = Stage::Call;
        let (mut parts, body) = response.into_parts();
        let asked = self.asked();
        asked.redactor.headers(&mut parts.headers);
        Step::Done(Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body,
            attempts: self.attempts.call,
            elapsed: now.since(self.started),
            asked: Some(Arc::new(asked)),
        }))
    }

    /// Whether the response rejects the token, and a new token is worth a try.
    fn rejected(&self, response: &Response<Bytes>, now: Moment) -> bool {
        let Some(grant) = &self.grant else { return false };
        // The next call should not send this token either, even if this call may not retry.
        self.meaning(response) == Meaning::TokenRejected
            && self.shared().token.invalidate(grant, now)
            && !self.token_renewed
    }

    /// Whether the response may mean that the context switch is gone, and a new one is worth a try.
    fn switch_forgotten(&self, response: &Response<Bytes>, now: Moment) -> bool {
        let (Some(customer), Some(switched)) = (&self.customer, &self.switched) else { return false };
        self.meaning(response) == Meaning::Forbidden
            && !self.switch_renewed
            && self.shared().switch(&customer.id, now).invalidate(switched, now)
    }

    /// Returns the meaning of a response of the API. A `Retry-After` makes no difference to the callers of this
    /// function.
    fn meaning(&self, response: &Response<Bytes>) -> Meaning {
        Meaning::of(response.status(), self.stage, false)
    }

    fn renew_token(mut self: Box<Self>, now: Moment) -> Step {
        self.token_renewed = true;
        self.grant = None;
        self.advance(now)
    }
}
