//! The access token between runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use things_sim::{FaultRule, Route, Sim};
use things_tests::canary::{Canary, SIMULATED_TOKEN, sightings};

use crate::tool::{Ran, SECRET, Tool, command, finish, folder, run, simulator};

const DOWNLINK: &[&str] = &["downlink", "send", "0059AC0000181EB6", "--port", "1", "--hex", "01"];
const LIST: &[&str] = &["devices", "list", "--limit", "1", "--ndjson"];

/// The tool with the settings of this simulator, and this folder for caches.
fn cached(sim: &Sim, cache: &Path, args: &[&str]) -> Command {
    let mut command = sim.command(args);
    command.env("XDG_CACHE_HOME", cache);
    command
}

fn things(sim: &Sim, cache: &Path, args: &[&str]) -> Ran {
    run(cached(sim, cache, args))
}

fn tokens(cache: &Path) -> PathBuf {
    cache.join("kpn-things/tokens")
}

/// The files with a token in them.
fn kept(cache: &Path) -> Vec<PathBuf> {
    let Ok(folder) = fs::read_dir(tokens(cache)) else { return Vec::new() };
    let files = folder.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    files.sort();
    files
}

/// Runs many processes at a time, all of which must succeed.
fn side_by_side(sim: &Sim, cache: &Path, processes: usize) {
    let children: Vec<_> = (0..processes).map(|_| cached(sim, cache, DOWNLINK).spawn().unwrap()).collect();
    for child in children {
        finish(child).exits(0);
    }
}

#[test]
fn a_loop_of_downlinks_requests_one_token() {
    let (sim, cache) = (simulator().start().unwrap(), folder("token-loop"));
    for _ in 0..100 {
        things(&sim, &cache, DOWNLINK).exits(0);
    }
    assert_eq!((sim.calls(Route::Token), sim.downlinks_received()), (1, 100));
}

#[test]
fn processes_side_by_side_request_one_token_also_after_it_is_revoked() {
    let slow: FaultRule = "token=latency:200ms".parse().unwrap();
    let (sim, cache) = (simulator().fault(slow).start().unwrap(), folder("token-side-by-side"));
    side_by_side(&sim, &cache, 16);
    assert_eq!((sim.calls(Route::Token), sim.downlinks_received()), (1, 16));
    sim.revoke_tokens();
    side_by_side(&sim, &cache, 16);
    assert_eq!((sim.calls(Route::Token), sim.downlinks_received()), (2, 32));
}

#[test]
fn a_rejected_token_is_dropped_even_if_there_is_no_new_one() {
    let (sim, cache) = (simulator().start().unwrap(), folder("token-rejected"));
    things(&sim, &cache, LIST).exits(0);
    assert_eq!(kept(&cache).len(), 1);
    sim.revoke_tokens();
    let fault: FaultRule = "token=status:401".parse().unwrap();
    sim.add_fault(fault.clone());
    things(&sim, &cache, LIST).exits(3);
    assert_eq!(kept(&cache).len(), 0);
    sim.remove_fault(&fault);
    things(&sim, &cache, LIST).exits(0);
    assert_eq!(kept(&cache).len(), 1);
}

#[test]
fn a_changed_secret_finds_no_token() {
    let (sim, cache) = (simulator().start().unwrap(), folder("token-secret"));
    things(&sim, &cache, LIST).exits(0);
    let mut other = cached(&sim, &cache, LIST);
    other.env("KPN_THINGS_KEY_SECRET", "another-s3cr3t-of-the-key");
    run(other).exits(3);
    assert_eq!(sim.calls(Route::Token), 2);
    things(&sim, &cache, LIST).exits(0);
    assert_eq!(sim.calls(Route::Token), 2, "a failed request keeps the token of the right secret");
}

#[test]
fn the_file_holds_the_token_and_no_secret_and_is_its_owners_alone() {
    let (sim, cache) = (simulator().start().unwrap(), folder("token-file"));
    things(&sim, &cache, LIST).exits(0);
    let file = kept(&cache).pop().unwrap();
    let content = fs::read(&file).unwrap();
    let secret = Canary::new("the key secret", SECRET);
    assert!(sightings(&content, &[secret]).is_empty(), "{}", String::from_utf8_lossy(&content));
    let token = serde_json::from_slice::<Value>(&content).unwrap()["access_token"].take();
    assert!(token.as_str().unwrap().starts_with(SIMULATED_TOKEN));
    for public in ["rjsfm52t", "key-1", "127.0.0.1"] {
        assert!(!file.to_str().unwrap().contains(public), "{file:?}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&tokens(&cache)), mode(&file)), (0o700, 0o600));
        for entry in fs::read_dir(tokens(&cache)).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
    }
}

#[test]
fn servers_keys_and_tenants_have_tokens_of_their_own() {
    let (one, other) = (simulator().start().unwrap(), simulator().start().unwrap());
    let cache = folder("token-accounts");
    for _ in 0..2 {
        things(&one, &cache, LIST).exits(0);
        things(&other, &cache, LIST).exits(0);
    }
    assert_eq!((one.calls(Route::Token), other.calls(Route::Token), kept(&cache).len()), (1, 1, 2));
    for (name, value) in [
        ("KPN_THINGS_KEY_ID", "key-2"),
        ("KPN_THINGS_TENANT_ID", "other"),
        ("KPN_THINGS_APPLICATION_ID", "app"),
    ] {
        let mut list = cached(&one, &cache, LIST);
        list.env(name, value);
        run(list).exits(3);
    }
    assert_eq!(one.calls(Route::Token), 4);
}

#[test]
fn a_check_and_an_option_go_without_the_cache() {
    let (sim, cache) = (simulator().start().unwrap(), folder("token-bypassed"));
    things(&sim, &cache, &[LIST, &["--no-token-cache"]].concat()).exits(0);
    things(&sim, &cache, &["auth", "check"]).exits(0);
    assert_eq!((sim.calls(Route::Token), kept(&cache).len()), (2, 0));
    things(&sim, &cache, LIST).exits(0);
    let before = fs::read(&kept(&cache)[0]).unwrap();
    things(&sim, &cache, &[LIST, &["--no-token-cache"]].concat()).exits(0);
    things(&sim, &cache, &["auth", "check"]).exits(0);
    assert_eq!((sim.calls(Route::Token), fs::read(&kept(&cache)[0]).unwrap()), (5, before));
}

/// Runs a listing after the file was changed, and returns how many tokens were requested in all.
fn after(test: &str, change: impl FnOnce(&Path, Value)) -> u64 {
    let (sim, cache) = (simulator().start().unwrap(), folder(test));
    things(&sim, &cache, LIST).exits(0);
    let file = kept(&cache).pop().unwrap();
    let content = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    change(&file, content);
    let ran = things(&sim, &cache, LIST).exits(0);
    assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    let calls = sim.calls(Route::Token);
    things(&sim, &cache, LIST).exits(0);
    assert_eq!(sim.calls(Route::Token), calls, "the file was replaced");
    calls
}

#[test]
fn a_file_that_is_no_good_is_replaced() {
    assert_eq!(after("token-same", |_, _| ()), 1);
    for (number, content) in ["", "{", "[]", "\u{0}"].into_iter().enumerate() {
        let test = format!("token-corrupt-{number}");
        assert_eq!(after(&test, |file, _| fs::write(file, content).unwrap()), 2, "{content:?}");
    }
    let edited = |test: &str, edit: fn(&mut Value)| {
        after(test, |file, mut content| {
            edit(&mut content);
            fs::write(file, content.to_string()).unwrap();
        })
    };
    const DAY: i64 = 24 * 3600 * 1000;
    assert_eq!(edited("token-future", |content| shift(content, DAY)), 2, "the clock was set back");
    assert_eq!(edited("token-expired", |content| shift(content, -DAY)), 2);
    assert_eq!(edited("token-time", |content| content["expires_at"] = u64::MAX.into()), 2);
    assert_eq!(edited("token-salt", |content| content["salt"] = "00".into()), 2);
    assert_eq!(edited("token-line", |content| content["access_token"] = "a\r\nb: c".into()), 2);
}

/// Moves the life of a token by milliseconds.
fn shift(content: &mut Value, by: i64) {
    for name in ["fetched_at", "expires_at"] {
        content[name] = content[name].as_u64().unwrap().saturating_add_signed(by).into();
    }
}

#[test]
#[cfg(unix)]
fn a_file_that_others_can_read_is_replaced_and_a_folder_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    assert_eq!(after("token-open", |file, _| open(file, 0o644)), 2);
    let (sim, cache) = (simulator().start().unwrap(), folder("token-open-folder"));
    fs::create_dir_all(tokens(&cache)).unwrap();
    open(&tokens(&cache), 0o755);
    let ran = things(&sim, &cache, &[LIST, &["--verbose"]].concat()).exits(0);
    ran.complains("the access token is not kept for the next run: ").complains("can be read by other users");
    assert_eq!(kept(&cache).len(), 0);
}

#[test]
fn without_a_folder_for_it_the_tool_works_and_says_so_if_asked() {
    let sim = simulator().start().unwrap();
    // No user can create a folder in a file.
    let file = folder("token-no-folder").join("file");
    fs::write(&file, "").unwrap();
    let quiet = things(&sim, &file, LIST).exits(0);
    assert_eq!(quiet.err.lines().count(), 1, "{quiet:?}");
    things(&sim, &file, &[LIST, &["--verbose"]].concat())
        .exits(0)
        .complains("the access token is not kept for the next run: ");
    assert_eq!(sim.calls(Route::Token), 2);
}

#[test]
fn a_logout_removes_the_token_of_the_profile() {
    let (sim, home) = (simulator().start().unwrap(), folder("token-logout"));
    let in_home = |args: &[&str]| {
        let mut command = command(args);
        command.env("XDG_CONFIG_HOME", &home).env("XDG_CACHE_HOME", &home);
        command
    };
    let url = sim.url();
    let login = ["auth", "login", "--tenant-id", "rjsfm52t", "--key-id", "key-1", "--key-secret-file", "-"];
    let login = [&login[..], &["--grip-base-url", url, "--base-url", url]].concat();
    crate::tool::run_with_input(in_home(&login), SECRET).exits(0);
    run(in_home(LIST)).exits(0);
    assert_eq!(kept(&home).len(), 1);
    run(in_home(&["auth", "logout"])).exits(0);
    assert_eq!(kept(&home).len(), 0);
}

#[test]
fn a_process_that_hangs_while_it_fetches_a_token_does_not_hold_up_the_others() {
    let hangs: FaultRule = "token@1=stall".parse().unwrap();
    let (sim, cache) = (simulator().fault(hangs).start().unwrap(), folder("token-hangs"));
    let mut first = cached(&sim, &cache, LIST).spawn().unwrap();
    while sim.calls(Route::Token) == 0 {
        std::thread::yield_now();
    }
    let second = things(&sim, &cache, &[LIST, &["--verbose", "--timeout", "4"]].concat()).exits(0);
    second.complains("another process is fetching an access token, and takes long");
    assert_eq!((sim.calls(Route::Token), kept(&cache).len()), (2, 1), "kept without the lock");
    // So that only one run waits for the first.
    things(&sim, &cache, LIST).exits(0);
    assert_eq!(sim.calls(Route::Token), 2);
    first.kill().unwrap();
    first.wait().unwrap();
}
