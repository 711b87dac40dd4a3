//! The output of commands, kept in `snapshots/`. To accept a change: `INSTA_UPDATE=always cargo test -p kpn-things-cli`.

use things_sim::{DEFAULT_CUSTOMER, DeviceSpec, Sim};

use crate::tool::{Tool, simulator};

/// A small fleet with what is hard to show.
fn fleet() -> Sim {
    let sim = simulator().devices(6).fault("devices@1=status:503,Retry-After:0".parse().unwrap());
    let mut long =
        DeviceSpec::named("日本 👩\u{200D}👩\u{200D}👧\u{200D}👦 meter in a long, long hall; row 4");
    long.uuid = Some("0001".into());
    long.description = "=SUM(A1:A9)\nin two lines".into();
    long.barcode = Some("0012345678905".into());
    long.metadata = serde_json::json!({"floor": 2});
    long.extra.insert("eui".into(), "0059000000181186".into());
    long.extra.insert("model".into(), serde_json::json!({"no": 1}));
    sim.device(long).start().unwrap()
}

/// What a command prints, without what differs from run to run.
fn printed(args: &[&str]) -> String {
    let sim = fleet();
    let ran = sim.things(args);
    let [out, err] = [&ran.out, &ran.err].map(|text| text.replace(sim.url(), "http://simulator"));
    let err: String = err.lines().map(|line| without_times(line) + "\n").collect();
    format!("exit status: {}\n--- stdout\n{out}--- stderr\n{err}", ran.status)
}

/// The line with `N` for each number before `ms` or `s`.
fn without_times(line: &str) -> String {
    let words: Vec<_> = line.split(' ').collect();
    let is_time = |place: usize| {
        let unit = words.get(place + 1).is_some_and(|unit| ["ms", "s"].contains(unit));
        unit && words[place].parse::<f64>().is_ok()
    };
    let word =
        |(place, word): (usize, &&str)| if is_time(place) { "N".to_owned() } else { (*word).to_owned() };
    words.iter().enumerate().map(word).collect::<Vec<_>>().join(" ")
}

const EUI: &str = "0059AC0000181EB6";
const RECORDS: &str = r#"[{"n":"setpoint","v":21.5}]"#;
const LONG: &str = "A text of more than 51 bytes, which needs a good data rate.";

macro_rules! snapshots {
    ($($name:ident: $args:expr,)+) => {
        $(#[test]
        fn $name() {
            insta::assert_snapshot!(printed(&$args));
        })+
    };
}

snapshots! {
    list: ["devices", "list"],
    list_as_json: ["devices", "list", "--json"],
    list_as_ndjson: ["devices", "list", "--ndjson"],
    list_as_csv: ["devices", "list", "--csv"],
    list_for_excel: ["devices", "list", "--csv-dialect", "excel"],
    list_of_fields: ["devices", "list", "--fields", "eui,name,metadata.floor,modle"],
    list_plain: ["devices", "list", "--plain", "--limit", "2"],
    list_quiet: ["devices", "list", "--quiet", "--fields", "name"],
    list_verbose: ["devices", "list", "--verbose", "--fields", "name"],
    get: ["devices", "get", "0001"],
    get_as_json: ["devices", "get", "0001", "--json"],
    get_what_is_not_there: ["devices", "get", "gas meter"],
    downlink: ["downlink", "send", EUI, "--port", "1", "--hex", "0102", "--reference", "valve-42"],
    downlink_of_records: ["downlink", "send", EUI, "--senml", RECORDS, "--no-reference", "--port", "7"],
    downlink_too_large_for_a_slow_rate: ["downlink", "send", EUI, "--port", "1", "--text", LONG, "--no-reference"],
    downlink_as_a_script: ["downlink", "send", EUI, "--port", "1", "--hex", "0102", "--dry-run"],
    list_as_a_script: ["devices", "list", "--search", "a b", "--customer", DEFAULT_CUSTOMER, "--dry-run"],
    api: ["api", "/api/devices?pageSize=1"],
    api_all: ["api", "/api/devices", "--query", "pageSize=3", "--query", "sortBy=uuid", "--all"],
    switch: ["customer", "switch", DEFAULT_CUSTOMER],
    switch_as_json: ["customer", "switch", DEFAULT_CUSTOMER, "--json"],
    switch_refused: ["customer", "switch", "somebody"],
    open: ["open", "0059ac0000181eb6", "--print"],
    version: ["version"],
}

#[cfg(unix)]
mod at_a_terminal {
    use super::*;
    use crate::terminal::Terminal;

    fn screen(columns: u16, args: &[&str]) -> String {
        let sim = fleet();
        Terminal::start(sim.command(args), columns, 24).finish().screen + "\n"
    }

    #[test]
    fn list_on_80_columns() {
        insta::assert_snapshot!(screen(80, &["devices", "list"]));
    }

    #[test]
    fn list_on_100_columns() {
        insta::assert_snapshot!(screen(100, &["devices", "list"]));
    }

    #[test]
    fn list_on_140_columns() {
        insta::assert_snapshot!(screen(140, &["devices", "list"]));
    }
}
