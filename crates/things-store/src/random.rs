//! Randomness of the system.

use things_core::LedgerError;

/// Returns 128 random bits.
pub(crate) fn random() -> Result<u128, LedgerError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| LedgerError::new(format!("the system has no random numbers: {error}")))?;
    Ok(u128::from_ne_bytes(bytes))
}
