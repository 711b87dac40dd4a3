//! S11: the peak of a streaming listing over the start of the process, and S10's Rust part.

use std::fs;
use std::process::Command;

use things_core::{Device, Page};
use things_sim::Sim;

use crate::decode;
use crate::report::Report;

pub(crate) fn measure(report: &mut Report) {
    for devices in [10_000, 100_000] {
        let sim = Sim::builder().devices(devices).seed(7).start().unwrap();
        let program = std::env::current_exe().unwrap();
        let output =
            Command::new(program).args(["child", "memory"]).envs(sim.environment()).output().unwrap();
        let growth: f64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        report.row(
            "S11",
            &format!("ureq: streaming {devices} devices, peak over start-up"),
            growth / 1024.0,
            " MB",
            // 16 bytes for each device, to notice a double.
            4.0 + devices as f64 * 16e-6,
            "",
        );
    }
    report.row("S10", "Rust: memory held by one device of the documented shape", held(), " bytes", 200.0, "");
}

/// Lists with a stream and prints by how many KB the peak grew.
pub(crate) fn child() {
    let client = things_ureq::Client::from_env().unwrap();
    let start = peak();
    let mut bytes = 0;
    for device in client.devices() {
        bytes += device.unwrap().name().len();
    }
    assert!(bytes > 0);
    println!("{}", peak() - start);
}

/// The peak of resident memory, KB.
pub(crate) fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Bytes that a device takes: the value, and what the allocator gives for its texts.
fn held() -> f64 {
    // glibc: 8 bytes of bookkeeping, in steps of 16, at least 32.
    let given = |bytes: usize| (bytes + 8).next_multiple_of(16).max(32);
    let page = Page::from_json(&decode::page(1_000)).unwrap();
    let texts = |device: &Device| {
        let optional = [device.description(), device.device_specification_uuid(), device.barcode()];
        device.uuid().len()
            + device.name().len()
            + optional.into_iter().flatten().map(str::len).sum::<usize>()
    };
    let texts: usize = page.devices.iter().map(|device| given(texts(device))).sum();
    size_of::<Device>() as f64 + texts as f64 / page.devices.len() as f64
}
