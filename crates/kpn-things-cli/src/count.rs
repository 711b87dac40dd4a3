//! Numbers with what they count, as a person reads them.

/// A number with commas.
pub(crate) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with commas, and what it counts.
pub(crate) fn number(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(count))
}

/// The number of devices, and the number of all devices if it is known.
pub(crate) fn portion(devices: u64, total: Option<u64>) -> String {
    match total {
        Some(total) => format!("{} of {}", thousands(devices), number(total, "device")),
        None => number(devices, "device"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!((thousands(999), thousands(1_000)), ("999".into(), "1,000".into()));
        assert_eq!(number(1_234_567, "device"), "1,234,567 devices");
        assert_eq!(number(1, "page"), "1 page");
        assert_eq!(portion(40, Some(2_000)), "40 of 2,000 devices");
        assert_eq!(portion(40, None), "40 devices");
    }
}
