//! The completion scripts, in the shells that they are for.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use crate::tool::{bare, file, path};

/// Runs a script in a shell that finds the tool. Nothing if this machine lacks the shell.
fn shell(name: &str, script: &str) -> Option<String> {
    let tool = Path::new(env!("CARGO_BIN_EXE_things")).parent().unwrap().to_owned();
    let search = env::join_paths([tool].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap())));
    let home = path("home-of-a-shell");
    fs::create_dir_all(&home).unwrap();
    let mut command = Command::new(name);
    command.args(["-c", script]).env_clear().env("PATH", search.unwrap()).env("HOME", home);
    let Ok(output) = command.output() else {
        eprintln!("skipped: {name} is not installed here");
        return None;
    };
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// The words that bash offers for the last of these.
fn in_bash(words: &str) -> String {
    let script = format!(
        "source <(things completions bash); COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _things things \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"
        echo \"${{COMPREPLY[@]}}\""
    );
    shell("bash", &script).expect("the tests need bash")
}

#[test]
fn bash_completes_commands_and_options() {
    assert_eq!(in_bash("things dev"), "devices\n");
    assert_eq!(in_bash("things downlink se"), "send\n");
    assert_eq!(in_bash("things downlink send --base6"), "--base64\n");
    assert_eq!(in_bash("things completions f"), "fish\n");
}

#[test]
fn zsh_loads_its_script() {
    let script = file("_things", &bare(&["completions", "zsh"]).exits(0).out);
    let check = format!(
        "autoload -U compinit && compinit -D && source '{script}' && print ${{+functions[_things]}} ${{_comps[things]}}"
    );
    assert!(shell("zsh", &check).is_none_or(|printed| printed == "1 _things\n"));
}

#[test]
fn fish_completes_commands_and_options() {
    let complete = |line: &str| {
        shell("fish", &format!("things completions fish | source; complete -C '{line}'")).map(|found| {
            found.lines().filter_map(|line| line.split('\t').next().map(str::to_owned)).collect()
        })
    };
    let offers = |line: &str, expected: &str| {
        assert!(complete(line).is_none_or(|found: Vec<_>| found == [expected]), "{line}");
    };
    offers("things dev", "devices");
    offers("things downlink send --base6", "--base64");
}

#[test]
fn powershell_has_a_script() {
    let ran = bare(&["completions", "powershell"]).exits(0);
    ran.prints("Register-ArgumentCompleter -Native -CommandName 'things'").prints("--base64");
}

#[test]
fn a_shell_that_is_not_known_is_refused_with_those_that_are() {
    bare(&["completions", "tcsh"]).exits(2).complains("bash, zsh, fish, powershell");
    bare(&["completions"]).exits(2).complains("<SHELL>");
}

#[test]
fn the_help_creates_each_folder_before_it_writes_a_script() {
    let help = bare(&["completions", "--help"]).exits(0).out;
    let mut folders = Vec::new();
    for line in help.lines().map(str::trim) {
        if let Some(folder) = line.strip_prefix("mkdir -p ") {
            folders.push(folder);
        } else if let Some((_, file)) = line.split_once(" > ") {
            let (folder, _) = file.rsplit_once('/').unwrap();
            assert!(folders.contains(&folder), "{folder} may not exist: {help}");
        }
    }
    assert_eq!(folders.len(), 3, "{help}");
}
