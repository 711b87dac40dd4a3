//! Access tokens that outlive a client.

use std::time::Duration;

use things_core::{AccessToken, Secret};

/// Keeps the access token of a client for others, for example in a file that processes share. See
/// [`Client::with_token_store`](crate::Client::with_token_store).
///
/// A store that cannot do its work does nothing: the client then requests a token itself.
pub trait TokenStore: Send + Sync {
    /// Waits until no other client is fetching a token for this store, but no longer than `within`.
    ///
    /// The client drops the place once its fetch has ended.
    fn open(&self, within: Duration) -> Box<dyn TokenPlace + '_>;

    /// Forgets a token that the service rejected, unless the store already holds another one.
    fn reject(&self, token: &Secret);
}

/// The place of a token, while no other client fetches one for it.
pub trait TokenPlace {
    /// Returns the token that is kept. It must not be one that the client had before, because the client needs a new one.
    fn token(&self) -> Option<AccessToken>;

    /// Keeps a token that the client fetched.
    fn keep(&mut self, token: &AccessToken);
}
