//! Processes that lost the service at the same time do not come back at the same time.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use things_core::{Builder, Credentials, Error, Moment, RawCall, Session, Step, TransportErrorKind};

/// How long a session of this seed waits before it tries again, when nothing can be reached.
fn first_pause(seed: u64) -> Result<Option<Duration>, Error> {
    let config = Builder::new(Credentials::new("rjsfm52t", "key", "secret"), Ok).build()?;
    let now = Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH);
    let mut step = Session::new(config, seed).start(&RawCall::get("/"), now);
    if let Step::Send(_, exchange) = step {
        step = exchange.resume(Err(TransportErrorKind::Connect.into()), now);
    }
    Ok(match step {
        Step::Sleep(pause) => Some(pause.until().since(now)),
        _ => None,
    })
}

#[test]
fn pauses_differ_from_seed_to_seed() -> Result<(), Error> {
    let pauses = (0..10).map(first_pause).collect::<Result<BTreeSet<_>, _>>()?;
    assert!(pauses.len() == 10 && !pauses.contains(&None), "{pauses:?}");
    assert_eq!(first_pause(7)?, first_pause(7)?);
    Ok(())
}
