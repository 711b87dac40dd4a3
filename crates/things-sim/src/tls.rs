//! TLS with a certificate authority of the simulator's own, which is kept in a directory.

use crate::host::Host;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{RootCertStore, ServerConfig};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The certificate authority, which clients must trust.
const CERTIFICATE: &str = "ca.pem";
const KEY: &str = "ca-key.pem";

const NAME: &str = "KPN Things simulator";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The files of a certificate authority.
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    pub(crate) fn in_directory(directory: &Path) -> Self {
        Self { certificate: directory.join(CERTIFICATE), key: directory.join(KEY) }
    }
}

/// Returns the settings of a server whose certificate is signed by the certificate authority in these files. Creates
/// the files if they do not exist.
pub(crate) fn server(files: &Files, host: &Host) -> io::Result<Arc<ServerConfig>> {
    let (authority, issuer) = match (fs::read(&files.certificate), fs::read_to_string(&files.key)) {
        (Ok(certificate), Ok(key)) => {
            let certificate = CertificateDer::from_pem_slice(&certificate)
                .map_err(|error| unusable(&files.certificate, error))?;
            let key = KeyPair::from_pem(&key).map_err(|error| unusable(&files.key, error))?;
            (certificate, Issuer::new(authority()?, key))
        }
        (Err(certificate), Err(key)) if is_missing(&certificate) && is_missing(&key) => create(files)?,
        (Err(error), _) => return Err(unusable(&files.certificate, error)),
        (_, Err(error)) => return Err(unusable(&files.key, error)),
    };

    let key = KeyPair::generate().map_err(io::Error::other)?;
    let certificate = leaf(host)?.signed_by(&key, &issuer).map_err(io::Error::other)?.der().clone();
    let provider = Arc::new(ring::default_provider());
    verify(authority, &certificate, &provider).map_err(|error| unusable(&files.certificate, error))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Creates a certificate authority, and writes it to the files.
fn create(files: &Files) -> io::Result<(CertificateDer<'static>, Issuer<'static, KeyPair>)> {
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let certificate = authority()?.self_signed(&key).map_err(io::Error::other)?;
    if let Some(directory) = files.key.parent() {
        fs::create_dir_all(directory).map_err(|error| not_made(directory, &error))?;
    }
    let write = |path: &Path, text: String, is_secret| {
        write_new(path, text.as_bytes(), is_secret).map_err(|error| not_made(path, &error))
    };
    write(&files.key, key.serialize_pem(), true)?;
    write(&files.certificate, certificate.pem(), false)?;
    Ok((certificate.der().clone(), Issuer::new(authority()?, key)))
}

/// The certificate authority, which is the same each time except for its key and its dates.
fn authority() -> io::Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.distinguished_name.push(DnType::CommonName, format!("{NAME} CA"));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(valid(params, 3650 * DAY))
}

/// The certificate of the server, which is made at each start.
fn leaf(host: &Host) -> io::Result<CertificateParams> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    if !names.contains(&host.name()) {
        names.push(host.name());
    }
    let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
    params.distinguished_name.push(DnType::CommonName, NAME);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(valid(params, 365 * DAY))
}

/// Lets a certificate be valid from yesterday, because clocks differ.
fn valid(mut params: CertificateParams, life: Duration) -> CertificateParams {
    let now = SystemTime::now();
    params.not_before = (now - DAY).into();
    params.not_after = (now + life).into();
    params
}

/// Verifies that the files belong together, and that the certificate authority has not expired.
fn verify(
    authority: CertificateDer<'static>,
    certificate: &CertificateDer<'static>,
    provider: &Arc<CryptoProvider>,
) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority)?;
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider))
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let name =
        ServerName::try_from("localhost").map_err(|error| rustls::Error::General(error.to_string()))?;
    verifier.verify_server_cert(certificate, &[], &name, &[], UnixTime::now()).map(|_| ())
}

fn write_new(path: &Path, bytes: &[u8], is_secret: bool) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if is_secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = is_secret;
    options.open(path)?.write_all(bytes)
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

fn unusable(path: &Path, error: impl std::fmt::Display) -> io::Error {
    let directory = path.parent().unwrap_or(path).display();
    io::Error::other(format!(
        "{} cannot be used: {error}; remove {CERTIFICATE} and {KEY} in {directory}, and a new certificate authority is \
         created",
        path.display()
    ))
}

fn not_made(path: &Path, error: &io::Error) -> io::Error {
    io::Error::other(format!("could not create {}: {error}", path.display()))
}
