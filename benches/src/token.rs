//! S28: the check of the token of a message, next to the same by hand.

use std::hint::black_box;

use sha2::{Digest, Sha256};
use things_uplink::{Secret, Secrets, Verifier};

use crate::report::{Report, median, time};

const ROUNDS: usize = 401;

/// Checks per round.
const CHECKS: usize = 1_000;

const SECRET: &str = "0123456789abcdefghijABCDEFGHIJ";

pub(crate) fn measure(report: &mut Report) {
    let body = vec![b'x'; 837];
    let token = things_uplink::sign(SECRET, &body);
    let verifier = Verifier::new(Secrets::one(Secret::new(SECRET).unwrap()));
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let (theirs, right) = time(|| {
            (0..CHECKS).filter(|_| is_right_by_hand(black_box(token.as_bytes()), black_box(&body))).count()
        });
        assert_eq!(right, CHECKS);
        let (ours, right) = time(|| {
            let is_right = |token, body| verifier.verify([token], [], body).is_ok();
            (0..CHECKS).filter(|_| is_right(black_box(token.as_bytes()), black_box(&body))).count()
        });
        assert_eq!(right, CHECKS);
        ratios.push(ours.as_secs_f64() / theirs.as_secs_f64());
    }
    report.row("S28", "token of 837 bytes checked / sha2 and hex by hand", median(ratios), "", 1.10, "");
}

fn is_right_by_hand(token: &[u8], body: &[u8]) -> bool {
    let digest = Sha256::new().chain_update(body).chain_update(SECRET).finalize();
    hex::encode(digest).as_bytes() == token
}
