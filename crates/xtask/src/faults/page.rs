//! `docs/faults.md` and `docs/faults-whole.md`, as the matrix writes them.

use std::fmt::Write;

use super::report::Report;
use super::rows::{Proof, ROWS, Row};

const INTRODUCTION: &str = "\
This page lists the faults between a program and KPN Things, and the promise that this library makes for each. Every promise is
tested with the real clients, over real sockets, against a simulator of the service or a server that a test controls byte by byte.
**A violation is a case in which the promise was broken.** The table counts the cases that CI runs. CI fails if a case breaks its
promise, or if this page differs from what the command writes.

```sh
cargo xtask faults                # all rows, the cases that CI runs; writes this page
cargo xtask faults R1 R20         # some rows
cargo xtask faults --seed 7       # other cases: other faults, times, mutations
cargo xtask faults --whole        # all cases, in release builds; writes faults-whole.md
```

A failed case reports its seed, and `--seed` draws the same faults again. With concurrent calls, which call hits which fault depends
on scheduling. The whole matrix takes an hour or two on 2 cores; the last results are in [faults-whole.md](faults-whole.md).
[peers.md](peers.md) shows how other libraries behave under similar faults.
";

const DOUBTS: &str = "\
## What these numbers do not say

- The real service was never tested. Where its documentation is silent, the simulator is a guess, and the promise covers what the
  client does with any response.
- \"Never retried\" refers to this library. It cannot control a proxy that resends requests.
- A case is one call, or whatever else can keep or break the promise. Where the server refuses or closes at random (R2, R20, R28),
  most calls meet no fault.
- Rows with times (R15, R22, R30, R34) run on machines that have other work too. A late case is tried again, up to nine times, and
  counts as broken only if it is always late. The whole run reports the lateness of the last tries.
- Where `localhost` has only one address, R15 has no second address to try, and those cases are plain calls.
- `kill -9` does not show whether a claim is on the disk: the page cache outlives a process. That each request is preceded by an
  `fsync` since its claim is shown by a trace of its system calls (`cargo test -p things-tests --test order`), and so is each
  2xx of a receiver by an `fsync` since its message (`--test receiver_order`).
- R4 notices a write-ahead log that lost confirmed transactions by the `.lock` file next to the ledger. If that is lost too, or is older,
  such a log is not noticed. A power failure, and a disk that loses what it has confirmed, were not tested.
- R6 cannot count connections to a closed port. A port that closes the handshake (no TLS) represents it.
- R11 tests the proof of `verified()` under its assumptions, which `ARCHITECTURE.md` lists. The proof can be wrong if the service
  caps page sizes below 20 without saying so, hides a device from every page, returns an empty first page without a total although
  there are devices, or uses another order in which the ids happen to ascend. Over sockets the changes are random. On the virtual
  clock some are designed to lose a device. How often plain listings missed a device depends on these schedules, which have small
  fleets that change at most pages.
- R16 sends one response at a time. A listing has up to `window` pages in flight and as many waiting, each within the limit. An
  accepted response with a single text of 16 MiB takes up to four times that while it is read.
- R38 plays the real run and the real flow of each call, with a model of the ledger, of the drivers and of the service. How the
  stores keep the rules is tested in R3 and R4, and by the tests of `things-store`. The limit per device counts claims, and a
  request leaves up to 15 s and the time limit of a downlink after its claim. The rate counts downlinks that begin: those that wait
  for a token leave together.
- A server that sends endless 1xx responses at the speed of loopback can delay the deadline of the async clients by some tenths of a
  second, and in a debug build by seconds, because hyper reads on without a pause. R16 sends a bounded number of them.
- Rows with memory (R16) measure the peak of a separate process, after a warm-up.
- The seed is fixed in CI, so that only a change can make it fail. Other seeds run by hand, and by the simulation of the core
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
        let Proof::Elsewhere(why) = row.proof else { continue };
        let _ = writeln!(page, "| {} | {} | {why} |", row.name, row.fault);
    }
    format!("{page}\n{DOUBTS}")
}

/// The page of a whole run: what it came to, and on which machine.
pub(crate) fn of_whole(report: &Report, machine: &str, seed: &str) -> String {
    let mut page = format!(
        "# The whole fault matrix\n\nThe last results of `cargo xtask faults --whole`: release builds, seed {seed}, {machine}; \
         what is counted in tests runs in debug builds. [faults.md](faults.md) explains the rows.\n\n| row | client | cases | violations | measured |\n|---|---|---|---|---|\n"
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::root;

    /// The numbers need the trials. The sentences do not.
    #[test]
    fn the_page_has_the_sentences_of_this_file() {
        let page = fs::read_to_string(root().join("docs/faults.md")).expect("the page is there");
        assert!(page.contains(INTRODUCTION));
        assert!(page.ends_with(DOUBTS));
        for Row { name, fault, promise, .. } in ROWS {
            let begin = format!("| {name} | {fault} | {promise}");
            assert!(page.lines().any(|line| line.starts_with(begin.trim_end())), "{begin}");
        }
    }
}
