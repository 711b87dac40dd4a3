//! `things open`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::tool::{Ran, bare, command, file, path, run};

const PORTAL: &str = "https://portal.kpnthings.com/\n";

/// Opens the portal with this program as the browser.
fn open_with(browser: &str, args: &[&str]) -> Ran {
    let mut command = command(&[&["open"], args].concat());
    command.env("BROWSER", browser);
    run(command)
}

#[test]
fn the_browser_gets_the_address() {
    let opened = path("opened");
    let _ = fs::remove_file(&opened);
    let script = format!("#!/bin/sh\necho \"$1\" > '{}'\n", opened.display());
    let browser = file("browser", &script);
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
    let ran = open_with(&browser, &[]).exits(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", "opened https://portal.kpnthings.com/\n"));
    assert_eq!(fs::read_to_string(&opened).unwrap(), PORTAL);
    open_with(&browser, &["--print"]).exits(0).prints(PORTAL);
}

#[test]
fn the_address_is_printed_where_there_is_no_browser() {
    for browser in ["/nowhere/browser", "false"] {
        assert_eq!(open_with(browser, &[]).exits(0).out, PORTAL);
    }
    // Without PATH no browser is found.
    assert_eq!(bare(&["open"]).exits(0).out, PORTAL);
}

#[test]
fn a_device_has_no_page_of_its_own_and_a_text_to_search_for() {
    let ran = bare(&["open", "00-59-ac-00-00-18-1e-b6", "--print"]).exits(0);
    assert_eq!(ran.out, PORTAL);
    ran.complains("KPN documents no address for the page of a device: search for 0059AC0000181EB6");
    bare(&["open", "Parking 1", "--print"]).exits(0).complains("search for Parking 1 in the portal");
}
