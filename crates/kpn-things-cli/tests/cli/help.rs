use crate::tool::bare;

#[test]
fn help_goes_to_standard_output_and_shows_examples_variables_and_exit_codes() {
    let ran = bare(&["--help"]).exits(0);
    assert_eq!(ran.err, "");
    assert!(ran.out.find("Examples:") < ran.out.find("Usage:"));
    ran.prints("things demo").prints("KPN_THINGS_KEY_SECRET").prints("Exit status").prints("4 the outcome");
}

#[test]
fn every_command_has_help() {
    for command in [
        &["demo"][..],
        &["auth", "check"],
        &["devices", "list"],
        &["downlink", "send"],
        &["customer", "switch"],
        &["api"],
        &["sim"],
    ] {
        let ran = bare(&[command, &["--help"]].concat()).exits(0);
        assert!(ran.out.contains("Usage: things"), "{ran:?}");
        assert!(command == ["demo"] || ran.out.contains("Examples:\n  things "), "{ran:?}");
    }
}

#[test]
fn no_option_takes_the_secret() {
    for command in [&["auth", "check"][..], &["devices", "list"], &["downlink", "send"], &["api"]] {
        assert!(!bare(&[command, &["--help"]].concat()).out.contains("--key-secret "));
        bare(&[command, &["--key-secret", "x"]].concat()).exits(2);
    }
}

#[test]
fn wrong_usage_exits_2_and_says_so_on_standard_error() {
    for args in [&[][..], &["devices"], &["devicez"], &["devices", "list", "--json", "--csv"]] {
        let ran = bare(args).exits(2);
        assert_eq!(ran.out, "");
        assert!(ran.err.contains("Usage"), "{ran:?}");
    }
    for args in [
        &["--page-size", "0"][..],
        &["--window", "65"],
        &["--window", "0"],
        &["--limit", "-1"],
        &["--timeout", "soon"],
        &["--timeout", "-1"],
        &["--timeout", "inf"],
        &["--ascending", "--descending"],
    ] {
        bare(&[&["devices", "list"], args].concat()).exits(2);
    }
}

#[test]
fn the_version_is_told() {
    bare(&["--version"]).exits(0).prints(concat!("things ", env!("CARGO_PKG_VERSION"), "\n"));
}
