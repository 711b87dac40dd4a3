//! The page about fleets is true: its commands run one after the other, and print what it shows.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use things_sim::Sim;

use crate::documents::Document;
use crate::tool::{Ran, folder, run};

/// The id of the job on the page.
const SHOWN: &str = "01a21b9f-7ba2-754d-aa6e-62629049ecfe";

fn shell(script: &str, folder: &Path, sim: &Sim) -> Ran {
    let tool = Path::new(env!("CARGO_BIN_EXE_things")).parent().unwrap().to_owned();
    let path = env::join_paths([tool].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap())));
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script])
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

/// The id of the only job in the default ledger, if there is one.
fn id(folder: &Path, sim: &Sim) -> Option<String> {
    let jobs = shell("things downlink jobs list --json", folder, sim).exits(0).json();
    Some(jobs[0]["job"].as_str()?.to_owned())
}

/// The line with the shown time in place of each time.
fn without_times(line: &str) -> String {
    let word = |word: &str| match word.len() == 20 && word.starts_with("20") && word.ends_with('Z') {
        true => "TIME".to_owned(),
        false => word.to_owned(),
    };
    line.split(' ').map(word).collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

#[test]
fn the_page_about_fleets_runs_from_the_file_to_the_resolved_report() {
    let page = Document::read("docs/bulk-downlinks.md").blocks();
    let sim = Sim::builder().fault("downlinks@3=drop-after".parse().unwrap());
    let sim = sim.fault("downlinks@4=status:400".parse().unwrap()).start().unwrap();
    let folder = folder("bulk-page");
    for block in page.iter().filter(|block| block.language == "csv") {
        // As Excel saves "CSV UTF-8".
        let text = format!("\u{FEFF}{}", block.text.replace('\n', "\r\n"));
        fs::write(folder.join(&block.mark), text).unwrap();
    }
    let blocks: Vec<_> =
        page.iter().filter(|block| (&*block.language, &*block.mark) == ("console", "bulk")).collect();
    assert!(blocks.len() >= 5);
    for block in blocks {
        let commands = block.commands();
        for (place, (command, output)) in commands.iter().enumerate() {
            if *command == "echo $?" {
                continue;
            }
            let known = id(&folder, &sim).unwrap_or_else(|| SHOWN.to_owned());
            let ran = shell(&command.replace(&SHOWN[..8], &known), &folder, &sim);
            let status = commands.get(place + 1).filter(|(next, _)| *next == "echo $?");
            let status = status.map_or("0", |(_, output)| output[0]);
            assert_eq!(ran.status.to_string(), status, "{block}: {command}\n{ran:?}");
            let known = id(&folder, &sim).unwrap_or(known);
            let printed: Vec<String> = ran.out.lines().chain(ran.err.lines()).map(without_times).collect();
            for line in output.iter().filter(|line| **line != "...") {
                let expected = without_times(&line.replace(SHOWN, &known));
                assert!(
                    printed.contains(&expected),
                    "{block} shows {expected:?}, which was not printed: {ran:?}"
                );
            }
        }
    }
    let received: Vec<_> =
        sim.downlinks().into_iter().map(|downlink| downlink.external_reference.unwrap()).collect();
    let expected = ["valve-1", "valve-2", "valve-3", "valve-5", "valve-6", "valve-4"];
    assert_eq!(received, expected, "each arrived once");
}

#[test]
fn the_object_of_the_page_has_the_fields_of_real_progress() {
    let text = Document::read("docs/bulk-downlinks.md").text;
    let shown = text.lines().find(|line| line.starts_with("{\"job\"")).unwrap();
    let sim = Sim::builder().start().unwrap();
    let folder = folder("bulk-page-progress");
    fs::write(folder.join("one.csv"), "dev_eui,port,hex\n0059AC0000181EB1,1,01\n").unwrap();
    let ran = shell("things downlink bulk one.csv --progress json --quiet --csv", &folder, &sim).exits(0);
    let names = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(shown), names(ran.err.lines().last().unwrap()));
}
