//! `uplink`: the token, the secret file and the body of a message of KPN Things. A message is accepted with the right token
//! alone, and whatever is accepted is read or refused.

use std::time::SystemTime;

use things_uplink::{Refusal, Secrets, Uplink, Verifier, sign};

const SECRET: &str = "0123456789abcdefghijABCDEFGHIJ";

/// Reads the bytes as the body of a message, and verifies it with tokens that are right, wrong and arbitrary.
pub fn verify(data: &[u8]) {
    let verifier = Verifier::new(Secrets::parse(["active=", SECRET].concat()).unwrap());
    let token = sign(SECRET, data);
    let verified = verifier.verify([token.as_bytes()], [], data).unwrap();
    assert_eq!(verified.label(), "active");
    let doubled = verifier.verify([token.as_bytes(), token.as_bytes()], [data], data);
    assert_eq!(doubled, Err(Refusal::Twice));
    // The bytes as a token, over a body that they are not the token of.
    let right = sign(SECRET, "[]");
    let accepted = verifier.verify([data], [data], b"[]").is_ok();
    assert_eq!(accepted, data == right.as_bytes());
    let mut longer = data.to_vec();
    longer.push(b' ');
    assert_eq!(verifier.verify([token.as_bytes()], [], &longer), Err(Refusal::Wrong));
}

/// Reads the bytes as a secret file. Neither an error nor `Debug` shows a secret.
pub fn secrets(data: &[u8]) {
    match Secrets::parse(data) {
        Ok(secrets) => {
            let labels: Vec<_> = secrets.labels().collect();
            assert!((1..=Secrets::MAX).contains(&labels.len()));
            let mut once = labels.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), labels.len());
            accepts_a_secret_of_the_file(data, &secrets);
        }
        Err(error) => {
            let shown = format!("{error} {error:?}");
            for line in String::from_utf8_lossy(data).lines().filter(|line| line.len() > 60) {
                assert!(!shown.contains(line), "the error shows a line");
            }
        }
    }
}

/// The last line that is no comment is a secret, with or without its label.
fn accepts_a_secret_of_the_file(data: &[u8], secrets: &Secrets) {
    let text = std::str::from_utf8(data).unwrap();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let line = lines.rfind(|line| !line.trim().is_empty() && !line.starts_with('#')).unwrap();
    let label = line.split_once('=').filter(|(label, _)| {
        let legal = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || "-_".contains(char);
        (1..=32).contains(&label.len()) && label.chars().all(legal)
    });
    let secret = label.map_or(line, |(_, secret)| secret);
    let verifier = Verifier::new(secrets.clone());
    assert!(verifier.verify([sign(secret, "[]").as_bytes()], [], b"[]").is_ok());
    if secret.len() > 60 {
        assert!(!format!("{secrets:?} {verifier:?}").contains(secret), "a secret is shown");
    }
}

/// Reads the bytes as a message, and looks at everything in it.
pub fn uplink(data: &[u8]) {
    let Ok(uplink) = Uplink::parse(data, SystemTime::UNIX_EPOCH) else { return };
    let all = uplink.measurements().len();
    assert!(uplink.others().count() <= all && uplink.leniencies().len() <= 2 * all);
    if let Some(lora) = uplink.lora() {
        if let Ok(payload) = lora.payload() {
            assert!(payload.len() * 2 <= data.len());
        }
        let _ = (lora.port(), lora.frame_counter_up(), lora.frame_counter_down(), lora.spreading_factor());
        for number in [lora.rssi(), lora.snr(), lora.esp()] {
            assert!(number.ok().flatten().is_none_or(f64::is_finite));
        }
        let _ = (lora.sub_band(), lora.time_origin(), lora.time());
        assert!(lora.metadata().count() <= all);
    }
    let _ = format!("{uplink:?} {:?} {:?}", uplink.device(), uplink.location());
}
