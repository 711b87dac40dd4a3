//! The device of a downlink, and common mistakes in its place.

use things_core::{DevEui, DeviceUrn};

use crate::failure::Failure;

/// Sends to each DevEUI of a list.
const LOOP: &str =
    r#"while read -r eui; do things downlink send "$eui" --port 1 --hex 0102; done < list.txt"#;

/// Reads a DevEUI, or the URN of a device.
pub(crate) fn device(text: &str) -> Result<DeviceUrn, Failure> {
    check(text)?;
    Ok(text.parse()?)
}

/// The text that finds a device in a search: its DevEUI as KPN writes it, or the text as it is.
pub(crate) fn search_text(device: &str) -> String {
    let dev_eui = device.parse::<DeviceUrn>().ok().and_then(|urn| urn.dev_eui());
    dev_eui.map_or_else(|| device.to_owned(), |dev_eui| dev_eui.to_string())
}

/// Rejects arguments that follow the device, with a guess at what was meant.
pub(crate) fn refuse_more(more: &[String]) -> Result<(), Failure> {
    let Some(first) = more.first() else { return Ok(()) };
    if more.iter().all(|text| text.parse::<DeviceUrn>().is_ok()) {
        return Err(one_device(&format!("{} devices are given", more.len() + 1)));
    }
    let is_byte = |text: &String| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let hint = match more.iter().all(is_byte) {
        true => "\nhint: put a payload with blanks into quotes: --hex \"01 02\"",
        false => "\nhint: run `things downlink send --help` for all options",
    };
    Err(Failure::Usage(format!("unexpected argument {first:?} after the device{hint}")))
}

/// Rejects common mistakes: a UUID, a list, or a file in place of a DevEUI.
fn check(text: &str) -> Result<(), Failure> {
    if text == "-" || text.starts_with('@') {
        return Err(one_device(&format!("{text:?} is not a DevEUI")));
    }
    if text.contains([',', ';']) && text.split([',', ';']).all(|part| part.trim().parse::<DevEui>().is_ok()) {
        return Err(one_device("several DevEUIs are given"));
    }
    if is_uuid(text) {
        return Err(Failure::Usage(format!(
            "{text} is a device's UUID, and a downlink needs its DevEUI\n\
             hint: `things devices get {text}` shows its DevEUI"
        )));
    }
    Ok(())
}

fn one_device(what: &str) -> Failure {
    Failure::Usage(format!("{what}, and a downlink goes to one device\nhint: for a list, use a loop: {LOOP}"))
}

/// Whether a text has the form of a UUID: 32 hex digits in groups of 8, 4, 4, 4 and 12.
pub(crate) fn is_uuid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.concat().bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_known_by_its_groups() {
        assert!(is_uuid("d2723e99-1fe4-4d60-9b6d-8061f7414b24"));
        for text in [
            "",
            "00-59-ac-00-00-18-1e-b6",
            "d2723e991fe44d609b6d8061f7414b24",
            "g2723e99-1fe4-4d60-9b6d-8061f7414b24",
        ] {
            assert!(!is_uuid(text), "{text}");
        }
    }
}
