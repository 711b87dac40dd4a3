//! No changed message is accepted.
//!
//! ```text
//! cargo test -p things-uplink --test mutations                                   200,000 changed messages
//! cargo test --release -p things-uplink --test mutations -- --ignored mutated    10,000,000 of them
//! cargo test --release -p things-uplink --test mutations -- --ignored --nocapture timing
//! ```

// A test may look at a clock and use threads, which the crate must not.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::indexing_slicing)]

use std::hint::black_box;
use std::time::Instant;

use things_uplink::{Refusal, Secrets, Verifier, sign};

const BODY: &str = r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1.76573996026E9},{"n":"payload","vs":"0102"},{"n":"port","v":1.0}]"#;
const SECRETS: [&str; 3] = ["MYKEY2", "MYKEY1", "0123456789abcdefghijABCDEFGHIJ"];

fn verifier() -> Verifier {
    Verifier::new(Secrets::parse(SECRETS.join("\n")).unwrap())
}

/// Changes messages at random, and returns how many of them were accepted.
fn accepted(messages: u64, seed: u64) -> u64 {
    let verifier = verifier();
    let mut random = fastrand::Rng::with_seed(seed);
    let originals = SECRETS.map(|secret| sign(secret, BODY));
    for token in &originals {
        assert!(verifier.verify([token.as_bytes()], [], BODY.as_bytes()).is_ok());
    }
    let mut accepted = 0;
    for _ in 0..messages {
        let token = &originals[random.usize(..originals.len())];
        let (tokens, body) = changed(token, &mut random);
        let tokens = tokens.iter().map(Vec::as_slice);
        accepted += u64::from(verifier.verify(tokens, [], &body).is_ok());
    }
    accepted
}

/// One message that differs from the original in its tokens or in its body.
fn changed(token: &str, random: &mut fastrand::Rng) -> (Vec<Vec<u8>>, Vec<u8>) {
    let (mut token, mut body) = (token.as_bytes().to_vec(), BODY.as_bytes().to_vec());
    let original = (token.clone(), body.clone());
    loop {
        match random.u8(..14) {
            0 => change(&mut body, random),
            1 => change(&mut token, random),
            2 => {
                let digit = random.usize(..token.len().max(1)).min(token.len().saturating_sub(1));
                if let Some(byte) = token.get_mut(digit) {
                    *byte = random.choice(*b"0123456789abcdef").unwrap();
                }
            }
            3 => token.truncate(random.usize(..=token.len())),
            4 => body.truncate(random.usize(..=body.len())),
            5 => token.make_ascii_uppercase(),
            6 => token.insert(random.usize(..=token.len()), random.choice(*b" \t\r\n\0,0f").unwrap()),
            7 => body.insert(random.usize(..=body.len()), random.choice(*b" \t\r\n\0,0").unwrap()),
            8 => {
                drop(body.drain(..random.usize(..=body.len())));
            }
            9 => token = sign(["MYKEY", "MYKEY3", "", "mykey2"][random.usize(..4)], &body).into_bytes(),
            10 => {
                body = String::from_utf8_lossy(&body).replace("1.76573996026E9", "1765739960.26").into_bytes()
            }
            11 => body = String::from_utf8_lossy(&body).replace("1.0", "1").into_bytes(),
            12 => return (vec![token.clone(), token], body),
            _ => return (Vec::new(), body),
        }
        if (&token, &body) != (&original.0, &original.1) && random.u8(..3) > 0 {
            return (vec![token], body);
        }
    }
}

/// Flips one bit.
fn change(bytes: &mut [u8], random: &mut fastrand::Rng) {
    if !bytes.is_empty() {
        let index = random.usize(..bytes.len());
        bytes[index] ^= 1 << random.u8(..8);
    }
}

#[test]
fn none_of_200_000_mutated_messages_is_accepted() {
    assert_eq!(accepted(200_000, 1), 0);
}

#[test]
#[ignore = "takes about a minute with --release"]
fn none_of_10_000_000_mutated_messages_is_accepted() {
    let halves = [2, 3].map(|seed| std::thread::spawn(move || accepted(5_000_000, seed)));
    assert_eq!(halves.map(|half| half.join().unwrap()), [0, 0]);
}

/// Welch's t between tokens that are wrong in their first digit, and tokens that are wrong later. An early exit of the
/// comparison would show as a large value. 4.5 is the usual threshold of such tests.
#[test]
#[ignore = "a measurement, for a quiet machine"]
fn timing_does_not_depend_on_the_position_of_the_first_wrong_digit() {
    const ROUNDS: usize = 200_000;
    const THRESHOLD: f64 = 4.5;
    let verifier = verifier();
    let right = sign(SECRETS[0], "[]");
    let wrong_at = |index: usize| {
        let mut token = right.clone().into_bytes();
        // A letter becomes a digit, and a digit a letter: reading them must take the same time as well.
        token[index] = if token[index].is_ascii_digit() { b'c' } else { b'3' };
        token
    };
    let tokens = [0, 1, 16, 32, 62, 63].map(wrong_at);
    let mut times = tokens.each_ref().map(|_| Vec::with_capacity(ROUNDS));
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..ROUNDS * tokens.len() {
        let index = random.usize(..tokens.len());
        let token = black_box(tokens[index].as_slice());
        let start = Instant::now();
        let result = black_box(verifier.verify([token], [], black_box(b"[]")));
        let took = start.elapsed().as_nanos() as f64;
        assert_eq!(result, Err(Refusal::Wrong));
        times[index].push(took);
    }
    // Interruptions of the machine are no property of the code, so the slowest tenth is left out.
    let times = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times.truncate(times.len() * 9 / 10);
        times
    });
    for (index, others) in times.iter().enumerate().skip(1) {
        let t = welch(&times[0], others);
        println!("t = {t:.2} between tokens wrong at the first and at the {index}. of the later places");
        assert!(t.abs() < THRESHOLD, "t = {t}");
    }
}

/// Welch's t of two samples.
fn welch(one: &[f64], other: &[f64]) -> f64 {
    let moments = |sample: &[f64]| {
        let count = sample.len() as f64;
        let mean = sample.iter().sum::<f64>() / count;
        let variance = sample.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    };
    let ((one, one_error), (other, other_error)) = (moments(one), moments(other));
    (one - other) / (one_error + other_error).sqrt()
}
