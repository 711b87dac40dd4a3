use std::io::{self, Write};
use std::sync::{Arc, Mutex};

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
    let status = run(&["sim", "--devices", "1", "--", "/bin/sh", "-c", "exit 7"], None).0;
    assert_eq!((status, status.code()), (ExitStatus::Command(7), 7));
}

/// Keeps what each write holds.
#[derive(Clone, Default)]
struct Writes(Arc<Mutex<Vec<String>>>);

impl Write for Writes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().push(String::from_utf8(bytes.to_vec()).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Messages of several processes on one terminal do not mix.
#[test]
fn a_message_of_several_lines_is_one_write() {
    let (mut out, messages) = (Vec::new(), Writes::default());
    let mut console = Console::new(&mut out, messages.clone());
    let args = ["things", "sim", "--fault", "downlinks=stal"].map(Into::into);
    assert_eq!(things_cli::run(args, &mut console), ExitStatus::Usage);
    let writes = messages.0.lock().unwrap();
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert!(writes[0].contains("did you mean `stall`?") && writes[0].lines().count() > 3, "{writes:?}");
}
