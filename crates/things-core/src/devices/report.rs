//! The signs of missing devices that a plain listing noticed.

use std::fmt;

/// The signs of missing devices that a plain listing noticed: duplicates, a changing total, or fewer devices than the
/// service counted. They show that pages contradict each other.
///
/// If a fleet changes during the listing, duplicates and changing totals are normal. A clean report does not prove that
/// the listing is complete: devices can be missed without any of these signs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListingReport {
    /// The number of devices that were returned, each counted once.
    pub devices: u64,
    /// The number of duplicates: devices that occurred again on a later page. They were not returned again.
    pub doubles: u64,
    /// The number of devices that the service counted, from the last page that had a total.
    pub total_elements: Option<u64>,
    /// The smallest and the largest total, if the service reported different ones.
    pub moved_totals: Option<(u64, u64)>,
    /// The number of devices on the pages before the first page of the listing.
    pub skipped: u64,
}

impl ListingReport {
    /// Returns by how many the returned devices fall short of the service's count; 0 if it counted none. Devices on
    /// pages before the first page of the listing are not missing.
    pub fn missing(&self) -> u64 {
        self.counted().unwrap_or(0).saturating_sub(self.devices)
    }

    /// Returns the number of devices that the service counted on the pages of this listing.
    pub(crate) fn counted(&self) -> Option<u64> {
        self.total_elements.map(|total| total.saturating_sub(self.skipped))
    }

    /// Whether nothing was noticed.
    pub fn is_clean(&self) -> bool {
        self.doubles == 0 && self.moved_totals.is_none() && self.missing() == 0
    }

    /// Records the total of a page.
    pub(crate) fn count(&mut self, total: u64) {
        if let Some(known) = self.total_elements.filter(|known| *known != total) {
            let (least, most) = self.moved_totals.unwrap_or((known, known));
            self.moved_totals = Some((least.min(total), most.max(total)));
        }
        self.total_elements = Some(total);
    }
}

/// Describes what was noticed in one sentence, or is empty if nothing was.
impl fmt::Display for ListingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut notices = Vec::new();
        if self.doubles > 0 {
            let plural = if self.doubles == 1 { "device" } else { "devices" };
            notices.push(format!("{} {plural} listed twice", self.doubles));
        }
        if let (missing @ 1.., Some(counted)) = (self.missing(), self.counted()) {
            let part = if self.skipped > 0 { " from the first page on" } else { "" };
            notices.push(format!("{missing} fewer listed than the {counted} that the service counts{part}"));
        }
        if let Some((least, most)) = self.moved_totals {
            notices.push(format!("the total changed between {least} and {most}"));
        }
        f.write_str(&notices.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_was_noticed() {
        let mut report = ListingReport { devices: 48, doubles: 12, ..ListingReport::default() };
        assert_eq!(report.missing(), 0);
        for total in [60, 60, 58, 61, 60] {
            report.count(total);
        }
        assert_eq!((report.missing(), report.moved_totals), (12, Some((58, 61))));
        assert_eq!(
            report.to_string(),
            "12 devices listed twice, 12 fewer listed than the 60 that the service counts, the total changed between 58 and 61"
        );
        assert!(!report.is_clean());
    }

    #[test]
    fn devices_of_skipped_pages_are_not_missing() {
        let mut report = ListingReport { devices: 20, skipped: 40, ..ListingReport::default() };
        report.count(60);
        assert!(report.is_clean());
        report.count(63);
        assert_eq!((report.missing(), report.counted()), (3, Some(23)));
        let notice = "3 fewer listed than the 23 that the service counts from the first page on";
        assert!(report.to_string().starts_with(notice), "{report}");
    }

    #[test]
    fn a_report_is_clean_if_all_fits() {
        let mut report = ListingReport { devices: 60, ..ListingReport::default() };
        assert!(report.is_clean());
        report.count(60);
        report.count(60);
        assert!(report.is_clean() && report.to_string().is_empty());
        report.devices = 61;
        assert!(report.is_clean(), "more than were counted is no loss");
    }
}
