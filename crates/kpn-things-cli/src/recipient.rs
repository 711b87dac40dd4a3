//! The device of a downlink, and common mistakes in its place.

use things_core::{DevEui, DeviceUrn};

use crate::cell;
use crate::failure::Failure;
use crate::shell::quoted;

/// Sends to each DevEUI of a list.
const LOOP: &str =
    r#"while read -r eui; do things downlink send "$eui" --port 1 --hex 0102; done < list.txt"#;

/// Reads a DevEUI, or the URN of a device.
///
/// Ignores spaces and line ends around it, which a list may have.
pub(crate) fn device(text: &str) -> Result<DeviceUrn, Failure> {
    let text = text.trim();
    check(text)?;
    text.parse().map_err(|error| {
        let hint = if is_name(text) { look_up(text) } else { String::new() };
        Failure::Usage(format!("{error}{hint}"))
    })
}

/// Whether a text that is no device may be the name of one: it has a space, or a letter that no hex number has. A text
/// with many hex digits is more likely a DevEUI with a typing error.
fn is_name(text: &str) -> bool {
    let starts_with =
        |prefix: &str| text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let is_letter = |char: char| char.is_alphabetic() && !char.is_ascii_hexdigit();
    let digits = text.chars().filter(char::is_ascii_hexdigit).count();
    !starts_with("urn:")
        && !starts_with("0x")
        && digits < 14
        && (text.contains(' ') || text.contains(is_letter))
}

/// How to find the DevEUI of a device with this name.
fn look_up(name: &str) -> String {
    let name = cell::plain(name);
    let name = match name.contains(['"', '$', '`', '\\', '!', '%']) {
        true => quoted(&name),
        false => format!("\"{name}\""),
    };
    format!("\nhint: if it is the name of a device, look up its DevEUI with: things devices get {name}")
}

/// The text that finds a device in a search: its DevEUI as KPN writes it, or the text as it is.
pub(crate) fn search_text(device: &str) -> String {
    dev_eui(device).map_or_else(|| device.to_owned(), |dev_eui| dev_eui.to_string())
}

/// The DevEUI in a text that is one, or the URN of one.
pub(crate) fn dev_eui(text: &str) -> Option<DevEui> {
    text.parse::<DeviceUrn>().ok()?.dev_eui()
}

/// Rejects arguments that follow the device, with a guess at what was meant.
pub(crate) fn refuse_more(more: &[String]) -> Result<(), Failure> {
    let Some(first) = more.first() else { return Ok(()) };
    if more.iter().all(|text| text.parse::<DeviceUrn>().is_ok()) {
        return Err(one_device(&format!("{} devices are given", more.len() + 1)));
    }
    let is_byte = |text: &String| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let hint = match more.iter().all(is_byte) {
        true => "\nhint: put a payload with spaces into quotes: --hex \"01 02\"",
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
             hint: `things devices get {text}` shows its DevEUI, if the service knows it"
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
