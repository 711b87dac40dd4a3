//! What the READMEs show is true: their commands run, and their Rust is that of programs which run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use things_sim::{DEFAULT_CUSTOMER, Sim};

use crate::tool::{path, run};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The blocks of a file in Markdown that are marked with this word.
fn blocks(file: &str, word: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let parts: Vec<_> = text.split("```").collect();
    let marked = parts.iter().filter_map(|part| part.strip_prefix(word)?.split_once('\n'));
    let found: Vec<_> = marked.map(|(_, block)| block.to_owned()).collect();
    assert!(!found.is_empty(), "{file} has no block of {word}");
    found
}

#[test]
fn every_command_that_a_readme_shows_runs() {
    let sim = Sim::builder().start().unwrap();
    let tool = Path::new(env!("CARGO_BIN_EXE_things")).parent().unwrap().to_owned();
    let search = env::join_paths([tool].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap())));
    let folder = path("readme");
    fs::create_dir_all(&folder).unwrap();
    for file in ["README.md", "crates/kpn-things-cli/README.md"] {
        for block in blocks(file, "sh") {
            for line in block.lines().filter(|line| !line.is_empty()) {
                let mut shell = Command::new("sh");
                shell
                    .args(["-c", &line.replace("CUSTOMER_ID", DEFAULT_CUSTOMER)])
                    .current_dir(&folder)
                    .env_clear()
                    .env("PATH", search.as_ref().unwrap())
                    .envs(sim.environment())
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped());
                let ran = run(shell);
                assert_eq!(ran.status, 0, "{file}: {line}\n{ran:?}");
            }
        }
    }
    assert_eq!(sim.downlinks_received(), 3, "the dry run sent nothing");
}

/// The programs themselves run in the tests of things-examples.
#[test]
fn the_rust_of_the_readmes_is_that_of_the_programs() {
    let programs = ["blocking", "async"]
        .map(|name| fs::read_to_string(root().join(format!("examples/examples/{name}.rs"))).unwrap());
    for file in ["README.md", "crates/things-ureq/README.md", "crates/things-reqwest/README.md"] {
        for block in blocks(file, "rust") {
            let shown = code(&block);
            let found =
                programs.iter().any(|program| code(program).windows(shown.len()).any(|part| part == shown));
            assert!(found, "{file} shows what no program has:\n{block}");
        }
    }
}

/// The lines that do something, without their indentation.
fn code(text: &str) -> Vec<&str> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with("# ") && !line.starts_with("use ")).collect()
}
