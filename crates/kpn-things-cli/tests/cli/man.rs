//! The manual pages.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::tool::{bare, file, path};

/// What a formatter writes to its streams for a page. Nothing if this machine lacks the formatter.
fn formatted(program: &str, args: &[&str], page: &Path) -> Option<(String, String)> {
    let output = Command::new(program).args(args).arg(page).stdin(Stdio::null()).output();
    let Ok(output) = output else {
        eprintln!("skipped: {program} is not installed here");
        return None;
    };
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Some((text(output.stdout), text(output.stderr)))
}

#[test]
fn every_command_has_a_page_without_a_mistake() {
    let folder = path("man1");
    let _ = fs::remove_dir_all(&folder);
    bare(&["man", folder.to_str().unwrap()]).exits(0).complains("pages written to");
    let pages: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let has = |name: &str| pages.contains(&folder.join(name));
    assert!(has("things.1") && has("things-devices-list.1") && has("things-api.1"), "{pages:?}");
    assert!(!pages.iter().any(|page| page.to_str().unwrap().contains("help")), "{pages:?}");
    let list = fs::read_to_string(folder.join("things-devices-list.1")).unwrap();
    for part in
        ["GRIP tenant", "Show each request", "Sort ascending", concat!("things ", env!("CARGO_PKG_VERSION"))]
    {
        assert!(list.contains(part), "{part} is not in {list}");
    }
    for page in &pages {
        if let Some((_, warnings)) = formatted("groff", &["-man", "-Tutf8", "-ww", "-z"], page) {
            assert_eq!(warnings, "", "{page:?}");
        }
        if let Some((mistakes, _)) = formatted("mandoc", &["-T", "lint", "-W", "error"], page) {
            assert_eq!(mistakes, "", "{page:?}");
        }
    }
}

#[test]
fn the_page_of_the_tool_is_printed() {
    let page = file("things.1", &bare(&["man"]).exits(0).out);
    let Some((text, _)) = formatted("groff", &["-man", "-Tascii", "-P-cbou"], Path::new(&page)) else {
        return;
    };
    for part in
        ["NAME", "EXAMPLES", "things devices list --csv > devices.csv", "KPN_THINGS_KEY_SECRET", "issues"]
    {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let blocked = file("no-directory", "");
    bare(&["man", &blocked]).exits(1).complains("no-directory cannot be written");
}

#[test]
fn the_help_says_how_man_finds_the_pages() {
    bare(&["man", "--help"]).exits(0).prints("export MANPATH=~/.local/share/man:");
}
