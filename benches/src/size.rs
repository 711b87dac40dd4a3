//! S13, S14: the size of what users install, and the time the tool takes to start.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::report::Report;

pub(crate) fn measure(report: &mut Report) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--release", "-p", "kpn-things-cli"])
        .current_dir(&root)
        .status();
    let target = std::env::current_exe().unwrap().parent().unwrap().join("things");
    match (built, fs::metadata(&target)) {
        (Ok(status), Ok(file)) if status.success() => {
            report.row("S13", "the tool's binary, stripped", file.len() as f64 / 1e6, " MB", 8.0, "");
            report.row("S13", "the tool's start, `things --version`", start_of(&target), " ms", 10.0, "");
        }
        _ => report.skip("S13", "the tool could not be built"),
    }
    for (package, most) in [("things-core", 25.0), ("things-ureq", 60.0)] {
        let tree = Command::new("cargo")
            .args(["tree", "--offline", "-e", "normal", "--prefix", "none", "-p", package])
            .current_dir(&root)
            .output()
            .unwrap();
        let text = String::from_utf8(tree.stdout).unwrap();
        let crates: BTreeSet<_> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
        let dependencies = crates.len().saturating_sub(1) as f64;
        report.row("S14", &format!("dependencies of {package}"), dependencies, " crates", most, "");
    }
}

/// The median time of the tool from its start to its end, in milliseconds.
fn start_of(tool: &Path) -> f64 {
    let mut times: Vec<f64> = (0..51)
        .map(|_| {
            let start = Instant::now();
            let output = Command::new(tool).arg("--version").output().unwrap();
            assert!(output.status.success());
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
