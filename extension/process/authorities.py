"""Where certificate authorities are found: a folder that OpenSSL looks up by hash, or a bundle.

From a folder with hashed names OpenSSL reads the one certificate that a connection needs. A bundle
is parsed as a whole, which takes 50 ms of CPU.
"""

from __future__ import annotations

import os
import re
import ssl

import extension
from extension.process.frozen import Frozen

OWN = f"{os.path.dirname(os.path.dirname(extension.__file__))}/authorities"  # noqa: PTH120  # pathlib costs
"""The folder that the layer brings: the authorities of botocore. There is none beside sources."""

HASHED = re.compile(r"[0-9a-f]{8}\.\d+")


class Places(Frozen):
    """Where authorities may be, the image's own first; the defaults are those of Linux images."""

    folders: tuple[str, ...] = (
        "/etc/ssl/certs",
        "/etc/pki/ca-trust/extracted/pem/directory-hash",
        "/etc/pki/tls/certs",
        OWN,
    )
    """One file for each authority; not all images have them under hashed names."""
    bundles: tuple[str, ...] = (
        ssl.get_default_verify_paths().openssl_cafile,
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/ssl/cert.pem",
        "/etc/ssl/ca-bundle.pem",
    )
    """All authorities in one file, where OpenSSL itself looks first."""

    def find_folder(self) -> str:
        """Return the first folder with hashed names, or "" where there is none."""
        return next((folder for folder in self.folders if is_hashed(folder)), "")

    def find_bundle(self) -> str:
        """Return the first bundle that exists, or ""."""
        return next((path for path in self.bundles if os.path.exists(path)), "")  # noqa: PTH110


def is_hashed(folder: str) -> bool:
    """Return whether OpenSSL finds certificates in a folder by the hash of their names."""
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except OSError:
        return False
    return any(map(HASHED.fullmatch, names))
