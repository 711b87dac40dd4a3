//! Makes one `#[test]` of each scenario: `scenarios/some_behaviour.json` becomes `fn some_behaviour()`.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=scenarios");
    let mut names = Vec::new();
    for entry in fs::read_dir("scenarios")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    let tests: String = names
        .iter()
        .map(|name| {
            format!("#[test]\nfn {name}() -> Result<(), things_tests::Failure> {{\n    run({name:?})\n}}\n\n")
        })
        .collect();
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("scenarios.rs"), tests)
}
