"""Self-signed certificates for 127.0.0.1, for tests of TLS on loopback."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from layer.authorities import subject_hash

if TYPE_CHECKING:
    from pathlib import Path

_NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
_VALID_FROM = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_VALID_TO = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)


def write_certificate(folder: Path, *, name: x509.Name = _NAME) -> tuple[Path, ssl.SSLContext]:
    """Write `folder/certificate.pem`, which clients trust; returns it and a server's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder(
            issuer_name=name,
            subject_name=name,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=_VALID_FROM,
            not_valid_after=_VALID_TO,
        )
        .add_extension(_san(), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, private = folder / "certificate.pem", folder / "key.pem"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(trusted, private)
    return trusted, context


def _san() -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])


def write_hashed(certificate: Path, folder: Path) -> Path:
    """Write a certificate into `folder` under the name that OpenSSL looks for; returns `folder`."""
    folder.mkdir(exist_ok=True)
    name = subject_hash(ssl.PEM_cert_to_DER_cert(certificate.read_text()))
    (folder / f"{name}.0").write_bytes(certificate.read_bytes())
    return folder


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    """Let both meet in memory; raises SSLError if the client does not trust the server."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    while ends:
        for end in list(ends):
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
                ends.remove(end)
