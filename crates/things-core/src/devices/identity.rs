//! The identity of a device in 16 bytes, and sets of them. A listing remembers every device that it returned.
//!
//! Two texts have the same identity only if they are the same text. A proof of completeness links pages by the devices
//! that they share, so two devices with one identity could forge a link. This is why a 64-bit hash is not enough.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

/// The identity of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Identity {
    /// The bits of a UUID in its usual spelling: lower-case, with dashes.
    Uuid([u8; 16]),
    /// The first half of the SHA-256 of any other text. Another spelling of a UUID is another text: it is not
    /// documented that the service ignores case in ids, so only one spelling may stand for the bits.
    Digest([u8; 16]),
}

impl Identity {
    /// Returns the identity of the device with this `uuid`.
    pub(crate) fn of(uuid: &str) -> Self {
        if let Some(bits) = usual_uuid(uuid) {
            return Self::Uuid(bits);
        }
        let mut half = [0; 16];
        for (to, from) in half.iter_mut().zip(Sha256::digest(uuid)) {
            *to = from;
        }
        Self::Digest(half)
    }
}

/// Reads a UUID that is spelled as 8-4-4-4-12 lower-case digits. The digits of a UUID are random, so a branch on each of
/// them would be mispredicted: their validity is collected instead.
fn usual_uuid(text: &str) -> Option<[u8; 16]> {
    let text = text.as_bytes();
    if text.len() != 36 {
        return None;
    }
    let is_dash = |place: usize| matches!(place, 8 | 13 | 18 | 23);
    let mut digits =
        text.iter().enumerate().filter(|(place, _)| !is_dash(*place)).map(|(_, byte)| digit(*byte));
    let (mut bits, mut seen) = ([0; 16], 0);
    for pair in &mut bits {
        let (high, low) = (digits.next()?, digits.next()?);
        seen |= high | low;
        *pair = high << 4 | low;
    }
    let dashes = text.iter().enumerate().all(|(place, byte)| is_dash(place) == (*byte == b'-'));
    (dashes && seen < 16).then_some(bits)
}

/// The value of a lower-case hex digit, or 255.
fn digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        _ => u8::MAX,
    }
}

/// A set of identities. The two kinds are stored separately, so that each entry takes 16 bytes and the kinds cannot be
/// mistaken for each other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identities {
    uuids: HashSet<[u8; 16]>,
    digests: HashSet<[u8; 16]>,
}

impl Identities {
    /// Reserves room for this many devices, so that the set need not grow step by step. The number is a hint from the
    /// service, so room is reserved for 200,000 at most, which takes 4 MB.
    pub(crate) fn reserve(&mut self, devices: u64) {
        let devices = usize::try_from(devices.min(200_000)).unwrap_or(0);
        self.uuids.reserve(devices.saturating_sub(self.uuids.len()));
    }

    /// Adds an identity, and returns whether it is new.
    pub(crate) fn insert(&mut self, identity: Identity) -> bool {
        match identity {
            Identity::Uuid(bits) => self.uuids.insert(bits),
            Identity::Digest(half) => self.digests.insert(half),
        }
    }

    pub(crate) fn contains(&self, identity: Identity) -> bool {
        match identity {
            Identity::Uuid(bits) => self.uuids.contains(&bits),
            Identity::Digest(half) => self.digests.contains(&half),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.uuids.len() + self.digests.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UUID: &str = "d2723e99-1fe4-4d60-9b6d-8061f7414b24";

    #[test]
    fn a_uuid_in_its_usual_spelling_is_its_bits() {
        let bits = 0xd272_3e99_1fe4_4d60_9b6d_8061_f741_4b24_u128.to_be_bytes();
        assert_eq!(Identity::of(UUID), Identity::Uuid(bits));
    }

    #[test]
    fn any_other_text_is_half_a_digest() {
        // The SHA-256 of the empty text (FIPS 180-4 test vectors) begins with these bytes.
        let empty = 0xe3b0_c442_98fc_1c14_9afb_f4c8_996f_b924_u128.to_be_bytes();
        assert_eq!(Identity::of(""), Identity::Digest(empty));
        for other in
            ["xxxxxx", &UUID.to_uppercase(), &UUID.replace('-', ""), &UUID.replace("-1", "1-"), &UUID[1..]]
        {
            assert!(matches!(Identity::of(other), Identity::Digest(_)), "{other}");
        }
    }

    #[test]
    fn the_two_kinds_are_never_equal() {
        let bits = [7; 16];
        let mut set = Identities::default();
        assert!(set.insert(Identity::Uuid(bits)) && !set.contains(Identity::Digest(bits)));
        assert!(set.insert(Identity::Digest(bits)) && !set.insert(Identity::Uuid(bits)));
        assert_eq!(set.len(), 2);
    }

    proptest! {
        #[test]
        fn the_identity_is_equal_if_and_only_if_the_text_is(
            one in "[0-9a-fA-F]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-c-]{0,3}",
            other in "[0-9a-fA-F]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-c-]{0,3}",
        ) {
            prop_assert_eq!(Identity::of(&one) == Identity::of(&other), one == other);
            prop_assert_eq!(Identity::of(&one), Identity::of(&one.clone()));
            let lower = one.to_lowercase();
            prop_assert_eq!(Identity::of(&one) == Identity::of(&lower), one == lower);
        }
    }
}
