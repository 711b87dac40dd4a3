//! Guards the layout of things-core: a module imports only from lower floors, and no file grows too long.
//!
//! The floors are checked against the `crate::` paths in the code, so the list here cannot go out of date.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::{Outcome, root, tree};

/// The floors of things-core, from the ground up. Modules on one floor do not import each other.
const FLOORS: &[&[&str]] = &[
    &["json"],
    &["moment", "secret", "stage", "escapes", "input"],
    &["redaction", "access_token", "timestamp"],
    &["transport", "status"],
    &["coding"],
    &["retry"],
    &["body"],
    &["error"],
    &["asked", "fate"],
    &["answer"],
    &["operation"],
    &["customers", "devices"],
    &["feed"],
    &["downlinks", "ingestion"],
    &["current"],
    &["config", "raw"],
    &["slot", "pace"],
    &["token"],
    &["session"],
    &["flow"],
    &["listing"],
    &["client"],
];

/// Most lines of a file of things-core, without its tests.
const MOST_LINES: usize = 420;

pub(crate) fn guard() -> Outcome {
    let folder = root().join("crates/things-core/src");
    let mut modules = BTreeSet::new();
    for file in tree::files(&folder, "rs")? {
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let path = file.strip_prefix(&folder).map_err(|error| error.to_string())?;
        let module = module(path);
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = code.lines().count();
        if lines > MOST_LINES && !path.ends_with("tests.rs") {
            return Err(format!("things-core: {} has {lines} lines, more than {MOST_LINES}", path.display()));
        }
        if module == "lib" {
            continue;
        }
        check(&module, path, code)?;
        modules.insert(module);
    }
    let known: BTreeSet<_> = FLOORS.iter().flat_map(|floor| floor.iter().map(ToString::to_string)).collect();
    if let Some(gone) = known.difference(&modules).next() {
        return Err(format!(
            "things-core has no module {gone}: take it off its floor (crates/xtask/src/floors.rs)"
        ));
    }
    println!("guard: the floors of things-core, and nothing imports upwards:");
    for (number, floor) in FLOORS.iter().enumerate().rev() {
        println!("guard:   {:>2}  {}", number + 1, floor.join("  "));
    }
    Ok(())
}

/// Checks what a file imports.
fn check(module: &str, path: &Path, code: &str) -> Outcome {
    let floor = floor_of(module)
        .ok_or(format!("things-core: {module} is on no floor: add it to crates/xtask/src/floors.rs"))?;
    let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    for (number, line) in code.enumerate() {
        for imported in imports(line) {
            let below = imported == module || floor_of(imported).is_some_and(|other| other < floor);
            if !below {
                return Err(format!(
                    "things-core: {} imports {imported}, which is not on a lower floor (code line {}): {}",
                    path.display(),
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    Ok(())
}

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// The modules that a line of code names by their path.
fn imports(line: &str) -> impl Iterator<Item = &str> {
    line.split("crate::").skip(1).filter_map(|rest| {
        let name = rest.split(|char: char| !char.is_ascii_alphanumeric() && char != '_').next()?;
        name.starts_with(|char: char| char.is_ascii_lowercase()).then_some(name)
    })
}

/// The module at the top of the crate that a file belongs to.
fn module(path: &Path) -> String {
    let first = path.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned());
    first.unwrap_or_default().trim_end_matches(".rs").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upward_import_is_found() {
        let path = Path::new("status.rs");
        assert_eq!(check("status", path, "use crate::stage::Stage;\n"), Ok(()));
        assert_eq!(check("status", path, "/// See [`crate::flow::Step`].\n"), Ok(()));
        for upwards in
            ["use crate::flow::Step;", "let x = crate::error::Error::new();", "use crate::transport::X;"]
        {
            let error = check("status", path, upwards).unwrap_err();
            assert!(error.contains("not on a lower floor"), "{error}");
        }
        assert!(check("unheard_of", path, "").unwrap_err().contains("on no floor"));
    }

    #[test]
    fn a_file_belongs_to_the_module_at_the_top() {
        assert_eq!(module(Path::new("error/kind.rs")), "error");
        assert_eq!(module(Path::new("lib.rs")), "lib");
    }
}
