//! What a spreadsheet does to the digits of a cell. Nothing is repaired: the digits that are lost cannot be guessed.

/// The hint for a value that became a number.
pub(super) const FORMAT_AS_TEXT: &str = "a spreadsheet turned the value into a number: format the column as text, \
                                         then type or import the original values again";

/// The hint for a value with too few digits.
pub(super) const LOST_ZEROS: &str = "a spreadsheet may have removed leading zeros: format the column as text, then \
                                     type or import the original values again";

/// The hint for a payload that became a date or a time.
pub(super) const FORMAT_DATE_AS_TEXT: &str = "a spreadsheet may have turned the value into a date or a time: format \
                                              the column as text, then type or import the original values again";

/// The hint for a value that starts with an apostrophe.
pub(super) const APOSTROPHE: &str =
    "remove the apostrophe: spreadsheets use it to mark a cell as text, and do not write it to a file";

/// Whether the value is a number in scientific notation, such as `5.9E+13`, or `5,9E+13` in other countries.
pub(super) fn is_scientific(value: &str) -> bool {
    let Some((number, exponent)) = value.split_once(['e', 'E']) else { return false };
    let (whole, fraction) = match number.split_once(['.', ',']) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    let (signed, exponent) = match exponent.strip_prefix(['+', '-']) {
        Some(digits) => (true, digits),
        None => (false, exponent),
    };
    // Without a sign and a fraction, it can be a hex number that contains an E.
    are_digits(whole)
        && are_digits(exponent)
        && fraction.is_none_or(are_digits)
        && (signed || fraction.is_some())
}

/// Whether the value is a number as a spreadsheet shows it, with a fraction or separators: `590.000`, `59,00`, `59.0`.
pub(super) fn is_formatted(value: &str) -> bool {
    let mut groups = value.split(['.', ',']);
    groups.clone().nth(1).is_some() && groups.all(are_digits)
}

/// Whether the value is a date or a time such as `1-2`, `1:02:03` or `2-jan`.
pub(super) fn is_date(value: &str) -> bool {
    let is_group = |group: &str| {
        are_digits(group)
            || (3..=4).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    ['-', ':', '/'].iter().any(|&separator| {
        let groups: Vec<_> = value.split(separator).collect();
        matches!(groups.len(), 2 | 3)
            && groups.iter().all(|group| is_group(group))
            && groups.iter().any(|group| are_digits(group))
    })
}

/// Whether a spreadsheet reads these hex digits as a number: they are decimal, with at most one E, as in `1E5`.
pub(super) fn is_number(value: &str) -> bool {
    match value.split_once(['e', 'E']) {
        Some((number, exponent)) => are_digits(number) && are_digits(exponent),
        None => are_digits(value),
    }
}

pub(super) fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
