//! Guards what the crates depend on: a core without IO, few crates, and a true `rust-version`.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::{Outcome, PUBLISHED, output};

/// All that things-core may pull in. A new name here is a decision, not an accident.
///
/// sha2 and the seven crates below it are for the identity of a device whose id is not a UUID: a set of ids that proves a
/// listing complete must not confuse two devices, so it takes a cryptographic hash. flate2 and the four crates below it
/// are for gzip: some servers compress a response although the request asks them not to.
const CORE: &[&str] = &[
    "adler2",
    "base64",
    "block-buffer",
    "bytes",
    "cfg-if",
    "cpufeatures",
    "crc32fast",
    "crypto-common",
    "digest",
    "flate2",
    "hex",
    "http",
    "httpdate",
    "hybrid-array",
    "itoa",
    "memchr",
    "miniz_oxide",
    "percent-encoding",
    "proc-macro2",
    "quote",
    "rustls-pki-types",
    "serde",
    "serde_core",
    "serde_derive",
    "serde_json",
    "sha2",
    "simd-adler32",
    "smol_str",
    "strsim",
    "subtle",
    "syn",
    "things-senml",
    "things-uplink",
    "typenum",
    "unicode-ident",
    "zeroize",
    "zmij",
];

/// All that things-senml may pull in.
const SENML: &[&str] = &["base64", "itoa", "memchr", "serde_core", "serde_json", "smol_str", "zmij"];

/// Most crates that a user of things-ureq has to build.
const UREQ_MOST: usize = 60;

pub(crate) fn guard() -> Outcome {
    for (package, listed) in [("things-core", CORE), ("things-senml", SENML)] {
        if let Some(stray) = tree(package)?.iter().find(|name| !listed.contains(&name.as_str())) {
            return Err(format!(
                "{package} depends on {stray}, which is not in its list (crates/xtask/src/dependencies.rs)"
            ));
        }
    }
    let core = tree("things-core")?;
    let ureq = tree("things-ureq")?.len();
    if ureq > UREQ_MOST {
        return Err(format!("things-ureq depends on {ureq} crates, more than {UREQ_MOST}"));
    }
    println!("guard: things-core has {} dependencies and no IO; things-ureq has {ureq}", core.len());
    let metadata = output(Command::new("cargo").args(["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    let packages =
        metadata.get("packages").and_then(Value::as_array).ok_or("cargo metadata lists no packages")?;
    guard_rust_version(packages)
}

/// The names of a crate's normal dependencies, itself not counted.
fn tree(package: &str) -> Result<BTreeSet<String>, String> {
    let text = output(
        Command::new("cargo").args(["tree", "--locked", "-e", "normal", "--prefix", "none", "-p", package]),
    )?;
    let names = text.lines().filter_map(|line| line.split_whitespace().next());
    Ok(names.filter(|name| *name != package).map(str::to_owned).collect())
}

/// No dependency of a published crate may need a newer compiler than we say. That our own code does not is for
/// clippy's `incompatible_msrv`.
fn guard_rust_version(packages: &[Value]) -> Outcome {
    let version = |package: &Value| {
        let parts: Vec<u32> =
            text(package, "rust_version").split('.').filter_map(|part| part.parse().ok()).collect();
        (parts.first().copied().unwrap_or(0), parts.get(1).copied().unwrap_or(0))
    };
    let find = |name: &str| packages.iter().find(|package| text(package, "name") == name);
    let ours = version(find("things-core").ok_or("things-core is not in the workspace")?);
    let mut needed = BTreeSet::new();
    for package in PUBLISHED {
        needed.extend(tree(package)?);
    }
    let too_new =
        packages.iter().find(|package| needed.contains(text(package, "name")) && version(package) > ours);
    if let Some(package) = too_new {
        return Err(format!(
            "{} needs Rust {}, newer than our {ours:?}",
            text(package, "name"),
            text(package, "rust_version")
        ));
    }
    println!("guard: nothing that is published needs a newer Rust than {}.{}", ours.0, ours.1);
    Ok(())
}

fn text<'a>(package: &'a Value, field: &str) -> &'a str {
    package.get(field).and_then(Value::as_str).unwrap_or_default()
}
