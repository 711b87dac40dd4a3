//! How much a listing has found, in words.

use things_core::Proof;

use crate::count::number;

/// How much a listing has found.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) devices: u64,
    pub(crate) pages: u64,
    /// How many devices there are by the server's own word.
    pub(crate) told: Option<u64>,
    /// How often a device came again on a later page.
    pub(crate) doubles: u64,
}

impl Tally {
    /// The summary of a listing that is proven complete.
    pub(super) fn with_proof(&self, proof: Option<Proof>) -> String {
        let requests = proof.map_or(0, |proof| proof.requests);
        format!("{}, proven complete with {}", number(self.devices, "device"), number(requests, "request"))
    }

    pub(crate) fn in_words(&self, limited: bool) -> String {
        let mut words = format!("{} on {}", number(self.devices, "device"), number(self.pages, "page"));
        if let Some(told) = self.told.filter(|told| *told != self.devices) {
            words.push_str(&format!("; the service counts {}", number(told, "device")));
        }
        if self.doubles > 0 {
            let doubles = number(self.doubles, "device");
            words.push_str(&format!("; {doubles} came twice, so others may be missing"));
        }
        if limited {
            words.push_str("; stopped at the limit");
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_well() {
        let tally = |devices, pages, told| Tally { devices, pages, told, doubles: 0 };
        assert_eq!(tally(100_000, 5_000, Some(100_000)).in_words(false), "100,000 devices on 5,000 pages");
        assert_eq!(tally(1, 1, None).in_words(false), "1 device on 1 page");
        assert_eq!(
            tally(1_234_567, 1, Some(2)).in_words(true),
            "1,234,567 devices on 1 page; the service counts 2 devices; stopped at the limit"
        );
        let doubles = Tally { doubles: 12, ..tally(48, 3, Some(60)) };
        assert_eq!(
            doubles.in_words(false),
            "48 devices on 3 pages; the service counts 60 devices; 12 devices came twice, so others may be missing"
        );
    }
}
