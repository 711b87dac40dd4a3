//! The certificates of brokers.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::ReceiverError;

/// Trusts the certificates of a PEM file, or those of the system.
pub(super) fn client(ca_bundle: Option<&Path>) -> Result<ClientConfig, ReceiverError> {
    let failed = |error: rustls::Error| ReceiverError::new(format!("could not set up TLS: {error}"));
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let builder = match ca_bundle {
        Some(path) => builder.with_root_certificates(roots(path)?),
        None => builder.with_platform_verifier().map_err(failed)?,
    };
    Ok(builder.with_no_client_auth())
}

fn roots(path: &Path) -> Result<RootCertStore, ReceiverError> {
    const HINT: &str = "name a PEM file with certificates";
    let wrong = |reason: String| ReceiverError::new(format!("{}: {reason}", path.display())).with_hint(HINT);
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() { Err(wrong("contains no certificate".to_owned())) } else { Ok(roots) }
}
