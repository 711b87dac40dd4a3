//! The rows of the matrix: which fault, and what is promised.

/// One row. Its tests are named after it: `r1_...` in Rust, `test_r1_...` in Python.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) fault: &'static str,
    pub(crate) promise: &'static str,
    pub(crate) proof: Proof,
}

impl Row {
    /// Whether there are cases of it.
    pub(crate) fn is_proven(&self) -> bool {
        !matches!(self.proof, Proof::Elsewhere(_))
    }
}

/// Where a row is proven.
pub(crate) enum Proof {
    /// By trials with the real clients, which report what they did.
    Trials,
    /// By trials, if there are any, and by tests that stand elsewhere.
    Tests(&'static [Suite]),
    /// By a load that runs beside the trials.
    Soak,
    /// By another command, and why not here.
    Elsewhere(&'static str),
}

/// Tests that prove a row, of several cases each.
pub(crate) struct Suite {
    pub(crate) clients: &'static [&'static str],
    pub(crate) package: &'static str,
    pub(crate) target: &'static str,
    /// What their names begin with.
    pub(crate) names: &'static str,
}

/// Tests of a module of the network layer, which both transports have to pass alike.
const fn transports(module: &'static str) -> Suite {
    Suite { clients: &["reqwest", "ureq"], package: "things-tests", target: "transports", names: module }
}

const fn row(name: &'static str, fault: &'static str, promise: &'static str, proof: Proof) -> Row {
    Row { name, fault, promise, proof }
}

/// In the order of the page.
pub(crate) const ROWS: [Row; 38] = [
    row(
        "R1",
        "The service processes a downlink. Then the connection drops or stalls, or the response is 408, 500, 502, 503 without Retry-After or 504, or is truncated",
        "The downlink is sent once and never retried. The outcome is `Unknown`, and the error names the downlink",
        Proof::Trials,
    ),
    row(
        "R2",
        "A downlink is refused before the service processes it: closed port, a name without an address, TLS failure, a rejected token (302, 401), 429, 503 with Retry-After",
        "The outcome is never `Unknown`. It is `NotSent`, or the downlink is retried and accepted exactly once when the fault is over",
        Proof::Trials,
    ),
    row(
        "R3",
        "The process of a bulk run is killed (`kill -9`) at any moment",
        "The next run continues the job. No downlink is sent twice and none is lost. At most `window` downlinks are `Unknown` per kill, plus `spare` if that is set",
        Proof::Trials,
    ),
    row(
        "R4",
        "The ledger of a bulk run is torn, full, read-only, of another version, program or account, or held by another run",
        "Nothing is sent without a claim that is on the disk. The run is refused before it sends anything, or ends with an error and can be continued: no downlink is sent twice and none is lost",
        Proof::Trials,
    ),
    row(
        "R5",
        "64 threads or 1,000 tasks find no token, an expired one, or a revoked one",
        "One token request",
        Proof::Trials,
    ),
    row(
        "R6",
        "The identity service is down: closed port, no TLS, 500, drop, stall; 64 threads or 1,000 tasks call",
        "All waiting callers share one failure, and a pause follows: at most 3 token requests, and none during the pause",
        Proof::Trials,
    ),
    row(
        "R7",
        "A refresh fails or hangs while the old token lives",
        "Callers get no error, and are delayed by one refresh at most. The next refresh is tried after a pause",
        Proof::Trials,
    ),
    row(
        "R8",
        "Tokens are revoked during a run",
        "At most one fetch and one retry per call, without a loop. No error, unless tokens are rejected again within a second",
        Proof::Trials,
    ),
    row(
        "R9",
        "`expires_in` is absent, 0, negative, text, 1e12; the clock is set back or forward by 24 h",
        "Calls succeed, with at most one token request per second",
        Proof::Trials,
    ),
    row(
        "R10",
        "A redirect (300 to 308) to another host, port, scheme or path, from either service",
        "The redirect is not followed: no connection is made, and no byte is sent there",
        Proof::Trials,
    ),
    row(
        "R11",
        "Devices are added, removed and renamed between pages; equal names are in another order each time; totals are wrong; a sort order is refused or ignored; page sizes are capped openly or silently",
        "`verified()` lists no device twice, and misses none that was there throughout, or raises an error that says why this is not proven. A fleet that does not change is always proven, if the service honours page sizes of up to 20, keeps the order it names and hides nothing. A plain listing reports each device that was listed twice, each total that changed, and how many devices fewer than the total were listed",
        Proof::Trials,
    ),
    row(
        "R12",
        "The pages are wrong: never `last`, the same page again, another size, a wrong number, an empty page in the middle, a total that shrinks, no end",
        "Every device on the pages is listed, or a typed error is raised, with a bounded number of requests",
        Proof::Trials,
    ),
    row(
        "R13",
        "Retry-After in seconds, as a date, as garbage, negative, in the past, 1e9",
        "No request is sent earlier than requested. If the wait exceeds 120 s or the deadline, an error with the wait is raised immediately",
        Proof::Trials,
    ),
    row(
        "R14",
        "503 for everything, and callers that keep calling",
        "The retry budget limits the load to 1.2 times the first attempts. The first call after the outage succeeds",
        Proof::Trials,
    ),
    row(
        "R15",
        "Slow headers, one byte per second, a half-open socket, a stalled handshake, an IPv6 address that never responds",
        "The deadline is kept within 100 ms. If a name has a second address, it is tried",
        Proof::Trials,
    ),
    row(
        "R16",
        "A compressed bomb of 300 MB, a body of 1 GB, a head of 10 MB, JSON nested 100,000 deep, 16 MiB of small numbers, of small objects, or of one text in a field",
        "A typed error, or the content if it is within the limit. Memory grows by 32 MiB at most, including the body",
        Proof::Trials,
    ),
    row(
        "R17",
        "HTML with 200, JSON truncated anywhere, byte order mark, bad UTF-8, duplicate keys, NaN, missing fields, wrong types, mutations",
        "A valid result, or a typed error with a short, redacted excerpt. No panic",
        Proof::Trials,
    ),
    row(
        "R18",
        "A certificate that is expired, for another host, self-signed, or of an unknown authority; a custom authority",
        "Refused before anything is sent. The custom authority is accepted, from settings and from `SSL_CERT_FILE`",
        Proof::Tests(&[transports("tls::")]),
    ),
    row(
        "R19",
        "HTTP and HTTPS proxies, 407, `NO_PROXY`, a proxy that drops CONNECT",
        "Both transports behave alike. The password is sent only to the proxy and is never shown",
        Proof::Tests(&[transports("proxy::")]),
    ),
    row(
        "R20",
        "The server closes an idle connection of the pool",
        "A read is retried unnoticed. A downlink is retried only if nothing of it was written",
        Proof::Trials,
    ),
    row(
        "R21",
        "A process forks after use, repeatedly, while other threads are busy; spawn",
        "Calls work, or an error says why not. Nothing hangs",
        Proof::Trials,
    ),
    row(
        "R22",
        "Ctrl-C during a blocking call; an asyncio task is cancelled; the interpreter exits during a call",
        "The call ends within 250 ms, within 50 ms, and without a hang",
        Proof::Trials,
    ),
    row(
        "R23",
        "64 threads on one client",
        "No race: every call succeeds, and all calls share one token request",
        Proof::Trials,
    ),
    row(
        "R24",
        "Pickles of clients, exceptions and models; Dask workers",
        "They are restored unchanged, and the bytes contain no secret",
        Proof::Trials,
    ),
    row(
        "R25",
        "A canary secret and a canary token, searched for in every output",
        "They are in no output in any encoding, and in no memory that this library frees. The exception is ureq's own log of the wire at TRACE, as `SECURITY.md` says",
        Proof::Tests(&[
            Suite { clients: &["tool"], package: "kpn-things-cli", target: "cli", names: "secrets::" },
            Suite { clients: &["freed memory"], package: "things-memory", target: "secrets", names: "" },
        ]),
    ),
    row(
        "R26",
        "An uplink is forged, signed with another secret, re-serialised, altered, has a cut or doubled token, or is sent again",
        "Only the exact bytes are accepted, each malformed token is refused for its own reason, and a message that is sent again is noticed",
        Proof::Trials,
    ),
    row(
        "R27",
        "Bad input: DevEUI, FPort, hex, sizes, NUL, Unicode digits, CR LF in a header, `..` in an id, and random input",
        "Refused with an error that says what is wrong and why. No request is sent",
        Proof::Trials,
    ),
    row(
        "R28",
        "Load with faults, while clients are created and dropped",
        "No hang, and no downlink is sent twice. After the warm-up, memory grows by less than 4 MiB, and the number of descriptors does not grow",
        Proof::Soak,
    ),
    row(
        "R29",
        "The cost of a call compared with the bare HTTP library",
        "",
        Proof::Elsewhere(
            "a speed, measured as a ratio and not asserted by a test: `cargo xtask bench S1` and `S15`",
        ),
    ),
    row(
        "R30",
        "A deadline of 1 to 100 ms on every public call, at each of its stages",
        "The deadline is kept within 100 ms",
        Proof::Trials,
    ),
    row(
        "R31",
        "The supply chain",
        "",
        Proof::Elsewhere(
            "`cargo xtask guard` checks licences, sources and bans with cargo-deny, and the wheel contains its SBOM. Advisories need a database from the network, so no test checks them",
        ),
    ),
    row(
        "R32",
        "The process of a receiver is killed (`kill -9`) under load, again and again, on SQLite and on PostgreSQL",
        "Each message that got a 2xx is in the inbox, and each message is there once",
        Proof::Trials,
    ),
    row(
        "R33",
        "The disk of a receiver is full, or its database crashes and restarts",
        "Messages get a 503 meanwhile, and are accepted afterwards. No message that got a 2xx is lost",
        Proof::Trials,
    ),
    row(
        "R34",
        "Thousands of clients that send nothing, headers byte by byte, bodies without end, or a part of a large body",
        "The memory of the receiver grows by 64 MiB at most. Other clients are served: the 99th percentile of their times is at most three times as long",
        Proof::Trials,
    ),
    row(
        "R35",
        "KPN's retries, and duplicates that arrive at the same time; two receivers on one database",
        "Each post gets a 2xx, and each message is stored once",
        Proof::Trials,
    ),
    row(
        "R36",
        "The identity service hangs or fails while callers have less time than one attempt, an old token is still valid, or the leading call is abandoned",
        "At most 3 token requests per pause of 1 s, at any timeout. A refresh delays one call by 3 s at most. No call fails because of a refresh. An abandoned leader is replaced",
        Proof::Trials,
    ),
    row(
        "R37",
        "A limit of one request per second and 8 pages in flight; a 429 or 503 with Retry-After in front of other calls; a client with few calls after an outage",
        "The whole session waits, and no request is sent too early. The listing finishes. Retries become available again over time",
        Proof::Trials,
    ),
    row(
        "R38",
        "Worlds of bulk runs of one to three workers on one ledger: a worker is killed, dropped, stopped or paused for longer than its lease at any of its steps; transactions are lost before or after they took effect; clocks are set or stand still; the clock of the database changes in a failover; the service drops, stalls, refuses and answers late. Real processes of four workers on PostgreSQL: some are paused for longer than their lease, or the server crashes and recovers",
        "No downlink is sent twice unless a person put it back, none is sent without a claim that the ledger keeps, and none is lost. Outcomes are true, a kill leaves at most `window` and `spare` downlinks `Unknown`, limits and `not_after` are kept, and every run ends. Worlds without one of the seven rules of the ledger are noticed",
        Proof::Trials,
    ),
];
