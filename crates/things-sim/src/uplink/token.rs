//! `Things-Message-Token`: shows the receiver of a message that its sender knows the secret.

use sha2::{Digest, Sha256};

/// Returns the token of a message: the SHA-256 of its body followed by the secret, in lower-case hexadecimal.
///
/// Source: KPN's documentation of the HTTPS destination.
pub(crate) fn sign(secret: &str, body: &[u8]) -> String {
    hex::encode(Sha256::new().chain_update(body).chain_update(secret).finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_follows_the_published_example() {
        let body = br#"[{"bn":"device-name","n":"humidity","vd":"aG9paG9pAA"}]"#;
        assert_eq!(sign("MYKEY2", body), "4d53c667486bb4679922b901dd733a936a07983f73275941abfb3068a0ba8748");
    }
}
