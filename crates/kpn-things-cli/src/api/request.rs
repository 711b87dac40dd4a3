//! A request of `things api`, and the changes to it that lead to another page.

use http::Method;
use things_core::{RawCall, Secret};

use crate::failure::Failure;
use crate::input;

/// A request as the arguments describe it.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    /// May have a query.
    pub(super) path: String,
    pub(super) queries: Vec<(String, String)>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Body>,
}

/// A body and its type.
#[derive(Clone)]
pub(super) enum Body {
    Json(Secret),
    /// The content type is in a header.
    Other(Vec<u8>, String),
}

impl Body {
    /// Reads the body that `--data` names. The type is JSON, unless a header says otherwise.
    pub(super) fn read(data: String, headers: &[(String, String)]) -> Result<Self, Failure> {
        let content_type = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        Ok(match content_type {
            Some((_, other)) if !is_json(other) => {
                Self::Other(input::bytes("the body", data)?, other.clone())
            }
            _ => Self::Json(input::content("the body", data)?),
        })
    }
}

impl Request {
    /// The call that makes the request.
    pub(super) fn call(&self) -> RawCall {
        let mut call = RawCall::new(self.method.clone(), &self.path);
        for (name, value) in &self.queries {
            call = call.query(name, value);
        }
        call = match &self.body {
            None => call,
            Some(Body::Json(json)) => call.json(json.expose().to_owned()),
            Some(Body::Other(bytes, content_type)) => call.body(content_type, bytes.clone()),
        };
        self.headers.iter().fold(call, |call, (name, value)| call.header(name, value))
    }

    /// Whether this lists devices, which KPN documents in numbered pages.
    pub(super) fn is_device_list(&self) -> bool {
        let path = self.path.split('?').next().unwrap_or_default();
        path.trim_start_matches('/') == "api/devices" || path.ends_with("/api/devices")
    }

    /// The value of a query parameter.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        let in_path = self.path.split(['?', '&']).skip(1).filter_map(|part| part.split_once('='));
        let added = self.queries.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        in_path.chain(added).find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// The same request with another value of a query parameter.
    pub(super) fn with_query(&self, name: &str, value: &str) -> Self {
        let mut request = self.without_query(name);
        request.queries.push((name.to_owned(), value.to_owned()));
        request
    }

    /// The same for a value that is percent-encoded already.
    pub(super) fn with_encoded_query(&self, name: &str, value: &str) -> Self {
        let mut request = self.without_query(name);
        let separator = if request.path.contains('?') { '&' } else { '?' };
        request.path = format!("{}{separator}{name}={value}", request.path);
        request
    }

    /// The same request to another path or URL, which has its own query.
    pub(super) fn at(&self, path: &str) -> Self {
        Self { path: path.to_owned(), queries: Vec::new(), ..self.clone() }
    }

    /// Path and query, to recognise a request.
    pub(super) fn target(&self) -> String {
        self.queries.iter().fold(self.path.clone(), |target, (name, value)| {
            let separator = if target.contains('?') { '&' } else { '?' };
            format!("{target}{separator}{name}={value}")
        })
    }

    fn without_query(&self, name: &str) -> Self {
        let mut request = self.clone();
        request.queries.retain(|(found, _)| found != name);
        if let Some((path, query)) = self.path.split_once('?') {
            let is_other = |part: &&str| part.split('=').next() != Some(name);
            let kept: Vec<_> = query.split('&').filter(is_other).collect();
            request.path =
                if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
        }
        request
    }
}

/// Whether a content type is JSON, such as `application/json` or `application/merge-patch+json; charset=utf-8`.
fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

#[cfg(test)]
impl Request {
    pub(super) fn get(path: &str, queries: &[(&str, &str)]) -> Self {
        let queries = queries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { method: Method::GET, path: path.to_owned(), queries, headers: Vec::new(), body: None }
    }
}
