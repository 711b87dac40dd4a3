//! What the kernel tells of this process.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Resident memory in bytes.
pub(crate) fn memory() -> i64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    1024 * line.trim().trim_end_matches(" kB").parse::<i64>().unwrap()
}

/// Open descriptors.
pub(crate) fn descriptors() -> i64 {
    fs::read_dir("/proc/self/fd").unwrap().count() as i64
}

/// The same, once no more than these are left, or after some seconds: connections are closed in the background.
pub(crate) fn descriptors_down_to(expected: i64) -> i64 {
    let patience = Instant::now() + Duration::from_secs(10);
    while descriptors() > expected && Instant::now() < patience {
        thread::sleep(Duration::from_millis(10));
    }
    descriptors()
}
