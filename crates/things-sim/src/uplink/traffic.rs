//! Uplinks that the devices of the account post on their own, at a steady rate.

use super::number::UplinkNumbers;
use super::poster::Poster;
use super::spec::{Measurement, PackShape, UplinkLocation, UplinkSpec};
use crate::fleet::Fleet;
use crate::random::{Random, seed_for};
use crate::rate::RateLimit;
use crate::world::World;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// If the destination is so slow that this many posts wait, no uplink is added.
const MOST_WAITING: usize = 10_000;

/// The random devices, contents and spellings of uplinks. The seed decides about all of them.
pub(crate) struct Traffic {
    random: Random,
    interval: Duration,
}

impl Traffic {
    pub(crate) fn new(rate: RateLimit, seed: u64) -> Self {
        Self { random: Random::new(seed_for(seed, "uplinks")), interval: rate.interval() }
    }

    /// Posts uplinks of the world that a function returns, until it returns none or the poster stops.
    pub(crate) fn start(
        self,
        poster: &Arc<Poster>,
        world: impl Fn() -> Option<Arc<World>> + Send + 'static,
    ) -> io::Result<()> {
        self.at(Instant::now(), poster, Box::new(world))
    }

    fn at(
        mut self,
        due: Instant,
        poster: &Arc<Poster>,
        world: Box<dyn Fn() -> Option<Arc<World>> + Send>,
    ) -> io::Result<()> {
        poster.add(due, move |poster| {
            let Some(current) = world() else {
                return;
            };
            if current.uplinks.waiting() < MOST_WAITING
                && let Some(spec) = self.uplink(&current.fleet)
            {
                // Without a destination, there is nothing to post.
                let _ = current.uplinks.post(&spec);
            }
            let next = due + self.interval;
            // This runs on a thread of the poster, so there is one.
            let _ = self.at(next, poster, world);
        })
    }

    /// Returns the uplink of a random device; `None` if there is no device.
    fn uplink(&mut self, fleet: &Fleet) -> Option<UplinkSpec> {
        let random = &mut self.random;
        let device = fleet.at(random.below(fleet.count()))?;
        let mut spec = UplinkSpec {
            device: match device.eui() {
                Some(eui) => format!("urn:dev:DEVEUI:{eui}:"),
                None => format!("urn:dev:DVNUUID:{}:", device.uuid()?),
            },
            shape: if random.chance(0.5) { PackShape::BaseRecord } else { PackShape::FirstMeasurement },
            numbers: match random.below(4) {
                0 => UplinkNumbers::Text,
                1 => UplinkNumbers::Plain,
                _ => UplinkNumbers::Java,
            },
            ..UplinkSpec::default()
        };
        let is_raw = device.eui().is_some() && random.chance(0.7);
        if is_raw {
            let length = 1 + random.below(12);
            spec.payload = Some((0..length).map(|_| random.next().to_le_bytes()[0]).collect());
            spec.port = u8::try_from(1 + random.below(223)).ok();
            spec.radio = random.chance(0.5);
        } else {
            let tenths = |from: f64, random: &mut Random, count| from + random.below(count) as f64 / 10.0;
            spec.measurements = vec![
                Measurement::number("temperature", "Cel", tenths(-10.0, random, 400)),
                Measurement::number("humidity", "%RH", tenths(20.0, random, 700)),
            ];
        }
        if random.chance(0.25) {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            spec.location = Some(UplinkLocation {
                latitude: 51.0 + random.below(20_000) as f64 / 10_000.0,
                longitude: 4.0 + random.below(20_000) as f64 / 10_000.0,
                radius: Some(10.0 + random.below(500) as f64),
                time: Some(Duration::from_secs(now.as_secs()).as_secs_f64()),
                time_as_text: random.chance(0.5),
                origin: Some("KPNLORA".to_owned()),
                ..UplinkLocation::default()
            });
        }
        Some(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quirk::ListingBehaviour;
    use crate::uplink::pack;

    #[test]
    fn equal_seeds_make_equal_uplinks_of_every_kind() {
        let fleet = Fleet::new(1, 50, true, &ListingBehaviour::default());
        let uplinks = |seed| -> Vec<UplinkSpec> {
            let mut traffic = Traffic::new("1/s".parse().unwrap(), seed);
            let mut specs: Vec<_> = (0..200).filter_map(|_| traffic.uplink(&fleet)).collect();
            for spec in &mut specs {
                pack::write(spec, 1, SystemTime::now()).unwrap();
                // The time is that of the clock.
                spec.location.iter_mut().for_each(|location| location.time = None);
            }
            specs
        };
        let specs = uplinks(3);
        assert_eq!((specs.len(), &specs), (200, &uplinks(3)));
        assert_ne!(specs, uplinks(4));
        assert!(specs.iter().any(|spec| spec.payload.is_some() && spec.radio));
        assert!(specs.iter().any(|spec| spec.location.is_some()));
        assert!(
            specs
                .iter()
                .any(|spec| !spec.measurements.is_empty() && spec.device.starts_with("urn:dev:DVNUUID:"))
        );
        let empty = Fleet::new(1, 0, true, &ListingBehaviour::default());
        assert!(Traffic::new("1/s".parse().unwrap(), 1).uplink(&empty).is_none());
    }
}
