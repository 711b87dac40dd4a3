//! S1, S2, S3: whole listings over loopback.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use things_core::Credentials;
use things_sim::{Fault, FaultRule, Sim, When};

use crate::by_hand::{self, Account};
use crate::report::{Report, median, time};

const DEVICES: usize = 100_000;
const ROUNDS: usize = 9;

/// S1 compares code: simulator and client share one CPU. S2 compares systems: both are free.
pub(crate) fn measure(report: &mut Report) {
    let (one, pin) = pinned_child("listing");
    report.row(
        "S1",
        "reqwest: 100,000 devices, default pages, one at a time / by hand with pages of 20",
        one[0],
        "",
        0.92,
        pin,
    );
    report.row("S1", "ureq: the same / by hand with reqwest", one[1], "", 0.72, pin);
    let free = ratios(Command::new(program()), "listing");
    report.row("S2", "reqwest: the same, window 16 / by hand, one at a time", free[2], "", 0.28, "");
    report.row("S2", "ureq: the same, window 16 / by hand, one at a time", free[3], "", 0.22, "");
}

/// Runs a part of this program on one CPU if there is `taskset`, and returns the medians that it prints, and whether it
/// was pinned.
pub(crate) fn pinned_child(part: &str) -> (Vec<f64>, &'static str) {
    let mut taskset = Command::new("taskset");
    if taskset.arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).arg(program());
        (ratios(command, part), ", one CPU")
    } else {
        (ratios(Command::new(program()), part), ", not pinned: no taskset")
    }
}

fn program() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// Runs a process with server and clients in it, and reads the medians that it prints.
fn ratios(mut command: Command, part: &str) -> Vec<f64> {
    let output = command.args(["child", part]).stderr(Stdio::inherit()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().map(|number| number.parse().unwrap()).collect()
}

/// Prints four medians of ratios to the loop by hand: reqwest and ureq one at a time, then with a window of 16.
pub(crate) fn child() {
    let sim = Sim::builder().devices(DEVICES).seed(7).keep_requests(0).start().unwrap();
    let account = account(&sim);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let by_hand = by_hand::client();
    let (reqwest, ureq) = (reqwest(&account), ureq(&account));
    let mut ratios = [const { Vec::new() }; 4];
    for round in 0..=ROUNDS {
        let (base, count) =
            time(|| runtime.block_on(async { by_hand::list(&by_hand, &account).await.len() }));
        assert_eq!(count, DEVICES);
        let times = [
            time(|| {
                runtime.block_on(async { reqwest.devices().window(1).collect().await.unwrap().devices.len() })
            }),
            time(|| ureq.devices().window(1).collect().unwrap().devices.len()),
            time(|| {
                runtime
                    .block_on(async { reqwest.devices().window(16).collect().await.unwrap().devices.len() })
            }),
            time(|| ureq.devices().window(16).collect().unwrap().devices.len()),
        ];
        for (ratios, (time, count)) in ratios.iter_mut().zip(times) {
            assert_eq!(count, DEVICES);
            // The first round warms up.
            if round > 0 {
                ratios.push(time.as_secs_f64() / base.as_secs_f64());
            }
        }
    }
    ratios.into_iter().for_each(|ratios| print!("{} ", median(ratios)));
}

/// S3: with 20 ms a page, against the floor that the latency itself sets.
pub(crate) fn measure_latency(report: &mut Report) {
    const LATENCY: Duration = Duration::from_millis(20);
    const PAGES: usize = 500;
    let rule = FaultRule {
        route: Some(things_sim::Route::Devices),
        when: When::Always,
        fault: Fault::Latency(LATENCY),
    };
    let sim = Sim::builder().devices(PAGES * 20).seed(7).fault(rule).start().unwrap();
    let account = account(&sim);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (reqwest, ureq) = (reqwest(&account), ureq(&account));
    let floor = LATENCY.as_secs_f64() * (1.0 + PAGES as f64 / 16.0);
    let (mut async_ratios, mut blocking_ratios) = (Vec::new(), Vec::new());
    for round in 0..6 {
        let (a, _) =
            time(|| runtime.block_on(async { reqwest.devices().window(16).collect().await.unwrap() }));
        let (b, _) = time(|| ureq.devices().window(16).collect().unwrap());
        // The first round also fetches the token and opens the connections.
        if round > 0 {
            async_ratios.push(a.as_secs_f64() / floor);
            blocking_ratios.push(b.as_secs_f64() / floor);
        }
    }
    report.row("S3", "reqwest: 500 pages at 20 ms, window 16 / floor", median(async_ratios), "", 1.02, "");
    report.row("S3", "ureq: the same / floor", median(blocking_ratios), "", 1.02, "");
}

pub(crate) fn account(sim: &Sim) -> Account {
    let credentials = sim.credentials();
    Account {
        url: sim.url().to_owned(),
        tenant_id: credentials.tenant_id.clone(),
        application_id: credentials.application_id.clone(),
        key_id: credentials.key_id.clone(),
        key_secret: credentials.key_secret.clone(),
    }
}

fn credentials(account: &Account) -> Credentials {
    Credentials::new(&account.tenant_id, &account.key_id, account.key_secret.as_str())
        .application_id(&account.application_id)
}

pub(crate) fn reqwest(account: &Account) -> things_reqwest::Client {
    let builder = things_reqwest::Client::builder(credentials(account));
    builder.base_url(&account.url).grip_base_url(&account.url).build().unwrap()
}

pub(crate) fn ureq(account: &Account) -> things_ureq::Client {
    let builder = things_ureq::Client::builder(credentials(account));
    builder.base_url(&account.url).grip_base_url(&account.url).build().unwrap()
}
