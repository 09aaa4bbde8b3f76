"""A certificate authority of this machine alone: certificates for the names of AWS, made on demand.

Its key exists in memory and in a folder that goes with the process. Trust `bundle` in the processes
under observation, and nowhere else.
"""

from __future__ import annotations

import datetime as dt
import ssl
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from pathlib import Path

_VALID_FROM = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_VALID_TO = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
_PEM = serialization.Encoding.PEM
# Python 3.13 trusts no authority without it.
_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """`context` is a server's: it shows each client a certificate for the name that it asks for."""

    def __init__(self, folder: Path) -> None:
        self.bundle = folder / "local-aws-ca.pem"
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("Local AWS of the simulator")
        self._contexts: dict[str, ssl.SSLContext] = {}
        root = self._certificate(
            self._name,
            self._key.public_key(),
            x509.BasicConstraints(ca=True, path_length=0),
            _SIGNS_CERTIFICATES,
        )
        self.bundle.write_bytes(root.public_bytes(_PEM))
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        self.context = self._context("localhost")
        self.context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, host: str | None, _: ssl.SSLContext) -> None:
        if host:
            connection.context = self._context(host)

    def _context(self, host: str) -> ssl.SSLContext:
        if host not in self._contexts:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.set_alpn_protocols(["http/1.1"])
            context.load_cert_chain(self._leaf(host))
            self._contexts[host] = context
        return self._contexts[host]

    def _leaf(self, host: str) -> Path:
        """Write a certificate for the host, with its key, and return where."""
        certificate = self._certificate(
            # A common name holds 64 characters; the name that counts is the alternative one.
            _named(host[:64]),
            self._leaf_key.public_key(),
            x509.BasicConstraints(ca=False, path_length=None),
            x509.SubjectAlternativeName([x509.DNSName(host)]),
        )
        path = self._folder / f"{len(self._contexts)}.pem"
        private = self._leaf_key.private_bytes(
            _PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.touch(mode=0o600)
        path.write_bytes(private + certificate.public_bytes(_PEM))
        return path

    def _certificate(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *extensions: x509.ExtensionType
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=subject,
            public_key=key,
            serial_number=x509.random_serial_number(),
            not_valid_before=_VALID_FROM,
            not_valid_after=_VALID_TO,
        )
        for extension in extensions:
            critical = isinstance(extension, x509.BasicConstraints | x509.KeyUsage)
            builder = builder.add_extension(extension, critical=critical)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        own = x509.SubjectKeyIdentifier.from_public_key(key)
        builder = builder.add_extension(identifier, critical=False)
        return builder.add_extension(own, critical=False).sign(self._key, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
