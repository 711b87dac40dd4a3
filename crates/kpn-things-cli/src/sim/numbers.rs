//! The numbers that the options of the simulator accept.

use std::time::Duration;

use things_sim::MAX_DEVICES;

use crate::count::thousands;
use crate::settings::seconds;

/// A number of devices that the simulator can hold.
pub(super) fn devices(text: &str) -> Result<usize, String> {
    let allowed = || format!("use a number from 0 to {}", thousands(MAX_DEVICES as u64));
    text.parse().ok().filter(|devices| *devices <= MAX_DEVICES).ok_or_else(allowed)
}

/// A sub-customer and its number of devices.
pub(super) fn customer(text: &str) -> Result<(String, usize), String> {
    match text.rsplit_once('=') {
        Some((id, count)) if !id.is_empty() => Ok((id.to_owned(), devices(count)?)),
        _ => Err("use ID=N, as in 79658ca8-f1ba-4c25-b824-93813e9fba76=3".into()),
    }
}

pub(super) fn page_size(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|devices| *devices > 0).ok_or_else(|| "use a number from 1".into())
}

pub(super) fn token_life(text: &str) -> Result<Duration, String> {
    seconds(text).and_then(|life| match life.is_zero() {
        true => Err("a token must live for longer than 0 seconds".into()),
        false => Ok(life),
    })
}
