"""Certificates that are created for each test."""

from __future__ import annotations

import ssl
import tempfile
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
NOW = datetime.now(timezone.utc)
DAY = timedelta(days=1)


class Authority:
    """A certificate authority. Two with the same name have different keys."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(self._name, self._name, self._key, NOW + DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self._certificate = builder.sign(self._key, SHA256())

    @property
    def pem(self) -> bytes:
        """The authority's own certificate, for clients to trust."""
        return self._certificate.public_bytes(Encoding.PEM)

    def server(self, host: str = HOST, ends: datetime = NOW + DAY) -> ssl.SSLContext:
        """The TLS context of a server for this host. Its certificate is valid until `ends`."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_no_name(), self._name, key, ends).add_extension(_of(host), critical=False)
        return _server(builder.sign(self._key, SHA256()), key)


def self_signed(host: str = HOST) -> ssl.SSLContext:
    """The TLS context of a server with a self-signed certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_no_name(), _no_name(), key, NOW + DAY).add_extension(_of(host), critical=False)
    return _server(builder.sign(key, SHA256()), key)


def _no_name() -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])


def _of(host: str) -> x509.SubjectAlternativeName:
    is_address = host.replace(".", "").isdigit()
    return x509.SubjectAlternativeName([x509.IPAddress(ip_address(host)) if is_address else x509.DNSName(host)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(NOW, ends) - DAY)
        .not_valid_after(ends)
    )


def _server(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # `ssl` loads certificates from files only.
    with tempfile.TemporaryDirectory() as folder:
        chain = Path(folder) / "chain.pem"
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        chain.write_bytes(certificate.public_bytes(Encoding.PEM) + secret)
        context.load_cert_chain(chain)
    return context
