//! Responses that contain secrets of the request, to test that a client does not show them.

use crate::refusal::{spring_error, write_json};
use crate::request::Request;
use crate::response::Response;

/// The headers of a request that hold secrets, and the response headers that contain them.
const HEADERS: [(&str, &str); 2] = [
    ("Authorization", "X-Echo-Authorization"),
    ("KPN-Things-Security-Context", "X-Echo-KPN-Things-Security-Context"),
];

/// Adds the secrets to headers of the response.
pub(crate) fn add_headers(request: &Request<'_>, key_secret: &str, response: &mut Response) {
    for (name, echo) in HEADERS {
        if let Some(value) = request.header(name) {
            response.header(echo, value);
        }
    }
    response.header("X-Echo-Key-Secret", key_secret);
}

/// Writes a 400 whose message contains the secrets.
pub(crate) fn write_body(request: &Request<'_>, key_secret: &str, response: &mut Response) {
    let mut message = format!("the simulator repeats what it knows: client_secret={key_secret}");
    for (name, _) in HEADERS {
        if let Some(value) = request.header(name) {
            message.push_str(&format!(", {name}: {value}"));
        }
    }
    write_json(400, &spring_error(400, &message, request.path()), response);
}
