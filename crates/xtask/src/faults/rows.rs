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
        !matches!(self.proof, Proof::Open(_) | Proof::Elsewhere(_))
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
    /// Not at all, and why.
    Open(&'static str),
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
pub(crate) const ROWS: [Row; 33] = [
    row(
        "R1",
        "A downlink is processed; then the connection is dropped or stalls, the answer is 408, 500, 502, 503 without Retry-After or 504, or is cut short",
        "Sent once, never repeated; the error says `Unknown` and names the downlink",
        Proof::Trials,
    ),
    row(
        "R2",
        "A downlink is refused before it is processed: closed port, a name that has no address, TLS, a rejected token (302, 401), 429, 503 with Retry-After",
        "Never `Unknown`: `NotSent`, or repeated and accepted exactly once when the fault is over",
        Proof::Trials,
    ),
    row(
        "R3",
        "The process is killed in the middle of a bulk run",
        "",
        Proof::Open("there is no bulk run with a journal yet"),
    ),
    row(
        "R4",
        "The journal of a bulk run is torn, or its disk full",
        "",
        Proof::Open("there is no bulk run with a journal yet"),
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
        "One failure for all who wait, then a pause: at most 3 token requests, and none while it lasts",
        Proof::Trials,
    ),
    row(
        "R7",
        "A refresh fails or hangs while the old token lives",
        "Callers get no error and are not slowed by more than the time of a refresh; the next refresh is tried after a pause",
        Proof::Trials,
    ),
    row(
        "R8",
        "Tokens are revoked in mid-run",
        "At most one fetch and one repeat a call, no loop; no error unless tokens are rejected again within a second",
        Proof::Trials,
    ),
    row(
        "R9",
        "`expires_in` is absent, 0, negative, text, 1e12; the clock is set 24 h back or forth",
        "Calls succeed, with at most one token request a second",
        Proof::Trials,
    ),
    row(
        "R10",
        "A redirect (300 to 308) to another host, port, scheme or path, from either service",
        "Not followed: no connection there, not a byte",
        Proof::Trials,
    ),
    row(
        "R11",
        "Devices come, go and are renamed between the pages; equal names in another order each time; totals that lie; a sort refused or ignored; page sizes capped openly or silently",
        "`verified()`: no device twice, and none missing that was there throughout, or an error that says why this is not proven. Always proven at rest, if the service honours page sizes of up to 20, keeps the order it names and hides nothing. A plain listing reports each device that came twice, each total that moved, and how many fewer came than were counted",
        Proof::Trials,
    ),
    row(
        "R12",
        "The listing lies: never `last`, the same page again, another size, a wrong number, an empty page in the middle, a total that shrinks, no end",
        "Every device the pages admit to, or a typed error; a bounded number of requests",
        Proof::Trials,
    ),
    row(
        "R13",
        "Retry-After in seconds, as a date, as garbage, negative, in the past, 1e9",
        "No request earlier than asked; beyond 120 s or the deadline an error that carries it, at once",
        Proof::Trials,
    ),
    row(
        "R14",
        "503 for everything, and callers that keep calling",
        "The retry budget holds the load at 1.2 times the first attempts, and all is well with the first call after it",
        Proof::Trials,
    ),
    row(
        "R15",
        "Slow headers, a byte a second, a half-open socket, a stalled handshake, an IPv6 address that answers nothing",
        "The deadline holds within 100 ms; where a name has a second address, that is tried",
        Proof::Trials,
    ),
    row(
        "R16",
        "A compressed bomb of 300 MB, a body of 1 GB, a head of 10 MB, JSON nested 100,000 deep, 16 MiB of small numbers, small objects or one text in a field",
        "A typed error, or what it says if it fits; memory grows by 32 MiB at most, body included",
        Proof::Trials,
    ),
    row(
        "R17",
        "HTML with 200, JSON cut anywhere, byte order mark, bad UTF-8, duplicate keys, NaN, missing fields, wrong types, mutations",
        "A valid reading or a typed error with a short, redacted excerpt; no panic",
        Proof::Trials,
    ),
    row(
        "R18",
        "A certificate that is expired, of another host, self-signed, of an unknown authority; an authority of the user's own",
        "Refused before anything is sent; the own authority is accepted, from settings and from `SSL_CERT_FILE`",
        Proof::Tests(&[transports("tls::")]),
    ),
    row(
        "R19",
        "HTTP and HTTPS proxies, 407, `NO_PROXY`, a proxy that drops CONNECT",
        "The same with both transports; the password goes to the proxy alone and is never shown",
        Proof::Tests(&[transports("proxy::")]),
    ),
    row(
        "R20",
        "The server closes an idle connection of the pool",
        "A read goes on unseen; a downlink is repeated only if nothing of it was written",
        Proof::Trials,
    ),
    row(
        "R21",
        "A process that forks after use, again and again, beside busy threads; spawn",
        "Works, or says why not; never hangs",
        Proof::Trials,
    ),
    row(
        "R22",
        "Ctrl-C in a call that blocks; an asyncio task is cancelled; the interpreter ends in mid-call",
        "Over within 250 ms, within 50 ms, and without a hang",
        Proof::Trials,
    ),
    row(
        "R23",
        "64 threads on one client",
        "No race: every call succeeds, tokens are fetched as one",
        Proof::Trials,
    ),
    row(
        "R24",
        "Pickles of clients, exceptions and models; Dask workers",
        "They come back the same, without a secret in the bytes",
        Proof::Trials,
    ),
    row(
        "R25",
        "A canary secret and a canary token, through every output there is",
        "In none of them, in any encoding, and in no memory that this library frees; but in what ureq itself logs of the wire at TRACE, as `SECURITY.md` says",
        Proof::Tests(&[
            Suite { clients: &["tool"], package: "kpn-things-cli", target: "cli", names: "secrets::" },
            Suite { clients: &["freed memory"], package: "things-memory", target: "secrets", names: "" },
        ]),
    ),
    row("R26", "An uplink is forged, altered or replayed", "", Proof::Open("uplinks are not received yet")),
    row(
        "R27",
        "Bad input: DevEUI, FPort, hex, sizes, NUL, Unicode digits, CR LF in a header, `..` in an id, and random ones",
        "Refused with what and why; no request",
        Proof::Trials,
    ),
    row(
        "R28",
        "Load with faults, and clients made and dropped",
        "No hang, no downlink twice; memory grows by less than 4 MiB after the warm-up, descriptors not at all",
        Proof::Soak,
    ),
    row(
        "R29",
        "What a call costs over the bare HTTP library",
        "",
        Proof::Elsewhere("a speed, and so a ratio that no test asserts: `cargo xtask bench S1` and `S15`"),
    ),
    row(
        "R30",
        "A deadline of 1 to 100 ms on every public call, at every stage of it",
        "It holds within 100 ms",
        Proof::Trials,
    ),
    row(
        "R31",
        "The supply chain",
        "",
        Proof::Elsewhere(
            "`cargo xtask guard` checks licences, sources and bans with cargo-deny; the wheel carries its SBOM; advisories need a database from the network, so they are no part of a test",
        ),
    ),
    row(
        "R36",
        "The identity service hangs or fails; callers have less time than one attempt, a token still lives, or nobody drives the leader",
        "At most 3 token requests per pause of 1 s, at any timeout; a refresh delays one call by 3 s at most; no call is refused because of a refresh; a leader that nobody drives is replaced",
        Proof::Trials,
    ),
    row(
        "R37",
        "A limit of one request per second and 8 pages in flight; a 429 or 503 with Retry-After in front of other calls; a client with few calls after an outage",
        "The session holds back as a whole, with no request too early; the listing finishes; retries come back with time",
        Proof::Trials,
    ),
];
