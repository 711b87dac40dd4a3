//! The requests of a call, and what the client adds to an operation.

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request, Uri};

use super::Flow;
use crate::operation::Call;

pub(super) const X_CLIENT_ID: HeaderName = HeaderName::from_static("x-client-id");
const SECURITY_CONTEXT: HeaderName = HeaderName::from_static("kpn-things-security-context");
const MESSAGE_TOKEN: HeaderName = HeaderName::from_static(things_uplink::TOKEN_HEADER);
/// A server may compress if the request does not forbid it (RFC 9110, section 12.5.3).
const NOT_COMPRESSED: HeaderValue = HeaderValue::from_static("identity");

impl Flow {
    /// Builds the request for an access token.
    pub(super) fn token_request(&self) -> Request<Bytes> {
        let shared = self.shared();
        let mut request = Request::new(shared.token_body.clone());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = shared.config.token_url.clone();
        let json = HeaderValue::from_static("application/json");
        let headers = request.headers_mut();
        headers.insert(ACCEPT, json.clone());
        headers.insert(ACCEPT_ENCODING, NOT_COMPRESSED);
        headers.insert(CONTENT_TYPE, json);
        headers.insert(USER_AGENT, shared.config.user_agent.clone());
        request
    }

    /// Builds a request to the API, with the token and the security context.
    pub(super) fn api_request(&self, call: &Call, uri: &Uri) -> Request<Bytes> {
        let mut request = Request::new(call.body.clone());
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        *headers = call.headers.clone();
        headers.insert(ACCEPT_ENCODING, NOT_COMPRESSED);
        headers.insert(USER_AGENT, self.shared().config.user_agent.clone());
        if let Some(grant) = &self.grant {
            headers.insert(AUTHORIZATION, grant.value.clone());
        }
        if let Some(token) = &self.message_token {
            headers.insert(MESSAGE_TOKEN, token.clone());
        }
        if let Some(context) = &self.shared().config.security_context {
            headers.insert(SECURITY_CONTEXT, context.clone());
        }
        request
    }
}
