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
use tempfile::NamedTempFile;

/// The certificate authority, which clients must trust.
const CERTIFICATE: &str = "ca.pem";
const KEY: &str = "ca-key.pem";

const NAME: &str = "KPN Things simulator";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The files of a certificate authority.
pub(crate) struct Files {
    directory: PathBuf,
    pub(crate) certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    pub(crate) fn in_directory(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            certificate: directory.join(CERTIFICATE),
            key: directory.join(KEY),
        }
    }
}

/// Returns the settings of a server whose certificate is signed by the certificate authority in these files. Creates
/// the files if they do not exist.
pub(crate) fn server(files: &Files, host: &Host) -> io::Result<Arc<ServerConfig>> {
    let (authority, issuer) = open(files)?;
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

/// Reads the certificate authority, or creates what is missing. Simulators that start at the same time get the same one.
fn open(files: &Files) -> io::Result<(CertificateDer<'static>, Issuer<'static, KeyPair>)> {
    // The certificate is read first, because its key is written first.
    let certificate = read(&files.certificate)?;
    let key = match (read(&files.key)?, &certificate) {
        (Some(key), _) => key,
        (None, None) => create_key(files)?,
        (None, Some(_)) => return Err(unusable(&files.certificate, "its key is missing")),
    };
    let key = KeyPair::from_pem(&key).map_err(|error| unusable(&files.key, error))?;
    let certificate = match certificate {
        Some(pem) => CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| unusable(&files.certificate, error))?,
        None => {
            let certificate = authority()?.self_signed(&key).map_err(io::Error::other)?;
            let file = written(files, &certificate.pem(), 0o644)?;
            file.persist(&files.certificate).map_err(|error| not_made(&files.certificate, &error.error))?;
            certificate.der().clone()
        }
    };
    Ok((certificate, Issuer::new(authority()?, key)))
}

/// Reads a file, or returns `None` if it does not exist.
fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(path, error)),
    }
}

/// Creates the key, or reads the one that another simulator has just created.
fn create_key(files: &Files) -> io::Result<String> {
    fs::create_dir_all(&files.directory).map_err(|error| not_made(&files.directory, &error))?;
    let key = KeyPair::generate().map_err(io::Error::other)?.serialize_pem();
    match written(files, &key, 0o600)?.persist_noclobber(&files.key) {
        Ok(_) => Ok(key),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => fs::read_to_string(&files.key),
        Err(error) => Err(not_made(&files.key, &error.error)),
    }
}

/// Writes a text to a file that has no name yet, so that its readers never see a part of it.
fn written(files: &Files, text: &str, mode: u32) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    let builder = builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    let written = builder.tempfile_in(&files.directory).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        Ok(file)
    });
    written.map_err(|error| not_made(&files.directory, &error))
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

fn unusable(path: &Path, error: impl std::fmt::Display) -> io::Error {
    let directory = path.parent().unwrap_or(path).display();
    io::Error::other(format!(
        "{} cannot be used: {error}. Remove {CERTIFICATE} and {KEY} in {directory}, and start again to create \
         new ones",
        path.display()
    ))
}

fn not_made(path: &Path, error: &io::Error) -> io::Error {
    io::Error::other(format!("could not create {}: {error}", path.display()))
}
