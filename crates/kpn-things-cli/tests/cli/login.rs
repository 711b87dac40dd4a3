//! `things auth login`, `logout` and `profiles`.

use std::fs;
use std::path::{Path, PathBuf};

use things_sim::{Route, Sim};
use things_tests::canary::{Canary, assert_clean};

#[cfg(unix)]
use crate::terminal::Terminal;
use crate::tool::{SECRET, file, folder, in_home, run_with_input, simulator, things};

fn profiles(home: &Path) -> PathBuf {
    home.join("kpn-things/profiles.toml")
}

/// The options of a login at this simulator, with the key secret on standard input.
fn login<'a>(sim: &'a Sim, more: &[&'a str]) -> Vec<&'a str> {
    let options = ["auth", "login", "--tenant-id", "rjsfm52t", "--key-id", "key-1", "--key-secret-file", "-"];
    [&options[..], &["--grip-base-url", sim.url(), "--base-url", sim.url()], more].concat()
}

#[test]
fn a_login_checks_the_key_and_stores_it_where_only_its_owner_can_read_it() {
    let sim = simulator().start().unwrap();
    let home = folder("login-stores");
    let ran = run_with_input(in_home(&home, &login(&sim, &[])), &format!("{SECRET}\n")).exits(0);
    assert_eq!((sim.calls(Route::Token), sim.calls(Route::Devices)), (1, 1));
    ran.complains("profile default is stored in ").complains("profiles.toml");
    things(&home, &["devices", "list", "--limit", "1", "--ndjson"]).exits(0);
    assert_eq!(things(&home, &["auth", "profiles"]).exits(0).out, "default\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&profiles(&home)), 0o600);
        assert_eq!(mode(profiles(&home).parent().unwrap()), 0o700);
    }
}

#[test]
fn a_key_that_is_refused_is_not_stored() {
    let sim = simulator().start().unwrap();
    let home = folder("login-refused");
    let ran = run_with_input(in_home(&home, &login(&sim, &[])), "s3cr3t-that-is-wrong").exits(3);
    ran.complains("likely cause: the key id or the key secret is wrong").complains("nothing was stored");
    assert!(!profiles(&home).exists());
    run_with_input(in_home(&home, &login(&sim, &["--no-check"])), "s3cr3t-that-is-wrong").exits(0);
    assert!(profiles(&home).exists());
    run_with_input(in_home(&home, &login(&sim, &["--no-check", "--yes"])), "...")
        .exits(2)
        .complains("is a placeholder");
}

#[test]
fn other_profiles_and_comments_stay_as_they_are() {
    let sim = simulator().start().unwrap();
    let home = folder("login-keeps");
    let path = profiles(&home);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let before = "# Mine.\n[production]\n# From GRIP.\ntenant_id = \"t\"\n\n[staging]\nkey_id = \"old\"\n";
    fs::write(&path, before).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let args = login(&sim, &["--profile", "staging"]);
    run_with_input(in_home(&home, &args), SECRET)
        .exits(2)
        .complains("there is a profile staging in ")
        .complains("--yes");
    assert_eq!((fs::read_to_string(&path).unwrap().as_str(), sim.calls_total()), (before, 0));
    run_with_input(in_home(&home, &[&args[..], &["--yes"]].concat()), SECRET).exits(0);
    let after = fs::read_to_string(&path).unwrap();
    let (kept, _) = before.split_once("[staging]").unwrap();
    assert!(after.starts_with(kept) && !after.contains("old") && after.contains("key-1"), "{after}");
    things(&home, &["auth", "logout", "--profile", "staging"])
        .exits(0)
        .complains("profile staging is removed");
    assert_eq!(fs::read_to_string(&path).unwrap().trim_end(), kept.trim_end());
    things(&home, &["auth", "logout", "--profile", "staging"]).exits(2).complains("it has production");
}

#[test]
fn a_login_without_a_terminal_asks_nothing() {
    let home = folder("login-silent");
    let ran = things(&home, &["auth", "login", "--tenant-id", "t"]).exits(2);
    ran.complains("set --key-id, --key-secret-file").complains("--key-secret-file -");
    let postman = file("login.json", "{\"values\":[]}");
    things(&home, &["auth", "login", "--postman-environment", &postman])
        .exits(2)
        .complains("things postman import");
    things(&home, &["auth", "profiles"]).exits(0).complains("things auth login");
}

#[test]
#[cfg(unix)]
fn a_login_at_a_terminal_asks_for_what_is_missing_and_shows_no_secret() {
    let sim = simulator().start().unwrap();
    let home = folder("login-terminal");
    let args = ["auth", "login", "--grip-base-url", sim.url(), "--base-url", sim.url()];
    let mut terminal = Terminal::start(in_home(&home, &args), 200, 30);
    terminal.wait_for("MijnKPN Zakelijk");
    terminal.wait_for("Enter the tenant id: ");
    terminal.type_in("rjsfm52t\r");
    terminal.wait_for("Enter the key id: ");
    terminal.type_in("key-1\r");
    terminal.wait_for("Enter the key secret");
    terminal.wait_for_hidden_input();
    terminal.type_in(&format!("{SECRET}\r"));
    let left = terminal.finish();
    assert_eq!(left.status, Some(0), "{left:?}");
    assert_clean("the terminal", &left.written, &Canary::known());
    things(&home, &["devices", "list", "--limit", "1", "--ndjson"]).exits(0);

    let mut terminal = Terminal::start(in_home(&home, &args), 200, 30);
    terminal.wait_for("Replace it? [y/N]");
    terminal.type_in("n\r");
    let left = terminal.finish();
    assert_eq!(left.status, Some(1), "{left:?}");
    assert!(left.screen.contains("nothing was stored"), "{left:?}");
}
