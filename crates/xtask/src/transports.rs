//! Guards the transports: thin, and without knowledge of the protocol.

use std::fs;
use std::path::Path;

use crate::{Outcome, root};

/// Most lines of code of a transport crate, tests, comments and blank lines not counted. The driver of feeds is a fifth of it,
/// and the token store of things-ureq a tenth.
const MOST_LINES: usize = 760;

/// What only the core may know: paths, headers and statuses of the API, and JSON.
const PROTOCOL: &[&str] = &[
    "/api/",
    "/oidc",
    "x-client-id",
    "Authorization",
    "AUTHORIZATION",
    "bearer",
    "Bearer",
    "StatusCode",
    "serde",
    "json",
    "kpnthings",
    "302",
    "401",
    "403",
    "429",
    "503",
];

pub(crate) fn guard() -> Outcome {
    for name in ["things-reqwest", "things-ureq"] {
        let mut lines = 0;
        for file in files(&root().join("crates").join(name).join("src"))? {
            let code = file.split("#[cfg(test)]").next().unwrap_or_default();
            for line in code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"))
            {
                lines += 1;
                if let Some(word) = PROTOCOL.iter().find(|word| line.contains(**word)) {
                    return Err(format!("{name} knows the protocol ({word}): {line}"));
                }
            }
        }
        if lines > MOST_LINES {
            return Err(format!("{name} has {lines} lines of code, more than {MOST_LINES}"));
        }
        println!("guard: {name} has {lines} lines of code and no word of the protocol");
    }
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<String>, String> {
    let trouble = |error: std::io::Error| format!("{}: {error}", folder.display());
    let entries = fs::read_dir(folder).map_err(trouble)?;
    entries.map(|entry| entry.and_then(|entry| fs::read_to_string(entry.path())).map_err(trouble)).collect()
}
