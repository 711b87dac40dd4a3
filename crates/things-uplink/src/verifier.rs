//! Verifies that KPN Things sent a message.

use std::fmt;

use subtle::{ConditionallySelectable, ConstantTimeEq};

use crate::refusal::Refusal;
use crate::secrets::Secrets;
use crate::token::{self, Body};

/// Verifies that KPN Things sent a message: its token is SHA-256 over the body as it was received, and a shared secret.
///
/// All secrets are tried, and the digest of each is compared with the token in constant time (`subtle`). So the time shows
/// neither which secret matched, nor where a token differs from a digest. The hex digits of a token are read in constant time
/// as well.
///
/// ```
/// use things_uplink::{Secrets, Verifier};
///
/// let verifier = Verifier::new(Secrets::parse("active=MYKEY2\nretiring=MYKEY1")?);
/// let body = br#"[{"bn":"device-name","n":"humidity","vd":"aG9paG9pAA"}]"#;
/// let token = "4d53c667486bb4679922b901dd733a936a07983f73275941abfb3068a0ba8748";
/// let verified = verifier.verify([token.as_bytes()], [], body)?;
/// assert_eq!(verified.label(), "active");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Verifier {
    secrets: Secrets,
    plugs: Vec<(String, Secrets)>,
    limit: usize,
}

impl Verifier {
    /// Most bytes of a body, unless it is set: 1 MiB.
    pub const BODY_LIMIT: usize = 1024 * 1024;

    /// Creates a verifier with these secrets for all destinations.
    pub fn new(secrets: Secrets) -> Self {
        Self { secrets, plugs: Vec::new(), limit: Self::BODY_LIMIT }
    }

    /// Sets other secrets for the destination with this UUID, as the header [`PLUG_HEADER`](crate::PLUG_HEADER) has it.
    /// Upper and lower case are the same.
    ///
    /// A message of this destination is then accepted with these secrets alone. The header is not signed: it chooses
    /// secrets, and proves nothing.
    pub fn for_plug(mut self, uuid: impl Into<String>, secrets: Secrets) -> Self {
        let uuid = uuid.into();
        self.plugs.retain(|(known, _)| !known.eq_ignore_ascii_case(&uuid));
        self.plugs.push((uuid, secrets));
        self
    }

    /// Sets most bytes of a body. The default is 1 MiB.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Most bytes of a body.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Verifies a message.
    ///
    /// `tokens` are all values of the header [`TOKEN_HEADER`](crate::TOKEN_HEADER), `plugs` are all values of the header
    /// [`PLUG_HEADER`](crate::PLUG_HEADER), and `body` is the body byte for byte as it was received. JSON that was parsed and
    /// written again does not match: KPN writes numbers as `1.76573996026E9` and `1.0`.
    ///
    /// # Errors
    ///
    /// Returns a [`Refusal`] with the status code of the response.
    pub fn verify<'h>(
        &self,
        tokens: impl IntoIterator<Item = &'h [u8]>,
        plugs: impl IntoIterator<Item = &'h [u8]>,
        body: &[u8],
    ) -> Result<Verified<'_>, Refusal> {
        let token = token::token(tokens)?;
        if body.len() > self.limit {
            return Err(Refusal::TooLarge { limit: self.limit });
        }
        let secrets = self.secrets(plugs);
        let body = Body::new(body);
        // The index is chosen without a branch on what matched, and no secret is left out.
        let mut chosen = NONE;
        for (index, secret) in (0..NONE).zip(secrets) {
            let matches = body.digest(secret.secret.expose()).ct_eq(&token);
            chosen.conditional_assign(&index, matches);
        }
        let secret = (0..NONE).zip(secrets).find(|(index, _)| *index == chosen);
        match secret {
            Some((_, secret)) => Ok(Verified { label: secret.label.as_str(), token_digest: token }),
            None => Err(Refusal::Wrong),
        }
    }

    /// The secrets of the first plug that has its own.
    fn secrets<'h>(&self, plugs: impl IntoIterator<Item = &'h [u8]>) -> &Secrets {
        let of = |uuid: &[u8]| {
            self.plugs.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(uuid.trim_ascii()))
        };
        plugs.into_iter().find_map(of).map_or(&self.secrets, |(_, secrets)| secrets)
    }
}

/// The index of no secret.
const NONE: u32 = u32::MAX;

/// A message that KPN Things sent, as its token proves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Verified<'v> {
    label: &'v str,
    token_digest: [u8; 32],
}

impl<'v> Verified<'v> {
    /// The label of the secret that matched. It shows whether a retiring secret is still in use.
    pub fn label(&self) -> &'v str {
        self.label
    }

    /// SHA-256 of the body and the secret, which is the token as bytes. A message that is sent again has the same one, so it
    /// is the key of a [`ReplayStore`](crate::ReplayStore).
    pub fn token_digest(&self) -> [u8; 32] {
        self.token_digest
    }
}

/// Shows the label, not the digest, because the digest is the token.
impl fmt::Debug for Verified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").field("label", &self.label).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::sign;

    const BODY: &str = r#"[{"bn":"device-name","n":"humidity","vd":"aG9paG9pAA"}]"#;
    const TOKEN: &str = "4d53c667486bb4679922b901dd733a936a07983f73275941abfb3068a0ba8748";

    fn verifier(file: &str) -> Verifier {
        Verifier::new(Secrets::parse(file).unwrap())
    }

    fn verify(verifier: &Verifier, token: &str, body: &[u8]) -> Result<String, Refusal> {
        verifier.verify([token.as_bytes()], [], body).map(|verified| verified.label().to_owned())
    }

    #[test]
    fn the_published_vector_is_accepted() {
        let verifier = verifier("active=MYKEY2\nretiring=MYKEY1");
        let verified = verifier.verify([TOKEN.as_bytes()], [], BODY.as_bytes()).unwrap();
        assert_eq!((verified.label(), ::hex::encode(verified.token_digest()).as_str()), ("active", TOKEN));
        assert_eq!(format!("{verified:?} {verifier:?}").matches(&TOKEN[..8]).count(), 0);
        assert!(!format!("{verifier:?}").contains("MYKEY"));
    }

    #[test]
    fn the_label_is_that_of_the_secret_that_matched() {
        let verifier = verifier("active=MYKEY2\nretiring=MYKEY1\nMYKEY0");
        for (secret, label) in [("MYKEY2", "active"), ("MYKEY1", "retiring"), ("MYKEY0", "secret-1")] {
            assert_eq!(verify(&verifier, &sign(secret, BODY), BODY.as_bytes()), Ok(label.into()));
        }
        assert_eq!(verify(&verifier, &sign("MYKEY3", BODY), BODY.as_bytes()), Err(Refusal::Wrong));
    }

    #[test]
    fn no_changed_bit_of_the_body_is_accepted() {
        let verifier = verifier("MYKEY2");
        for index in 0..BODY.len() {
            for bit in 0..8 {
                let mut body = BODY.as_bytes().to_vec();
                body[index] ^= 1 << bit;
                assert_eq!(verify(&verifier, TOKEN, &body), Err(Refusal::Wrong), "byte {index}, bit {bit}");
            }
        }
    }

    #[test]
    fn no_body_with_a_byte_less_or_more_is_accepted() {
        let verifier = verifier("MYKEY2");
        for length in 0..BODY.len() {
            assert_eq!(verify(&verifier, TOKEN, &BODY.as_bytes()[..length]), Err(Refusal::Wrong));
            assert_eq!(verify(&verifier, TOKEN, &BODY.as_bytes()[length + 1..]), Err(Refusal::Wrong));
        }
        for changed in [format!("{BODY}\n"), format!(" {BODY}"), format!("\u{feff}{BODY}"), BODY.repeat(2)] {
            assert_eq!(verify(&verifier, TOKEN, changed.as_bytes()), Err(Refusal::Wrong), "{changed}");
        }
    }

    #[test]
    fn no_changed_digit_of_the_token_is_accepted() {
        let verifier = verifier("MYKEY2");
        for index in 0..TOKEN.len() {
            for digit in "0123456789abcdef".chars().filter(|digit| !TOKEN[index..].starts_with(*digit)) {
                let mut token = TOKEN.to_owned();
                token.replace_range(index..=index, &digit.to_string());
                assert_eq!(
                    verify(&verifier, &token, BODY.as_bytes()),
                    Err(Refusal::Wrong),
                    "{index} {digit}"
                );
            }
        }
        for length in 0..TOKEN.len() {
            let refusal = Refusal::WrongLength(length);
            assert_eq!(verify(&verifier, &TOKEN[..length], BODY.as_bytes()), Err(refusal));
        }
    }

    #[test]
    fn re_serialised_json_is_refused() {
        let body = r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1.76573996026E9,"n":"port","v":1.0}]"#;
        let verifier = verifier("MYKEY2");
        let token = sign("MYKEY2", body);
        assert!(verify(&verifier, &token, body.as_bytes()).is_ok());
        let json: serde_json::Value = serde_json::from_str(body).unwrap();
        for written in [json.to_string(), serde_json::to_string_pretty(&json).unwrap()] {
            assert_eq!(verify(&verifier, &token, written.as_bytes()), Err(Refusal::Wrong));
        }
    }

    #[test]
    fn a_part_of_the_secret_in_the_body_is_refused() {
        // The digest is the same for "ab" + "c" and "a" + "bc". So a secret is tried as a whole.
        let verifier = verifier("MYKEY2");
        assert_eq!(sign("MYKEY2", "[]"), sign("KEY2", "[]MY"));
        assert_eq!(verify(&verifier, &sign("MYKEY2", "[]"), b"[]MY"), Err(Refusal::Wrong));
    }

    #[test]
    fn bytes_that_are_no_text_are_verified_like_all_others() {
        let body = b"\xff\xfe\0\x80";
        assert!(verify(&verifier("MYKEY2"), &sign("MYKEY2", body), body).is_ok());
    }

    #[test]
    fn a_plug_has_its_own_secrets_alone() {
        let uuid = "7E6C0000-1fe4-4d60-9b6d-8061f7414b24";
        let own = Secrets::parse("own=MYKEY9").unwrap();
        let verifier = verifier("MYKEY2").for_plug(uuid, Secrets::parse("x").unwrap()).for_plug(uuid, own);
        let of = |plugs: &[&str], secret: &str| {
            let token = sign(secret, BODY);
            let plugs = plugs.iter().map(|plug| plug.as_bytes());
            verifier
                .verify([token.as_bytes()], plugs, BODY.as_bytes())
                .map(|verified| verified.label().to_owned())
        };
        assert_eq!(of(&[&uuid.to_lowercase()], "MYKEY9"), Ok("own".into()));
        assert_eq!(of(&["other", uuid], "MYKEY9"), Ok("own".into()));
        assert_eq!(of(&[uuid], "MYKEY2"), Err(Refusal::Wrong));
        assert_eq!(of(&["other"], "MYKEY2"), Ok("secret-1".into()));
        assert_eq!(of(&[], "MYKEY9"), Err(Refusal::Wrong));
    }

    #[test]
    fn a_body_beyond_the_limit_is_too_large() {
        let verifier = verifier("MYKEY2").body_limit(BODY.len());
        assert!(verify(&verifier, TOKEN, BODY.as_bytes()).is_ok());
        let body = format!("{BODY} ");
        let refusal = Refusal::TooLarge { limit: BODY.len() };
        assert_eq!(verify(&verifier, &sign("MYKEY2", &body), body.as_bytes()), Err(refusal));
        assert_eq!(verifier.limit(), BODY.len());
        assert_eq!(self::verifier("a").limit(), 1_048_576);
    }
}
