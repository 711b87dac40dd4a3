//! What a transport does, on the virtual clock: every step of a call is done against a network that is no network.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use http::{Request, Response};
use things_core::{
    Answer, Commit, Error, Feed, Operation, Scope, Step, TransportError, TransportErrorKind, Want,
};

use crate::timeline::Timeline;

/// The other end of a call's requests.
pub(crate) trait Network {
    /// What comes of a request, if it comes in time.
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError>;

    /// Told of each step before it is done.
    fn next(&self, _step: &Step) {}
}

/// Does the steps of a call, to its end.
pub(crate) async fn drive(
    timeline: &Timeline,
    network: &impl Network,
    mut step: Step,
) -> Result<Answer, Error> {
    loop {
        network.next(&step);
        step = match step {
            Step::Send(request, exchange) => {
                let until = timeline.now() + exchange.timeout();
                let reply = timeline.timeout_at(until, network.exchange(request)).await;
                let reply = match reply.unwrap_or(Err(TransportErrorKind::Timeout.into())) {
                    Ok(reply) if reply.body().len() > exchange.limit() => {
                        Err(TransportErrorKind::TooLarge.into())
                    }
                    reply => reply,
                };
                exchange.resume(reply, timeline.now())
            }
            Step::Sleep(pause) => {
                timeline.sleep_until(pause.until()).await;
                pause.resume(timeline.now())
            }
            Step::Wait(turn) => {
                let settled = poll_fn(|context| turn.poll(context.waker()));
                let _ = timeline.timeout_at(turn.deadline(), settled).await;
                turn.resume(timeline.now())
            }
            Step::Done(result) => return result,
        };
    }
}

/// The items of a feed, up to its end or to an error. `call` makes one of its calls.
pub(crate) async fn feed<F, C>(
    timeline: &Timeline,
    feed: &mut F,
    call: impl Fn(F::Operation, Scope) -> C,
) -> (Vec<F::Item>, Option<Error>)
where
    F: Feed,
    C: Future<Output = Result<<F::Operation as Operation>::Output, Error>>,
{
    let mut flying = Vec::new();
    let mut taken = Vec::new();
    loop {
        let until = loop {
            match feed.want(timeline.now()) {
                Want::Call { ticket, operation, scope } => {
                    let result = call(operation, scope);
                    flying.push(Box::pin(async move { (ticket, result.await) }));
                }
                Want::Commit(commit) => feed.committed(commit.run()),
                Want::Until(until) => break Some(until),
                Want::Nothing => break None,
            }
        };
        match feed.take() {
            Some(Ok(item)) => taken.push(item),
            Some(Err(error)) => return (taken, Some(error)),
            None if feed.is_finished() => return (taken, None),
            None => {
                let next = match until {
                    Some(until) => timeline.timeout_at(until, first_of(&mut flying)).await,
                    None => Some(first_of(&mut flying).await),
                };
                if let Some((ticket, result)) = next {
                    feed.accept(ticket, result);
                }
            }
        }
    }
}

/// The first of the futures to end, which is taken out.
pub(crate) async fn first_of<F: Future + ?Sized>(flying: &mut Vec<Pin<Box<F>>>) -> F::Output {
    poll_fn(|context| {
        for place in 0..flying.len() {
            if let Some(Poll::Ready(value)) =
                flying.get_mut(place).map(|future| future.as_mut().poll(context))
            {
                drop(flying.remove(place));
                return Poll::Ready(value);
            }
        }
        Poll::Pending
    })
    .await
}
