//! Verifies the token of a message, for `kpn_things.uplink.Verifier`.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyString};
use things_uplink::{Label, LabelledSecret, PLUG_HEADER, Refusal, Secret, Secrets, TOKEN_HEADER};

use crate::callback::{call, call_method};
use crate::uplink::body as body_bytes;

/// Verifies messages. `kpn_things.uplink.Verifier` reads its arguments.
#[pyclass(frozen, subclass, module = "kpn_things._native", name = "Verifier")]
pub(crate) struct Verifier(things_uplink::Verifier, Vec<String>);

/// The labels and bytes of secrets, or the bytes of a secret file.
#[derive(FromPyObject)]
enum Source {
    File(Vec<u8>),
    Pairs(Vec<(String, Vec<u8>)>),
}

impl Source {
    fn read(self) -> Result<Secrets, String> {
        let pairs = match self {
            Self::File(text) => return Secrets::parse(text).map_err(|error| error.to_string()),
            Self::Pairs(pairs) => pairs,
        };
        let secrets = pairs.into_iter().map(|(label, secret)| {
            let label = Label::new(label).map_err(|error| error.to_string())?;
            Ok(LabelledSecret { label, secret: Secret::new(secret).map_err(|error| error.to_string())? })
        });
        let secrets: Vec<_> = secrets.collect::<Result<_, String>>()?;
        Secrets::new(secrets).map_err(|error| error.to_string())
    }
}

#[pymethods]
impl Verifier {
    #[new]
    fn new(
        py: Python<'_>,
        secrets: Source,
        plugs: Vec<(String, Source)>,
        body_limit: usize,
    ) -> PyResult<Self> {
        let refuse = |why: String| refused_setting(py, &why);
        let secrets = secrets.read().map_err(refuse)?;
        let labels = secrets.labels().map(str::to_owned).collect();
        let mut verifier = things_uplink::Verifier::new(secrets).body_limit(body_limit);
        for (uuid, secrets) in plugs {
            verifier = verifier.for_plug(uuid, secrets.read().map_err(refuse)?);
        }
        Ok(Self(verifier, labels))
    }

    /// Verifies that KPN Things sent a message. The comparison takes the same time wherever a token is wrong.
    ///
    /// Args:
    ///     headers: All headers of the request: a mapping, or pairs of a name and a value, as `str` or `bytes`. Or only the
    ///         value of the header `Things-Message-Token`, or `None` if there is none.
    ///     body: The body, byte for byte as it was received. JSON that was parsed and written again does not match.
    ///
    /// Raises:
    ///     UplinkRefusedError: The message is refused. `status` is the status code of the response: 401 or 413.
    fn verify(
        &self,
        py: Python<'_>,
        headers: &Bound<'_, PyAny>,
        body: &Bound<'_, PyAny>,
    ) -> PyResult<Verified> {
        let body = body_bytes(body)?;
        let body = body.as_bytes();
        let verified = if let Ok(token) = headers.cast::<PyString>() {
            self.0.verify(values(token.to_string_lossy().as_bytes()), [], body)
        } else if let Ok(token) = headers.cast::<PyBytes>() {
            self.0.verify(values(token.as_bytes()), [], body)
        } else if headers.is_none() {
            self.0.verify([], [], body)
        } else {
            let (tokens, plugs) = read_headers(headers)?;
            let tokens = tokens.iter().flat_map(|value| values(value));
            self.0.verify(tokens, plugs.iter().map(Vec::as_slice), body)
        };
        let verified = verified.map_err(|refusal| refused(py, &refusal))?;
        Ok(Verified { label: verified.label().to_owned(), digest: verified.token_digest() })
    }

    /// The labels of the secrets, in their order, without those of plugs.
    #[getter]
    fn labels(&self) -> Vec<String> {
        self.1.clone()
    }

    /// The most bytes of a body.
    #[getter]
    fn body_limit(&self) -> usize {
        self.0.limit()
    }

    fn __repr__(&self) -> String {
        format!("<Verifier with the secrets {}>", self.1.join(", "))
    }
}

/// A message that KPN Things sent, as its token proves. Immutable. Its `repr` does not show the token.
#[pyclass(frozen, eq, hash, module = "kpn_things.uplink", name = "Verified")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Verified {
    label: String,
    digest: [u8; 32],
}

#[pymethods]
impl Verified {
    #[new]
    fn new(label: String, digest: [u8; 32]) -> Self {
        Self { label, digest }
    }

    /// The label of the secret that matched. It shows whether a retiring secret is still in use.
    #[getter]
    fn label(&self) -> &str {
        &self.label
    }

    /// The token as 32 bytes. A message that is sent again has the same one.
    #[getter]
    fn token_digest<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.digest)
    }

    fn __repr__(&self) -> String {
        format!("<Verified by the secret {}>", self.label)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (String, Bound<'py, PyBytes>)) {
        let this = slf.get();
        (slf.get_type().into_any(), (this.label.clone(), this.token_digest(slf.py())))
    }
}

/// Returns the message token of a body: SHA-256 over its bytes followed by the secret, as 64 lower-case hex digits.
#[pyfunction]
pub(crate) fn sign_uplink(secret: &[u8], body: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(things_uplink::sign(secret, body_bytes(body)?.as_bytes()))
}

/// The values of a header. A server may join several by commas (RFC 9110, section 5.3), and no token has a comma.
fn values(joined: &[u8]) -> impl Iterator<Item = &[u8]> {
    joined.split(|byte| *byte == b',')
}

/// The values of one header.
type Values = Vec<Vec<u8>>;

/// All values of the headers for the token and for the plug.
fn read_headers(headers: &Bound<'_, PyAny>) -> PyResult<(Values, Values)> {
    let wrong = || {
        PyTypeError::new_err("headers: pass the headers of the request, or the value of Things-Message-Token")
    };
    // The mappings of aiohttp, httpx, Starlette and Werkzeug list the values of a repeated header by `items`.
    let pairs = if headers.hasattr("items")? { call_method(headers, "items", ())? } else { headers.clone() };
    let (mut tokens, mut plugs) = (Vec::new(), Vec::new());
    for pair in pairs.try_iter().map_err(|_| wrong())? {
        let pair = pair?.try_iter().map_err(|_| wrong())?.collect::<PyResult<Vec<_>>>()?;
        let [name, value] = pair.as_slice() else { return Err(wrong()) };
        let name = bytes(name).ok_or_else(wrong)?;
        let found = if name.eq_ignore_ascii_case(TOKEN_HEADER.as_bytes()) {
            &mut tokens
        } else if name.eq_ignore_ascii_case(PLUG_HEADER.as_bytes()) {
            &mut plugs
        } else {
            continue;
        };
        match bytes(value) {
            Some(value) => found.push(value),
            // A mapping of names to lists.
            None => {
                for one in value.try_iter().map_err(|_| wrong())? {
                    found.push(bytes(&one?).ok_or_else(wrong)?);
                }
            }
        }
    }
    Ok((tokens, plugs))
}

fn bytes(value: &Bound<'_, PyAny>) -> Option<Vec<u8>> {
    if let Ok(text) = value.cast::<PyString>() {
        return Some(text.to_string_lossy().into_owned().into_bytes());
    }
    value.cast::<PyBytes>().ok().map(|bytes| bytes.as_bytes().to_vec())
}

fn refused(py: Python<'_>, refusal: &Refusal) -> PyErr {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = || {
        let make = MAKE.import(py, "kpn_things.uplink._errors", "_refused")?;
        call(make, (refusal.reason(), refusal.to_string(), refusal.status()))
    };
    make().map_or_else(|trouble| trouble, PyErr::from_value)
}

fn refused_setting(py: Python<'_>, why: &str) -> PyErr {
    let make = || py.import("kpn_things.errors")?.getattr("ConfigError")?.call1((why,));
    make().map_or_else(|trouble: PyErr| trouble, PyErr::from_value)
}
