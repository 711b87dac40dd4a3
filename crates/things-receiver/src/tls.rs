//! The certificate of a receiver.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::ReceiverError;

/// Reads a chain of certificates and its key from PEM files.
pub(crate) fn acceptor(certificates: &Path, key: &Path) -> Result<TlsAcceptor, ReceiverError> {
    const KEY: &str = "name a PEM file with the private key of the certificate";
    const CHAIN: &str = "name a PEM file with the certificate first, and then those that signed it";

    let unreadable = |path: &Path, error: rustls::pki_types::pem::Error, hint| {
        ReceiverError::new(format!("could not read {}: {error}", path.display())).with_hint(hint)
    };
    let chain = CertificateDer::pem_file_iter(certificates)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(certificates, error, CHAIN))?;
    if chain.is_empty() {
        let message = format!("{} contains no certificate", certificates.display());
        return Err(ReceiverError::new(message).with_hint(CHAIN));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, error, KEY))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private));
    let mut config = config.map_err(|error| {
        let message = format!("could not use {} with {}: {error}", certificates.display(), key.display());
        ReceiverError::new(message).with_hint(KEY)
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
