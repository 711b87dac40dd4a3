//! `GET {baseUrl}/api/v1/lifecycle/clients/{clientId}/context-switch` allows this API key to act for a sub-customer,
//! once per key and customer (KPN's beta API documentation). The body of the response is unknown.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method};

use super::CustomerId;
use crate::answer::Answer;
use crate::body::Body;
use crate::error::DecodeError;
use crate::input::{InputError, encode_segment};
use crate::operation::{Call, Operation};

/// The context switch to a sub-customer.
///
/// A client made by `for_customer` does this automatically. Call it separately only to check whether it is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextSwitch(CustomerId);

impl ContextSwitch {
    /// Creates a context switch to this customer.
    pub fn to(customer: CustomerId) -> Self {
        Self(customer)
    }
}

impl Operation for ContextSwitch {
    type Output = Body;

    fn encode(&self) -> Result<Call, InputError> {
        let json = HeaderValue::from_static("application/json");
        let path = format!("/api/v1/lifecycle/clients/{}/context-switch", encode_segment(self.0.as_str()));
        Ok(Call::new(Method::GET, path).header(ACCEPT, json.clone()).header(CONTENT_TYPE, json))
    }

    fn decode(&self, answer: Answer) -> Result<Body, DecodeError> {
        Ok(Body::of(&answer.headers, answer.redacted_body()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_the_documented_one() {
        let customer = "79658ca8-f1ba-4c25-b824-93813e9fba76".parse().unwrap();
        let call = ContextSwitch::to(customer).encode().unwrap();
        assert_eq!(
            call.target,
            "/api/v1/lifecycle/clients/79658ca8-f1ba-4c25-b824-93813e9fba76/context-switch"
        );
        assert_eq!(call.headers[ACCEPT], "application/json");
        assert_eq!(call.headers[CONTENT_TYPE], "application/json");
    }
}
