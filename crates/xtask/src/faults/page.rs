//! `docs/faults.md` and `docs/faults-whole.md`, as the matrix writes them.

use std::fmt::Write;

use super::report::Report;
use super::rows::{Proof, ROWS, Row};

const INTRODUCTION: &str = "\
What goes wrong between a program and KPN Things, and what this library promises when it does. Each promise is tried with the
real clients, over real sockets, against a simulator of the service or a server whose every byte a test decides.
**A violation is a case in which the promise was broken.** The cases that CI runs are counted below; CI fails when one
breaks its promise, and when this page is not what the command writes.

```sh
cargo xtask faults                # all rows, the share of CI; writes this page
cargo xtask faults R1 R20         # some rows
cargo xtask faults --seed 7       # other cases: other faults, moments, mutations
cargo xtask faults --whole        # all cases, in release builds; writes faults-whole.md
```

A failed case tells its seed, and `--seed` draws the same faults again; where many calls are in flight at a time, which of
them meets which fault is up to the machine. The whole takes an hour or two on 2 cores; what it came to last is
in [faults-whole.md](faults-whole.md). How other libraries fare with the same faults is in [peers.md](peers.md).
";

const DOUBTS: &str = "\
## What these numbers do not say

- The service itself was never asked. Where its documentation is silent, the simulator is a guess, and the promise is about what
  the client does with any answer at all.
- \"Never repeated\" is about this library. A proxy in between that repeats requests is out of its hands.
- A case is a call, or what else can keep the promise or break it. Where the server draws by chance what it refuses or closes
  (R2, R20, R28), most calls meet no fault.
- Rows with times (R15, R22, R30) run on machines that do other things too: a case that is late is tried again, up to nine
  times, and counts as broken only if it always is. The lateness that the whole run tells is that of the last tries.
- Where `localhost` is one address alone, R15 has no second one to try, and its cases of that are plain calls.
- R6 cannot count what comes to a closed port; a port that closes the handshake (no TLS) stands for it.
- R11 tries the proof of `verified()` within what it assumes: `ARCHITECTURE.md` lists that. The proof can be wrong where the service
  caps page sizes below 20 and does not say so, hides a device from every page, returns an empty first page without a total
  although there are devices, or orders by something else in which the ids happen to ascend. Over sockets the changes are those
  of chance; on the virtual clock some are made to lose a device. How often plain listings missed a device is a figure of these
  schedules, of small fleets that change at most pages.
- R16 pours one response at a time. A listing has up to `window` pages in flight and as many waiting, each within the bound. One
  that is allowed, and a single text of 16 MiB, takes up to four times that while it is read.
- A server that sends 1xx answers without end, at the speed of loopback, can hold up the deadline of the async clients by some
  tenths of a second, and a debug build by seconds: hyper reads on without a pause. R16 sends a bounded number of them.
- Rows with memory (R16) measure the peak of a process of their own, after a warm-up.
- The seed is fixed in CI, so that a change is what turns it red. Other seeds run by hand, and by the simulation of the core
  (`THINGS_SEEDS=1000000 cargo test --release -p things-tests --test simulation`).
";

/// The page of the share that CI runs: nothing on it depends on the machine.
pub(crate) fn of_ci(report: &Report) -> String {
    let mut page = format!("# The fault matrix\n\n{INTRODUCTION}\n");
    page += "![Cases that CI runs, by fault and client](pictures/faults.svg)\n\n";
    page += "| row | fault | promise | cases run | violations | again |\n|---|---|---|---|---|---|\n";
    for row in proven() {
        let cases = report.of(row.name).map(|(client, tally)| format!("{client}: {}", tally.count()));
        let cases: Vec<_> = cases.collect();
        let violated: u64 = report.of(row.name).map(|(_, tally)| tally.violated).sum();
        let Row { name, fault, promise, .. } = row;
        let cases = cases.join("<br>");
        let _ = writeln!(
            page,
            "| {name} | {fault} | {promise} | {cases} | {violated} | `cargo xtask faults {name}` |"
        );
    }
    page += "\n## Rows without cases\n\n| row | fault | why |\n|---|---|---|\n";
    for row in ROWS {
        let why = match row.proof {
            Proof::Open(why) => format!("not promised: {why}"),
            Proof::Elsewhere(why) => why.to_owned(),
            _ => continue,
        };
        let _ = writeln!(page, "| {} | {} | {why} |", row.name, row.fault);
    }
    format!("{page}\n{DOUBTS}")
}

/// The page of a whole run: what it came to, and on which machine.
pub(crate) fn of_whole(report: &Report, machine: &str, seed: &str) -> String {
    let mut page = format!(
        "# The whole fault matrix\n\nWhat the trials of `cargo xtask faults --whole` came to last: release builds, seed {seed}, {machine}; \
         what is counted in tests runs in debug builds. What the rows mean is in [faults.md](faults.md).\n\n| row | client | cases | violations | measured |\n|---|---|---|---|---|\n"
    );
    for row in proven() {
        for (client, tally) in report.of(row.name) {
            let (cases, violated) = (tally.count(), tally.violated);
            let measured = tally.measured.join("; ").replace('\n', " ");
            let _ = writeln!(page, "| {} | {client} | {cases} | {violated} | {measured} |", row.name);
        }
    }
    page
}

fn proven() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(|row| row.is_proven())
}
