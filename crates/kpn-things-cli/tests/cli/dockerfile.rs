//! The Dockerfile names things that exist. No test builds it, because that needs Docker and a network.

use std::fs;

use crate::documents::{Document, documents, root};
use crate::tool::bare;

fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

/// The words after each instruction of this name.
fn instructions<'a>(dockerfile: &'a str, name: &str) -> Vec<Vec<&'a str>> {
    let lines = dockerfile.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines.filter(|words| words.first() == Some(&name)).map(|words| words[1..].to_vec()).collect()
}

#[test]
fn the_dockerfile_builds_this_package_and_starts_its_binary() {
    let dockerfile = text("Dockerfile");
    let runs = instructions(&dockerfile, "RUN");
    let run = runs.iter().find(|run| run[0] == "cargo").unwrap();
    assert!(run.starts_with(&["cargo", "build", "--release", "--locked"]), "{run:?}");
    assert_eq!(run[4..], ["--package", env!("CARGO_PKG_NAME"), "--features", "mqtt,postgres"]);
    let binary = "things";
    assert!(env!("CARGO_BIN_EXE_things").ends_with(binary));

    let copies = instructions(&dockerfile, "COPY");
    let [source, copied] = copies.as_slice() else { panic!("{copies:?}") };
    assert_eq!(source[..], [".", "."]);
    let folder = instructions(&dockerfile, "WORKDIR").concat()[0];
    assert_eq!(copied[1], format!("{folder}/target/release/{binary}"));
    assert!(copied[2].ends_with(&format!("/bin/{binary}")));
    assert_eq!(instructions(&dockerfile, "ENTRYPOINT").concat(), [format!("[{binary:?}]")]);
    assert!(instructions(&dockerfile, "FROM")[0][0].starts_with("rust:1-"));
}

#[test]
fn the_build_gets_every_member_of_the_workspace() {
    let ignored = text(".dockerignore");
    let ignored: Vec<&str> = ignored.lines().filter(|line| !line.starts_with('#')).collect();
    for kept_out in [".git", "**/target"] {
        assert!(ignored.contains(&kept_out), "{ignored:?}");
    }
    let manifest = text("Cargo.toml");
    let (_, members) = manifest.split_once("members = [").unwrap();
    let (members, _) = members.split_once(']').unwrap();
    let members: Vec<&str> = members.split(", ").map(|member| member.trim_matches('"')).collect();
    assert!(members.contains(&"crates/*"), "{members:?}");
    for member in members {
        let folder = member.split('/').next().unwrap();
        assert!(!ignored.contains(&folder), "{folder} is a member, and the build does not get it");
    }
}

#[test]
fn the_tool_knows_the_commands_that_the_documents_give_to_its_image() {
    let documents = documents();
    let blocks = documents.iter().flat_map(Document::blocks).filter(|block| block.mark == "docker");
    let mut count = 0;
    for block in blocks {
        for (command, _) in block.commands() {
            if command == "docker build --tag things ." {
                continue;
            }
            let (options, arguments) = command.split_once(" things ").unwrap();
            assert!(options.starts_with("docker run "), "{block}: {command}");
            let arguments: Vec<&str> = arguments.split_whitespace().chain(["--help"]).collect();
            bare(&arguments).exits(0);
            count += 1;
        }
    }
    assert!(count > 0);
}
