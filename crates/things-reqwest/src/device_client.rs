//! The client of a device that posts its own measurements.

use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use things_core::{Builder, DeviceSecret, Error, Post, Posted, RetryPolicy, Watch};

use crate::Client;

/// An async client of a device that posts its own measurements to KPN Things. Clones share connections and retry budget.
///
/// A device needs no API key: its secret signs each request.
#[derive(Debug, Clone)]
pub struct DeviceClient(Client);

impl DeviceClient {
    /// Returns a builder for the client of the device with this secret. It takes address, limits and other settings.
    ///
    /// The client reads no `KPN_THINGS_*` variable. It honours `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` unless the builder
    /// sets a [`proxy`](Builder::proxy) or [none](Builder::no_proxy).
    pub fn builder(secret: DeviceSecret) -> Builder<Self> {
        let make = |config| Client::new(config).map(Self);
        Builder::for_device(secret, make).machine(|name| env::var_os(name), |path| fs::read(path))
    }

    /// Posts a pack, at most once unless [`Post::retries`] allows more. The response may hold a downlink.
    ///
    /// # Errors
    ///
    /// Returns why the post failed. Its [`outcome`](Error::outcome) shows whether the post may have arrived.
    pub async fn post(&self, post: &Post) -> Result<Posted, Error> {
        self.0.call(post).await
    }

    /// Returns the same client, whose calls are observed by `watch`.
    #[must_use]
    pub fn with_watch(&self, watch: Arc<dyn Watch>) -> Self {
        Self(self.0.with_watch(watch))
    }

    /// Returns the same client with another time limit for a whole call.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self(self.0.with_timeout(timeout))
    }

    /// Returns the same client with another retry policy.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`Config`](crate::ErrorKind::Config) if the policy allows no attempt.
    pub fn with_retry(&self, policy: RetryPolicy) -> Result<Self, Error> {
        Ok(Self(self.0.with_retry(policy)?))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use things_core::senml::Pack;

    use super::*;

    const JSON: &str =
        r#"[{"bn":"urn:dev:DVNUUID:a8b5f7a0-2a4d-4f5e-8a52-000000000001:","n":"t","v":1.50,"u":"Cel"}]"#;
    const SECRET: &str = "0123456789abcdefghijABCDEFGHIJ";

    /// Posts once to a server with this response. Returns the result and the request that the server read.
    async fn posted(response: &'static [u8]) -> (Result<Posted, Error>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(JSON.as_bytes()) {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            stream.write_all(response).unwrap();
            String::from_utf8(request).unwrap()
        });
        let secret = DeviceSecret::new(SECRET).unwrap();
        let client = DeviceClient::builder(secret).base_url(format!("http://{address}")).build().unwrap();
        assert!(!format!("{client:?}").contains(SECRET));
        let post = Post::new(&Pack::from_json(JSON).unwrap()).unwrap();
        (client.post(&post).await, server.join().unwrap())
    }

    #[tokio::test]
    async fn a_device_posts_a_signed_pack_and_reads_the_downlink() {
        let response = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n\x00\xff";
        let (posted, request) = posted(response).await;
        assert_eq!(posted.unwrap().downlink.as_deref(), Some(&[0, 0xff][..]));
        let request = request.to_lowercase();
        assert!(request.starts_with("post /ingestion/ip/senml/v1 http/1.1"), "{request}");
        // The SHA-256 of the body followed by the secret, by sha256sum.
        assert!(
            request.contains(
                "things-message-token: 96ea9abe92a1ec28ed3ac15b520e8945b3af39033e218c6f31d357a3138fa498\r\n"
            ),
            "{request}"
        );
        assert!(!request.contains("authorization"), "{request}");
    }

    #[tokio::test]
    async fn a_redirect_of_a_post_is_not_followed() {
        let response = b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let (posted, _) = posted(response).await;
        let error = posted.unwrap_err();
        assert_eq!((error.status().map(|status| status.as_u16()), error.attempts()), (Some(307), 1));
    }
}
