//! `flow`: several calls at once on one session, and a server that answers anything at all.
//!
//! What holds is written from the documentation, and by code that has nothing in common with the core's: no step panics,
//! everything ends, a downlink that may have been received is never sent again, secret and token go to their own hosts
//! alone and are shown by no error, and token requests are few. `THINGS_TRACE=1` tells what happens.

mod oracle;
mod plan;
mod world;

use arbitrary::{Arbitrary, Unstructured};

use plan::Plan;
use world::World;

/// Reads the bytes as what callers want and what the server answers, and lets it happen.
pub fn flow(data: &[u8]) {
    if let Ok(plan) = Plan::arbitrary_take_rest(Unstructured::new(data)) {
        World::new(&plan).run();
    }
}
