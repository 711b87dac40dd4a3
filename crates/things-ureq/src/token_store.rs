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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use things_core::{Credentials, RawCall};
    use things_sim::{Route, Sim};

    use super::*;
    use crate::Client;

    /// A store in memory.
    #[derive(Default)]
    struct Memory(Mutex<Option<AccessToken>>);

    struct Place<'a>(&'a Memory);

    impl TokenStore for Memory {
        fn open(&self, _: Duration) -> Box<dyn TokenPlace + '_> {
            Box::new(Place(self))
        }

        fn reject(&self, token: &Secret) {
            self.0.lock().unwrap().take_if(|kept| kept.text == *token);
        }
    }

    impl TokenPlace for Place<'_> {
        fn token(&self) -> Option<AccessToken> {
            self.0.0.lock().unwrap().clone()
        }

        fn keep(&mut self, token: &AccessToken) {
            *self.0.0.lock().unwrap() = Some(token.clone());
        }
    }

    #[test]
    fn clients_with_one_store_request_one_token_until_it_is_rejected() {
        let sim = Sim::builder().start().unwrap();
        let key = sim.credentials();
        let credentials = Credentials::new(&*key.tenant_id, &*key.key_id, &*key.key_secret)
            .application_id(&*key.application_id);
        let store = Arc::new(Memory::default());
        let call = || {
            let builder = Client::builder(credentials.clone()).grip_base_url(sim.url()).base_url(sim.url());
            let client = builder.build().unwrap().with_token_store(store.clone());
            client.request(
                &RawCall::get("/api/devices")
                    .header("Accept", "application/vnd.kpnthings.device.v1.response+json"),
            )
        };
        call().unwrap();
        call().unwrap();
        assert_eq!(sim.calls(Route::Token), 1);
        sim.revoke_tokens();
        call().unwrap();
        call().unwrap();
        assert_eq!(sim.calls(Route::Token), 2);
        let fault = "token=status:401".parse().unwrap();
        sim.revoke_tokens();
        sim.add_fault(fault);
        call().unwrap_err();
        assert!(store.0.lock().unwrap().is_none(), "a rejected token is not kept");
    }
}
