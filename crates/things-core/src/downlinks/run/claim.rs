//! The right to send one item of a run.

use std::fmt;

use super::BulkItem;

/// The token of a claim. Each claim has another one, also when the same process claims the same item again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClaimToken(pub u128);

/// An item that a ledger has claimed: the right to send it, once.
///
/// It cannot be copied. A [`Run`](super::Run) has no items of its own: it gets each one as a claim, from a transaction
/// that the ledger has confirmed. So there is nothing that it could send before its intent is durable.
pub struct Claim {
    id: u64,
    index: u64,
    token: ClaimToken,
    tries: u32,
    item: BulkItem,
}

impl Claim {
    /// Creates a claim. Only a ledger may do so, once it has made the claim durable.
    ///
    /// `id` is the ledger's own name of the item, `index` its place in the input, from 0. `tries` is how often the item
    /// was claimed in this run, this time included.
    pub fn new(id: u64, index: u64, token: ClaimToken, tries: u32, item: BulkItem) -> Self {
        Self { id, index, token, tries, item }
    }

    /// The ledger's own name of the item.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The place of the item in the input, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The token of the claim.
    pub fn token(&self) -> ClaimToken {
        self.token
    }

    /// How often the item was claimed in this run.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// The item.
    pub fn item(&self) -> &BulkItem {
        &self.item
    }

    pub(super) fn into_item(self) -> BulkItem {
        self.item
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("index", &self.index)
            .field("tries", &self.tries)
            .finish_non_exhaustive()
    }
}
