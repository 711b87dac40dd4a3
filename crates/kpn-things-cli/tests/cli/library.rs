use things_cli::{Console, ExitStatus};

use crate::tool::{file, simulator};

fn run(args: &[&str], columns: Option<usize>) -> (ExitStatus, String, String) {
    let (mut out, mut words) = (Vec::new(), Vec::new());
    let status = {
        let mut console = Console::new(&mut out, &mut words);
        if let Some(columns) = columns {
            console = console.terminal(columns);
        }
        things_cli::run(std::iter::once("things").chain(args.iter().copied()).map(Into::into), &mut console)
    };
    (status, String::from_utf8(out).unwrap(), String::from_utf8(words).unwrap())
}

#[test]
fn the_tool_runs_on_streams_of_the_callers_own() {
    let sim = simulator().devices(25).start().unwrap();
    let postman = file("library.json", &sim.postman_environment());
    let args = ["devices", "list", "--postman-environment", &postman];
    let (status, wide, words) = run(&args, None);
    assert_eq!((status, &*words), (ExitStatus::Done, "25 devices, proven complete with 2 requests\n"));
    let (_, narrow, _) = run(&args, Some(76));
    assert_eq!(narrow.lines().count(), 26);
    assert!(narrow.lines().all(|line| line.chars().count() <= 76), "{narrow}");
    assert!(wide.lines().next().unwrap().contains("DESCRIPTION") && !wide.contains('…'), "{wide}");
    assert!(!narrow.contains("DESCRIPTION") && narrow.contains('…'), "{narrow}");
}

#[test]
fn exit_statuses_are_those_of_the_binary() {
    assert_eq!(run(&["--help"], None).0, ExitStatus::Done);
    assert_eq!(run(&["nonsense"], None).0, ExitStatus::Usage);
}
