//! What the documents show is true: their commands run, their links lead somewhere, and their Rust is that of programs which
//! run.
//!
//! A block of `console` runs in one shell against a simulator, and prints what is shown below its commands. Its other marks:
//! `account` needs an account, `running` runs until it is interrupted, `install` installs from a clone, `released` will work after a release, `python` runs in the tests
//! of the Python package, `bulk` and `postgres` in those of the page about fleets, `xtask` runs `cargo xtask`, `contract` runs in
//! `cargo xtask contract`, and `docker` needs Docker.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use things_sim::{DEFAULT_CUSTOMER, DeviceSpec, Sim};

use crate::documents::{Block, Document, documents, root};
use crate::tool::{Ran, bare, path, run};

/// The blocks of all documents in this language with this mark. The tests of the Python package run those of its documents.
fn blocks(language: &str, mark: &str) -> Vec<Block> {
    let ours = documents().into_iter().filter(|document| !document.file.starts_with("python/"));
    let blocks = ours.flat_map(|document| document.blocks());
    blocks.filter(|block| (block.language.as_str(), block.mark.as_str()) == (language, mark)).collect()
}

/// Runs a script in a shell that knows this simulator alone.
fn shell(script: &str, folder: &Path, sim: &Sim) -> Ran {
    let tool = Path::new(env!("CARGO_BIN_EXE_things")).parent().unwrap().to_owned();
    let path = env::join_paths([tool].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap())));
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &script.replace("CUSTOMER_ID", DEFAULT_CUSTOMER)])
        .current_dir(folder)
        .env_clear()
        .env("PATH", path.unwrap())
        .env("HOME", folder)
        .envs(sim.environment())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    run(shell)
}

fn folder(name: &str) -> PathBuf {
    let folder = path(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn every_console_block_runs_and_prints_what_it_shows() {
    let blocks = blocks("console", "");
    assert!(blocks.len() >= 3);
    let folder = folder("console");
    for block in blocks {
        let sim = Sim::builder().start().unwrap();
        let commands = block.commands();
        let mut script = String::new();
        for (index, (command, _)) in commands.iter().enumerate() {
            let endless = command.starts_with("things sim") && !command.contains(" -- ");
            assert!(!endless, "{block}: {command} does not end");
            script += command;
            // Only a command whose status is shown may fail.
            let shown = commands.get(index + 1).is_some_and(|(next, _)| *next == "echo $?");
            script += if shown { "\n" } else { "\ntest $? = 0 || exit 97\n" };
        }
        let ran = shell(&script, &folder, &sim);
        assert_eq!(ran.status, 0, "{block}: {ran:?}");
        for line in commands.iter().flat_map(|(_, output)| output).filter(|line| **line != "...") {
            let found = ran.out.lines().chain(ran.err.lines()).any(|printed| printed == *line);
            assert!(found, "{block} shows {line:?}, which was not printed: {ran:?}");
        }
    }
}

#[test]
fn every_command_of_a_script_runs() {
    let mut valve = DeviceSpec::named("Valve 42");
    valve.extra.insert("eui".into(), "0059AC0000181EB6".into());
    let sim = Sim::builder().device(valve).start().unwrap();
    let folder = folder("scripts");
    let shown = blocks("sh", "").into_iter().filter(|block| block.text.contains("things "));
    let mut count = 0;
    for block in shown {
        for line in block.text.lines().filter(|line| !line.is_empty()) {
            let ran = shell(line, &folder, &sim);
            assert_eq!(ran.status, 0, "{block}: {line}\n{ran:?}");
            count += 1;
        }
    }
    assert!(count > 10);
    assert_eq!(sim.downlinks_received(), 5, "a dry run sends nothing");
}

#[test]
fn every_mark_of_a_console_block_is_known() {
    for block in documents().iter().flat_map(Document::blocks).filter(|block| block.language == "console") {
        let known = [
            "", "account", "running", "install", "released", "python", "xtask", "contract", "docker", "bulk",
            "postgres", "receive",
        ]
        .contains(&block.mark.as_str());
        assert!(known, "{block}: {}", block.mark);
    }
}

/// Commands for an account do not run here, but the tool knows them and their settings.
#[test]
fn every_command_for_an_account_is_one_of_the_tool() {
    let variables = Sim::builder().start().unwrap().environment();
    let shown = ["account", "running"].into_iter().flat_map(|mark| blocks("console", mark));
    for block in shown {
        for (command, _) in block.commands() {
            if let Some(setting) = command.strip_prefix("export ") {
                let name = setting.split('=').next().unwrap();
                assert!(variables.iter().any(|(known, _)| *known == name), "{block}: {name}");
                continue;
            }
            if command.starts_with("mkdir -p ~/") {
                continue;
            }
            let command = command.split(" > ").next().unwrap();
            let mut words: Vec<_> = command.split_whitespace().collect();
            assert_eq!(words.remove(0), "things", "{block}: {command}");
            words.push("--help");
            let ran = bare(&words);
            assert_eq!(ran.status, 0, "{block}: {command}\n{ran:?}");
        }
    }
}

#[test]
fn every_command_for_contributors_is_known() {
    let source = fs::read_to_string(root().join("crates/xtask/src/main.rs")).unwrap();
    let mut found = 0;
    for block in documents().iter().flat_map(Document::blocks) {
        for rest in
            block.text.lines().filter_map(|line| line.trim_start_matches("$ ").strip_prefix("cargo xtask "))
        {
            let name = rest.split_whitespace().next().unwrap();
            assert!(source.contains(&format!("Some(\"{name}\") =>")), "{block}: {name}");
            found += 1;
        }
    }
    assert!(found > 10);
}

#[test]
fn every_line_that_installs_names_a_folder_of_the_repository() {
    let mut found = 0;
    for block in blocks("console", "install") {
        for (command, _) in block.commands() {
            let words: Vec<_> = command.split_whitespace().collect();
            let folder = match words.as_slice() {
                ["cargo", "install", "--locked", "--path", folder] | ["pip", "install", folder] => folder,
                ["cargo", "install", "--locked", "--path", folder, "--features", feature] => {
                    let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
                    assert!(manifest.contains(&format!("\n{feature} = [")), "{block}: {feature}");
                    folder
                }
                ["cargo", "add", "--path", folder] => folder.trim_start_matches("../kpn-things/"),
                ["python3", "-m", "venv", ..] | ["rustup", ..] => continue,
                _ => panic!("{block}: no check for {command}"),
            };
            let is_package =
                ["Cargo.toml", "pyproject.toml"].iter().any(|file| root().join(folder).join(file).exists());
            assert!(is_package, "{block}: {folder}");
            found += 1;
        }
    }
    assert!(found >= 4);
}

/// A name that belongs to somebody else would install a stranger's program.
#[test]
fn every_line_for_a_release_names_a_package_of_this_repository() {
    let manifests = documents().into_iter().filter_map(|document| {
        let folder = root().join(document.file).parent()?.to_path_buf();
        let manifest = ["pyproject.toml", "Cargo.toml"]
            .map(|file| folder.join(file))
            .into_iter()
            .find(|file| file.exists());
        fs::read_to_string(manifest?).ok()
    });
    let names: Vec<_> = manifests
        .filter_map(|text| {
            Some(text.lines().find_map(|line| line.strip_prefix("name = "))?.trim_matches('"').to_owned())
        })
        .collect();
    for block in blocks("console", "released") {
        for (command, _) in block.commands() {
            let words: Vec<_> = command.split_whitespace().collect();
            let name = match words.as_slice() {
                ["cargo", "install", "--locked", name]
                | ["cargo", "add", name]
                | ["pip", "install", name] => name,
                ["uvx", "--from", name, "things", ..] => name,
                _ => panic!("{block}: no check for {command}"),
            };
            assert!(names.iter().any(|known| known == name), "{block}: {name} is not in {names:?}");
        }
    }
}

#[test]
fn the_readme_names_the_version_of_rust_that_is_needed() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let version =
        manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    let text = Document::read("README.md").text;
    assert!(text.contains(&format!("Rust {version} or newer")), "{version}");
    assert!(text.contains("https://rustup.rs"));
}

#[test]
fn the_table_of_the_readme_has_the_numbers_of_the_comparison() {
    let (ours, measured) = (Document::read("README.md"), Document::read("docs/peers.md"));
    let (ours, measured) = (table(&ours.text, "connection dropped"), table(&measured.text, "429, then 200"));
    let column = |name: &str| {
        let name = if name == "connection dropped" { "dropped" } else { name };
        measured[0].iter().position(|heading| heading == name).unwrap_or_else(|| panic!("no column {name}"))
    };
    assert!(ours.len() > 4);
    for row in &ours[1..] {
        let source =
            measured.iter().find(|found| found[0] == row[0]).unwrap_or_else(|| panic!("no row {}", row[0]));
        for (heading, cell) in ours[0].iter().zip(row).skip(1) {
            assert_eq!(cell, &source[column(heading)], "{} of {}", heading, row[0]);
        }
    }
}

/// The cells of the table that has this heading.
fn table(text: &str, heading: &str) -> Vec<Vec<String>> {
    let lines = text.lines().skip_while(|line| !(line.starts_with("| client |") && line.contains(heading)));
    let rows = lines.take_while(|line| line.starts_with('|')).filter(|line| !line.starts_with("|--"));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// How a README that is shown outside of the repository links to a file of it.
const MAIN: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/");

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    for document in documents() {
        let folder = Path::new(&document.file).parent().unwrap();
        for link in document.links() {
            let (folder, link) = match link.strip_prefix(MAIN) {
                Some(link) => (Path::new(""), link),
                None if link.starts_with("https://") || link.starts_with("http://") => continue,
                None => (folder, link),
            };
            let (file, anchor) =
                link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
            let target = if file.is_empty() { PathBuf::from(&document.file) } else { folder.join(file) };
            assert!(root().join(&target).exists(), "{}: {link}", document.file);
            if let Some(anchor) = anchor {
                let found = Document::read(target.to_str().unwrap()).anchors();
                assert!(found.iter().any(|known| known == anchor), "{}: {link}: {found:?}", document.file);
            }
        }
    }
}

/// A name of a variable that is written wrongly would be ignored silently.
#[test]
fn every_variable_of_the_documents_is_in_the_source() {
    let mut source = String::new();
    for folder in ["crates/things-core/src", "crates/kpn-things-cli/src", "python/kpn_things", "python/src"] {
        read(&root().join(folder), &mut source);
    }
    for document in documents() {
        for name in variables(&document.text) {
            assert!(source.contains(name), "{}: {name}", document.file);
        }
    }
}

fn variables(text: &str) -> Vec<&str> {
    let starts = text.match_indices("KPN_THINGS_").map(|(start, _)| &text[start..]);
    let names = starts.map(|rest| {
        let end = rest.find(|char: char| !(char.is_ascii_uppercase() || char == '_')).unwrap_or(rest.len());
        &rest[..end]
    });
    names.filter(|name| !name.ends_with('_')).collect()
}

fn read(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, text);
        } else {
            // A compiled module is not text.
            text.push_str(&fs::read_to_string(path).unwrap_or_default());
        }
    }
}

/// The programs themselves run in the tests of things-examples.
#[test]
fn the_rust_of_the_readmes_is_that_of_the_programs() {
    let programs = ["blocking", "async"]
        .map(|name| fs::read_to_string(root().join(format!("examples/examples/{name}.rs"))).unwrap());
    for file in ["README.md", "crates/things-ureq/README.md", "crates/things-reqwest/README.md"] {
        let blocks = Document::read(file).blocks();
        let shown: Vec<_> = blocks.iter().filter(|block| block.language.starts_with("rust")).collect();
        assert!(!shown.is_empty(), "{file}");
        for block in shown {
            let shown = code(&block.text);
            let found =
                programs.iter().any(|program| code(program).windows(shown.len()).any(|part| part == shown));
            assert!(found, "{block} shows what no program has:\n{}", block.text);
        }
    }
}

/// The lines that do something, without their indentation.
fn code(text: &str) -> Vec<&str> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with("# ") && !line.starts_with("use ")).collect()
}

/// Who changes a message finds its entry here.
#[test]
fn every_message_of_the_troubleshooting_page_is_in_the_source() {
    let mut source = String::new();
    for folder in fs::read_dir(root().join("crates")).unwrap() {
        read(&folder.unwrap().path().join("src"), &mut source);
    }
    // A message may be written on several lines.
    let source: String = source.split("\\\n").map(str::trim_start).collect();
    let page = Document::read("docs/troubleshooting.md");
    let messages: Vec<_> =
        page.text.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    assert!(messages.len() > 10);
    for message in messages {
        let status =
            message.split_once(' ').and_then(|(code, phrase)| Some((code.parse::<u16>().ok()?, phrase)));
        let found = match status {
            Some((code, phrase)) => {
                http::StatusCode::from_u16(code).unwrap().canonical_reason() == Some(phrase)
            }
            None => source.contains(message),
        };
        assert!(found, "no message contains {message:?}");
    }
}
