//! TLS to the server, as `sslmode` and `sslrootcert` of its URL say.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use things_core::LedgerError;
use tokio_postgres_rustls_improved::MakeRustlsConnect;

/// The `sslmode` of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// No TLS.
    Disable,
    /// TLS if the server offers it. Any certificate.
    Prefer,
    /// TLS. Any certificate, or one of `sslrootcert` if there is one.
    Require,
    /// A certificate of `sslrootcert`, for any host.
    VerifyCa,
    /// A certificate of `sslrootcert` or of the platform's authorities, for this host.
    VerifyFull,
}

impl FromStr for Mode {
    type Err = LedgerError;

    fn from_str(text: &str) -> Result<Self, LedgerError> {
        Ok(match text {
            "disable" => Self::Disable,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => {
                let message = format!("the URL of the database has the sslmode {text:?}");
                return Err(
                    LedgerError::new(message).hint("use disable, prefer, require, verify-ca or verify-full")
                );
            }
        })
    }
}

/// What makes connections with TLS. `None`: none are made.
pub(super) fn connector(
    mode: Mode,
    roots: Option<&str>,
    is_direct: bool,
) -> Result<Option<MakeRustlsConnect>, LedgerError> {
    let roots = roots.filter(|roots| *roots != "system" && !roots.is_empty());
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match (mode, roots) {
        (Mode::Disable, _) => return Ok(None),
        (Mode::Prefer, None) | (Mode::Require, None) => {
            Arc::new(Lenient { roots: None, provider: provider.clone() })
        }
        (Mode::Prefer, Some(_)) => {
            return Err(LedgerError::new(
                "the URL of the database has sslrootcert, but its sslmode checks no certificate",
            )
            .hint("use sslmode=verify-full"));
        }
        (Mode::VerifyCa, None) => {
            return Err(LedgerError::new(
                "sslmode=verify-ca needs sslrootcert, a file with the certificate of the authority",
            )
            .hint("without one, use sslmode=verify-full"));
        }
        (Mode::Require | Mode::VerifyCa, Some(file)) => {
            Arc::new(Lenient { roots: Some(read(file)?), provider: provider.clone() })
        }
        (Mode::VerifyFull, Some(file)) => {
            WebPkiServerVerifier::builder_with_provider(Arc::new(read(file)?), provider.clone())
                .build()
                .map_err(|error| unusable(file).cause(error))?
        }
        (Mode::VerifyFull, None) => {
            let verifier = rustls_platform_verifier::Verifier::new(provider.clone());
            Arc::new(verifier.map_err(|error| {
                LedgerError::new("the certificate authorities of this machine could not be read")
                    .hint("name a file with the authority of the server as sslrootcert")
                    .cause(error)
            })?)
        }
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| LedgerError::new("TLS could not be set up").cause(error))?;
    let mut config = config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    if is_direct {
        config.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(Some(MakeRustlsConnect::new(config)))
}

fn read(file: &str) -> Result<RootCertStore, LedgerError> {
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| unusable(file).cause(error))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unusable(file).cause(error))?;
        roots.add(certificate).map_err(|error| unusable(file).cause(error))?;
    }
    if roots.is_empty() {
        return Err(unusable(file).hint("it must contain certificates in PEM form"));
    }
    Ok(roots)
}

fn unusable(file: &str) -> LedgerError {
    LedgerError::new(format!("the file of sslrootcert cannot be used: {file}"))
}

/// Accepts a certificate for any host: one of these authorities, or any.
struct Lenient {
    roots: Option<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(roots) = &self.roots {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl fmt::Debug for Lenient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lenient").field("has_roots", &self.roots.is_some()).finish_non_exhaustive()
    }
}
