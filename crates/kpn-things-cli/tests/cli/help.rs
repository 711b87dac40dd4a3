//! Help, in every spelling that people try.

use crate::tool::{Ran, bare, command, run};

/// The help of a command at a terminal of this width.
fn help(args: &[&str], columns: u16) -> Ran {
    let mut command = command(args);
    command.env("COLUMNS", columns.to_string());
    run(command).exits(0)
}

/// The names of all commands, each with those that it is below: first the tool itself, whose name is left out.
fn commands() -> Vec<Vec<String>> {
    let mut found = vec![Vec::new()];
    let mut next = 0;
    while let Some(command) = found.get(next).cloned() {
        next += 1;
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let short = help(&[&words, &["-h"][..]].concat(), 80).out;
        let below = short.split_once("\nCommands:\n").map(|(_, below)| below.split("\n\n").next().unwrap());
        let names = below.into_iter().flat_map(str::lines).filter(|line| !line.starts_with("   "));
        let names = names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
        found.extend(names.map(|name| [&command[..], &[name.to_owned()]].concat()));
    }
    assert!(found.len() > 10, "{found:?}");
    found
}

fn each_command(mut check: impl FnMut(&[&str])) {
    for command in commands() {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        check(&words);
    }
}

#[test]
fn help_goes_to_standard_output_and_has_examples_settings_exit_statuses_and_links() {
    let ran = help(&["--help"], 80);
    assert_eq!(ran.err, "");
    assert!(ran.out.find("Examples:") < ran.out.find("Usage:"));
    let ran = ran.prints("things demo").prints("Exit status:").prints("\n  4    a downlink");
    for setting in [
        "--key-secret-file",
        "--timeout",
        "--ca-bundle",
        "--allow-http",
        "KPN_THINGS_TENANT_ID",
        "KPN_THINGS_KEY_SECRET",
        "KPN_THINGS_POSTMAN_ENVIRONMENT",
        "KPN_THINGS_ALLOW_HTTP",
        "HTTPS_PROXY",
        "NO_PROXY",
        "SSL_CERT_FILE",
        "NO_COLOR",
    ] {
        assert!(ran.out.contains(setting), "{setting}: {ran:?}");
    }
    assert!(ran.out.contains(concat!("Documentation: ", env!("CARGO_PKG_REPOSITORY"), "\n")), "{ran:?}");
    assert!(ran.out.ends_with(concat!(env!("CARGO_PKG_REPOSITORY"), "/issues\n")), "{ran:?}");
}

#[test]
fn help_is_found_in_every_spelling() {
    each_command(|words| {
        let long = help(&[words, &["--help"]].concat(), 80).out;
        assert_eq!(help(&[&["help"], words].concat(), 80).out, long, "{words:?}");
        assert_eq!(bare(&[&["help"], words].concat()).exits(0).err, "");
    });
    bare(&["help", "devicez"]).exits(2).complains("devicez");
}

#[test]
fn short_help_folds_the_settings_into_one_line() {
    each_command(|words| {
        let short = help(&[words, &["-h"]].concat(), 80).out;
        let long = help(&[words, &["--help"]].concat(), 80).out;
        let options = short.split("Usage:").nth(1).unwrap();
        assert!(
            !options.contains("--tenant-id") && !options.contains("KPN_THINGS_TENANT_ID"),
            "{words:?}: {short}"
        );
        let settings = long.contains("\nSettings:\n");
        assert_eq!(short.contains("settings (tenant, "), settings, "{words:?}: {short}");
        // The longest options of the simulator leave no room for a description on their line.
        let wrapped = short.lines().find(|line| line.starts_with("               "));
        assert!(words == ["sim"] || wrapped.is_none(), "{words:?}: {wrapped:?} is a second line");
    });
}

#[test]
fn examples_fit_80_columns() {
    each_command(|words| {
        let [narrow, wide] = [80, 200].map(|columns| help(&[words, &["-h"]].concat(), columns).out);
        let examples = |help: &str| {
            let (_, after) = help.split_once("Examples:\n")?;
            Some(after.split("\n\n").next().unwrap().to_owned())
        };
        assert_eq!(examples(&narrow), examples(&wide), "{words:?}");
        let leaf = !narrow.contains("\nCommands:\n");
        let plain = [["demo"], ["version"]].iter().any(|plain| words == plain);
        assert!(!leaf || plain || examples(&narrow).is_some(), "{words:?} has no example");
    });
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
fn the_version_is_told_in_every_spelling() {
    for spelling in ["--version", "-V", "version"] {
        let ran = bare(&[spelling]).exits(0);
        assert_eq!(ran.out, concat!("things ", env!("CARGO_PKG_VERSION"), "\n"), "{spelling}");
    }
}

#[test]
fn the_readme_has_the_exit_statuses_of_the_help() {
    let help = help(&["--help"], 200).out;
    let (_, statuses) = help.split_once("\nExit status:\n").unwrap();
    let statuses: Vec<_> = statuses.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    let readme = include_str!("../../README.md");
    let (_, table) = readme.split_once("| status | meaning |\n|---|---|\n").unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|')).map(|row| {
        let row = row.replace("\\|", "\u{1}");
        let cells: Vec<_> = row.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect();
        let meaning = cells[1].replace('\u{1}', "|").replace("`--verified`", "--verified");
        format!("{:<5}{meaning}", cells[0])
    });
    assert_eq!(rows.collect::<Vec<_>>(), statuses);
}

/// Both forms of the help of each command. To accept a change: `INSTA_UPDATE=always cargo test -p kpn-things-cli help`.
#[test]
fn the_help_of_each_command_is_as_it_was_reviewed() {
    each_command(|words| {
        let text = ["-h", "--help"].map(|form| {
            let shown = help(&[words, &[form]].concat(), 80).out;
            // Clap leaves blanks at the ends of some lines.
            let lines: Vec<_> = shown.lines().map(str::trim_end).collect();
            format!("$ {} {form}\n{}\n", [&["things"], words].concat().join(" "), lines.join("\n"))
        });
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!([&["help"], words].concat().join("-"), text.join("\n"));
        });
    });
}
