//! The number of devices that a listing has found, and its summary.

use things_core::Proof;

use crate::count::number;

/// The number of devices that a listing has found.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) devices: u64,
    pub(crate) pages: u64,
    /// The number of devices that the service counts.
    pub(crate) counted: Option<u64>,
    /// The number of devices that were on an earlier page already.
    pub(crate) doubles: u64,
}

impl Tally {
    /// The summary of a listing that is proven complete.
    pub(super) fn with_proof(&self, proof: Option<Proof>) -> String {
        let requests = proof.map_or(0, |proof| proof.requests);
        format!("{}, proven complete with {}", number(self.devices, "device"), number(requests, "request"))
    }

    pub(crate) fn summary(&self, limited: bool) -> String {
        let mut text = format!("{} on {}", number(self.devices, "device"), number(self.pages, "page"));
        if let Some(counted) = self.counted.filter(|counted| *counted != self.devices) {
            text.push_str(&format!("; the service counts {}", number(counted, "device")));
        }
        if self.doubles > 0 {
            let doubles = number(self.doubles, "device");
            text.push_str(&format!("; {doubles} listed twice, so others may be missing"));
        }
        if limited {
            text.push_str("; stopped at the limit");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_well() {
        let tally = |devices, pages, counted| Tally { devices, pages, counted, doubles: 0 };
        assert_eq!(tally(100_000, 5_000, Some(100_000)).summary(false), "100,000 devices on 5,000 pages");
        assert_eq!(tally(1, 1, None).summary(false), "1 device on 1 page");
        assert_eq!(
            tally(1_234_567, 1, Some(2)).summary(true),
            "1,234,567 devices on 1 page; the service counts 2 devices; stopped at the limit"
        );
        let doubles = Tally { doubles: 12, ..tally(48, 3, Some(60)) };
        assert_eq!(
            doubles.summary(false),
            "48 devices on 3 pages; the service counts 60 devices; 12 devices listed twice, so others may be missing"
        );
    }
}
