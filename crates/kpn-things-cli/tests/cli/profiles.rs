//! Profiles: where their settings rank, and what is wrong with a file of them.

use std::fs;
use std::path::{Path, PathBuf};

use things_sim::{DEFAULT_CUSTOMER, Sim};

use crate::tool::{SECRET, file, finish, folder, in_home, run, simulator, things};

const LIST: &[&str] = &["devices", "list", "--limit", "1", "--ndjson"];

/// A folder with this file of profiles in it, which only its owner can read.
fn home(test: &str, profiles: &str) -> PathBuf {
    let home = folder(test);
    let file = home.join("kpn-things").join("profiles.toml");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, profiles).unwrap();
    set_mode(&file, 0o600);
    home
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) {}

/// A profile for a simulator.
fn profile(name: &str, sim: &Sim) -> String {
    let url = sim.url();
    format!(
        "[{name}]\ntenant_id = \"rjsfm52t\"\nkey_id = \"key-1\"\nkey_secret = \"\"\"{}\"\"\"\ngrip_base_url = \"{url}\"\nbase_url = \"{url}\"\n",
        SECRET.replace('\\', "\\\\")
    )
}

#[test]
fn a_command_of_the_simulator_never_uses_a_profile() {
    let account = simulator().start().unwrap();
    let customer = "customer_id = \"no-such-customer\"\n";
    let home = home("profile-sim", &[&profile("default", &account), customer].concat());
    let things = env!("CARGO_BIN_EXE_things");
    let mut command = in_home(&home, &["sim", "--devices", "7", "--", things, "devices", "list", "--ndjson"]);
    command.env("KPN_THINGS_PROFILE", "default");
    assert_eq!(run(command).exits(0).out.lines().count(), 7);
    assert_eq!(account.calls_total(), 0);
}

#[test]
fn a_profile_is_enough_by_option_by_variable_and_as_the_default() {
    let sim = simulator().start().unwrap();
    let home = home("profile-enough", &[profile("default", &sim), profile("staging", &sim)].concat());
    things(&home, LIST).exits(0);
    things(&home, &[LIST, &["--profile", "staging"]].concat()).exits(0);
    let mut by_variable = in_home(&home, LIST);
    by_variable.env("KPN_THINGS_PROFILE", "staging");
    run(by_variable).exits(0);
    let ran = things(&home, &["auth", "check"]).exits(0);
    ran.prints("profile default").prints("ok      KPN Things");
}

#[test]
fn options_override_a_profile_that_an_option_names_and_that_overrides_variables() {
    let sim = simulator().start().unwrap();
    let named = profile("staging", &sim).replace("key-1", "from-profile");
    let home = home("profile-by-option", &[named, profile("default", &sim)].concat());
    let mut list = in_home(&home, &[LIST, &["--profile", "staging", "--key-id", "key-1"]].concat());
    list.env("KPN_THINGS_TENANT_ID", "from-environment")
        .env("KPN_THINGS_BASE_URL", "https://environment.example")
        .env("KPN_THINGS_POSTMAN_ENVIRONMENT", "/nowhere/kpn.json");
    run(list).exits(0);
}

#[test]
fn variables_override_a_profile_that_a_variable_names() {
    let sim = simulator().start().unwrap();
    let named = profile("staging", &sim).replace("rjsfm52t", "from-profile");
    let home = home("profile-by-variable", &named);
    let mut list = in_home(&home, LIST);
    list.env("KPN_THINGS_PROFILE", "staging").env("KPN_THINGS_TENANT_ID", "rjsfm52t");
    run(list).exits(0);
}

#[test]
fn a_postman_file_and_a_profile_of_the_same_level_contradict_each_other() {
    let sim = simulator().start().unwrap();
    let postman = file("contradiction.json", &sim.postman_environment());
    let home = home("profile-contradiction", &profile("staging", &sim));
    let both = ["--profile", "staging", "--postman-environment", &postman];
    things(&home, &[LIST, &both].concat()).exits(2).complains("cannot be used with");
    let set_both = |args: &[&str]| {
        let mut command = in_home(&home, args);
        command.env("KPN_THINGS_PROFILE", "staging").env("KPN_THINGS_POSTMAN_ENVIRONMENT", &postman);
        run(command)
    };
    set_both(LIST).exits(2).complains("are both set: unset one of them");
    assert_eq!(sim.calls_total(), 0);
    // An option decides.
    set_both(&[LIST, &["--profile", "staging"]].concat()).exits(0);
}

#[test]
fn the_default_profile_is_not_mixed_into_another_account() {
    let sim = simulator().start().unwrap();
    let default = format!("{}customer_id = \"of-another-account\"\n", profile("default", &sim));
    let home = home("profile-default", &default);
    let mut list = in_home(&home, LIST);
    list.envs(sim.environment());
    run(list).exits(0);
    let mut check = in_home(&home, &["auth", "check"]);
    check.envs(sim.environment());
    run(check).exits(0).prints("profile default: not used, because the key id comes from KPN_THINGS_KEY_ID");
    let postman = file("default.json", &sim.postman_environment().replace("keyId", "key"));
    let named = ["--postman-environment", &postman];
    things(&home, &[LIST, &named].concat()).exits(2).complains("missing: key id");
    assert!(sim.requests().iter().all(|request| request.header("x-client-id").is_none()));
}

#[test]
fn every_setting_can_be_in_a_profile() {
    let sim = simulator().start().unwrap();
    let more = format!(
        "application_id = \"4dc82561-f65f-523g-dek9-6c79ec314f02\"\ncustomer_id = \"{DEFAULT_CUSTOMER}\"\nsecurity_context = \"context-4711\"\nallow_http = [\"sim.example\", \"other.example\"]\nca_bundle = \"/nowhere/ca.pem\"\n"
    );
    let every = home("profile-every", &[profile("default", &sim), more].concat());
    let ran = things(&every, &["auth", "check"]).exits(2).complains("/nowhere/ca.pem");
    let ran = ran.prints(DEFAULT_CUSTOMER).prints("sim.example, other.example");
    assert!(ran.out.contains("security context  ********") && !ran.out.contains("4711"), "{ran:?}");
    let token_url =
        "[a]\nkey_id = \"k\"\nkey_secret = \"s3cr3t-of-a-key\"\ntoken_url = \"https://a.example/t?x\"\n";
    things(&home("profile-token-url", token_url), &[LIST, &["--profile", "a"]].concat())
        .exits(2)
        .complains("token URL (profile a) has a query");
}

#[test]
fn an_unknown_profile_is_an_error_that_lists_the_others() {
    let sim = simulator().start().unwrap();
    let two = home("profile-unknown", &[profile("staging", &sim), profile("production", &sim)].concat());
    let ran = things(&two, &[LIST, &["--profile", "stagin"]].concat()).exits(2);
    ran.complains("there is no profile \"stagin\"").complains("staging, production");
    let none = folder("profile-none");
    things(&none, &[LIST, &["--profile", "staging"]].concat())
        .exits(2)
        .complains("things auth login --profile staging");
    things(&none, &[LIST, &["--profile", "a.b"]].concat()).exits(2).complains("use letters, digits");
}

#[test]
fn a_mistake_in_the_file_is_named_with_its_line_and_without_its_value() {
    for (test, content, told) in [
        (
            "key",
            "[default]\ntenant_id = \"t\"\nkey_secert = \"hush-hush\"\n",
            "line 3: \"key_secert\" is not a setting: did you mean key_secret?",
        ),
        ("number", "[default]\n\nkey_secret = 4711\n", "line 3: the value of key_secret is not a text"),
        ("syntax", "[default]\nkey_secret = hush-hush\n", "line 2: "),
        ("open", "[default]\nkey_secret = \"hush-hush\n", "line 2: "),
        ("outside", "key_id = \"k\"\n[default]\n", "line 1: \"key_id\" belongs to no profile"),
    ] {
        let ran = things(&home(&format!("profile-wrong-{test}"), content), LIST).exits(2).complains(told);
        assert!(ran.err.contains("profiles.toml, line "), "{ran:?}");
        assert!(!ran.err.contains("hush") && !ran.err.contains("4711"), "{ran:?}");
    }
}

#[test]
#[cfg(unix)]
fn a_file_that_others_can_read_is_refused() {
    let sim = simulator().start().unwrap();
    let home = home("profile-open", &profile("default", &sim));
    let path = home.join("kpn-things/profiles.toml");
    for mode in [0o644, 0o640, 0o604, 0o620] {
        set_mode(&path, mode);
        let ran = things(&home, LIST).exits(2).complains("can be read by other users: run chmod 600 ");
        assert!(ran.err.contains(path.to_str().unwrap()), "{ran:?}");
    }
    assert_eq!(sim.calls_total(), 0);
    set_mode(&path, 0o400);
    things(&home, LIST).exits(0);
}

#[test]
fn what_was_copied_with_a_value_of_a_profile_is_named_with_the_profile() {
    for (value, told) in [
        ("...", "key secret (profile default) is a placeholder (...)"),
        ("<your key secret>", "key secret (profile default) is a placeholder (<...>)"),
        ("{{vault:kpn}}", "key secret (profile default) is a placeholder ({{...}})"),
        ("'s3cr3t-of-a-key'", "key secret (profile default) is in quotes ('...')"),
    ] {
        let content = format!("[default]\ntenant_id = \"t\"\nkey_id = \"k\"\nkey_secret = \"{value}\"\n");
        let ran = things(&home("profile-pasted", &content), LIST).exits(2).complains(told);
        assert!(!ran.err.contains("s3cr3t"), "{ran:?}");
    }
}

#[test]
fn profiles_that_are_stored_at_the_same_time_are_all_kept() {
    let home = folder("profiles-at-the-same-time");
    let names: Vec<_> = (1..=8).map(|number| format!("p{number}")).collect();
    let login = ["auth", "login", "--no-check", "--tenant-id", "t", "--key-id", "k", "--key-secret-file"];
    let secret = file("profiles-secret", SECRET);
    let children: Vec<_> = names
        .iter()
        .map(|name| in_home(&home, &[&login[..], &[&secret, "--profile", name]].concat()).spawn().unwrap())
        .collect();
    for child in children {
        finish(child).exits(0);
    }
    let mut stored: Vec<_> =
        things(&home, &["auth", "profiles"]).exits(0).out.lines().map(str::to_owned).collect();
    stored.sort();
    assert_eq!(stored, names);
}

#[test]
fn a_key_id_that_sets_the_default_profile_aside_is_named_where_settings_are_missing() {
    let sim = simulator().start().unwrap();
    let home = home("profile-set-aside", &profile("default", &sim));
    let mut list = in_home(&home, LIST);
    list.env("KPN_THINGS_KEY_ID", "left-over");
    let told = "note: profile default: not used, because the key id comes from KPN_THINGS_KEY_ID\n";
    run(list).exits(2).complains("missing: tenant id").complains(told);
    // A secret of another account must not go to GRIP under the key id of the profile.
    let mut list = in_home(&home, LIST);
    list.env("KPN_THINGS_TENANT_ID", "another").env("KPN_THINGS_KEY_SECRET", "secret-of-another-account");
    let told = "note: profile default: not used, because the key secret comes from KPN_THINGS_KEY_SECRET\n";
    run(list).exits(2).complains("missing: key id").complains(told);
    assert_eq!(sim.calls_total(), 0);
}

#[test]
fn a_hint_names_the_place_of_a_wrong_value() {
    let sim = simulator().start().unwrap();
    let wrong = profile("default", &sim).replace("rjsfm52t", "other");
    let home = home("profile-hint", &wrong);
    for args in [LIST, &["auth", "check"]] {
        let ran = things(&home, args).exits(3);
        let all = format!("{}{}", ran.out, ran.err);
        assert!(all.contains("tenant_id in profile default, grip_base_url in profile default"), "{ran:?}");
        assert!(!all.contains("KPN_THINGS_TENANT_ID"), "{ran:?}");
    }
    let mut list = in_home(&home, LIST);
    list.env("KPN_THINGS_TENANT_ID", "another");
    run(list).exits(3).complains("(KPN_THINGS_TENANT_ID, grip_base_url in profile default)");
}
