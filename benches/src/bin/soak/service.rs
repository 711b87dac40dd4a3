//! The simulator in a process of its own: it prints its settings as a line of JSON, then answers the lines it reads.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use things_sim::{DownlinkAnswer, Sim};

/// What goes wrong, at one request in twelve or so. Tokens are rejected least: a client asks for one a second at most, and
/// what comes in between fails at once.
const FAULTS: &[&str] = &[
    "devices@0.05%=stall",
    "devices@1%=drop-before",
    "devices@1%=drop-after",
    "devices@1%=truncate:100",
    "devices@1%=status:500",
    "devices@1%=status:503,Retry-After:0",
    "devices@1%=status:429,Retry-After:0",
    "devices@0.5%=status:200,body:<html>",
    "downlinks@0.05%=stall",
    "downlinks@0.05%=stall-after",
    "downlinks@1%=drop-before",
    "downlinks@1%=drop-after",
    "downlinks@1%=truncate:10",
    "downlinks@1%=status:500",
    "downlinks@1%=status-after:500",
    "downlinks@1%=status:503,Retry-After:0",
    "downlinks@0.5%=status:503",
    "downlinks@1%=status:429,Retry-After:0",
    "context-switch@5%=status:500",
    "any@0.005%=revoke",
    "any@0.1%=latency:50ms",
    "any@0.005%=status:302,Location:/login",
    "token@1%=drop-before",
    "token@1%=truncate:10",
    "token@1%=status:503,Retry-After:0",
    "token@0.2%=stall",
];

/// Serves until its input ends.
pub(crate) fn run(seed: u64) {
    let sim = Sim::builder().seed(seed).devices(60).keep_requests(0).keep_downlinks(usize::MAX);
    let sim = sim.downlink_answer(DownlinkAnswer::CreatedObject);
    let sim = FAULTS.iter().fold(sim, |sim, rule| sim.fault(rule.parse().unwrap())).start().unwrap();
    let settings: HashMap<&str, String> = sim.environment().into_iter().collect();
    println!("{}", json!(settings));
    for line in std::io::stdin().lines() {
        match line.unwrap().as_str() {
            // How many requests came in.
            "requests" => println!("{}", sim.calls_total()),
            // The references of the downlinks that were accepted, each as often as it was.
            "downlinks" => {
                let references =
                    sim.downlinks().into_iter().filter_map(|downlink| downlink.external_reference);
                println!("{}", json!(references.collect::<Vec<_>>()));
            }
            other => panic!("{other:?} is not known"),
        }
        std::io::stdout().flush().unwrap();
    }
}

/// The process of the simulator, as the client's sees it. It ends with this.
pub(crate) struct Service {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pub(crate) settings: HashMap<String, String>,
}

impl Service {
    pub(crate) fn start(seed: u64) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut command = Command::new(program);
        command.args(["service", &seed.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let mut service = Self { process, input, output: BufReader::new(output), settings: HashMap::new() };
        service.settings = serde_json::from_value(service.read()).unwrap();
        service
    }

    pub(crate) fn ask(&mut self, what: &str) -> Value {
        writeln!(self.input, "{what}").unwrap();
        self.read()
    }

    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
