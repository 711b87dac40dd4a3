//! Guards the public API of things-core and things-senml: no type of a crate that is still at 0.x, which could change under its users.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::{Outcome, output, root};

/// The crates whose types are in the API of others.
const GUARDED: [&str; 2] = ["things-core", "things-senml"];

pub(crate) fn guard() -> Outcome {
    let unstable = unstable_crates()?;
    GUARDED.iter().try_for_each(|package| guard_package(package, &unstable))
}

fn guard_package(package: &str, unstable: &BTreeSet<String>) -> Outcome {
    // rustdoc's JSON is not stable; the switch makes a stable toolchain print it, and only names and ids are read.
    let mut rustdoc = Command::new("cargo");
    rustdoc
        .args(["rustdoc", "--quiet", "-p", package, "--lib", "--target-dir", "target/public-api"])
        .args(["--", "-Z", "unstable-options", "--output-format", "json"])
        .env("RUSTC_BOOTSTRAP", "1");
    output(&mut rustdoc)?;
    let path = root().join(format!("target/public-api/doc/{}.json", package.replace('-', "_")));
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let api: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let used = crates_in(&api)?;
    if let Some(name) = used.iter().find(|name| unstable.contains(*name)) {
        return Err(format!("the public API of {package} shows a type of {name}, which is at 0.x"));
    }
    let ours: Vec<_> =
        used.iter().map(String::as_str).filter(|name| !["core", "alloc", "std"].contains(name)).collect();
    let ours = if ours.is_empty() { "std alone".to_owned() } else { ours.join(", ") };
    println!("guard: the public API of {package} shows types of {ours} and none at 0.x");
    Ok(())
}

/// The crates whose types stand in what is public: rustdoc's index holds nothing else.
fn crates_in(api: &Value) -> Result<BTreeSet<String>, String> {
    let part =
        |name: &str| api.get(name).and_then(Value::as_object).ok_or(format!("rustdoc's JSON has no {name}"));
    let names: BTreeMap<u64, &str> = part("external_crates")?
        .iter()
        .filter_map(|(id, external)| Some((id.parse().ok()?, external.get("name")?.as_str()?)))
        .collect();
    let paths = part("paths")?;
    let mut used = BTreeSet::new();
    for item in part("index")?.values().filter(|item| item.get("crate_id").and_then(Value::as_u64) == Some(0))
    {
        // What the compiler and blanket impls add is no decision of ours.
        let added = item
            .pointer("/inner/impl")
            .is_some_and(|it| it["is_synthetic"] == true || !it["blanket_impl"].is_null());
        if !added {
            types(item.get("inner").unwrap_or(&Value::Null), &mut |id| {
                let crate_id =
                    paths.get(&id.to_string()).and_then(|path| path.get("crate_id")).and_then(Value::as_u64);
                used.extend(crate_id.and_then(|id| names.get(&id)).map(|name| (*name).to_owned()));
            });
        }
    }
    if used.is_empty() {
        return Err("rustdoc's JSON names no type at all: its format has changed".into());
    }
    Ok(used)
}

/// Calls `found` with the id of each type that is named in a part of rustdoc's JSON.
fn types(part: &Value, found: &mut impl FnMut(u64)) {
    match part {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let ("resolved_path" | "trait" | "trait_bound", Some(id)) =
                    (name.as_str(), value.get("id").and_then(Value::as_u64))
                {
                    found(id);
                }
                types(value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| types(value, found)),
        _ => {}
    }
}

/// The crates of the lock file whose only versions are at 0.x, as they are named in code.
fn unstable_crates() -> Result<BTreeSet<String>, String> {
    let metadata = output(Command::new("cargo").args(["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    let packages =
        metadata.get("packages").and_then(Value::as_array).ok_or("cargo metadata lists no packages")?;
    let text = |package: &Value, field: &str| {
        package.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let external = packages.iter().filter(|package| !package["source"].is_null());
    let unstable = external.filter(|package| text(package, "version").starts_with("0."));
    Ok(unstable.map(|package| text(package, "name").replace('-', "_")).collect())
}
