"""The TLS context of the endpoint: whom to trust, and who we are.

Every https POST needs one of these: aiohttp's own contexts trust no authority (`process.imports`).
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from extension.settings.otlp import OtlpConfig

PEM = "-----BEGIN "
"""How the text of a certificate or key begins, where a setting holds that instead of a path."""


class SettingError(Exception):
    """A setting of the endpoint that cannot be used; the text names it."""


class TlsError(SettingError):
    """A certificate or key that cannot be used; names the setting and the kind of trouble."""


def build_tls(config: OtlpConfig, environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return a context for https.

    Raises:
        TlsError: a file is missing, unreadable, or not what it should be.
    """
    try:
        context = _trusting(config.certificate, environ)
    except (OSError, ValueError) as error:
        raise TlsError(_told("OTEL_EXPORTER_OTLP_CERTIFICATE", error)) from error
    if not config.client_certificate:
        return context
    try:
        with (
            _as_file(config.client_certificate) as certificate,
            _as_file(config.client_key) as key,
        ):
            context.load_cert_chain(certificate, key or None, password=_refuse)
    except (OSError, ValueError) as error:
        raise TlsError(_told("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", error)) from error
    return context


def _trusting(certificate: str, environ: Mapping[str, str]) -> ssl.SSLContext:
    if certificate.lstrip().startswith(PEM):
        return ssl.create_default_context(cadata=certificate)
    context = ssl.create_default_context(cafile=certificate or None)
    if not certificate and not _leads_somewhere(environ.get("SSL_CERT_FILE")):
        # OpenSSL takes an empty variable for a file without a name, and trusts no authority.
        usual = ssl.get_default_verify_paths()
        if os.path.exists(usual.openssl_cafile):  # noqa: PTH110  # pathlib is not needed here
            context.load_verify_locations(usual.openssl_cafile)
    return context


def _leads_somewhere(path: str | None) -> bool:
    """Tell whether a variable is unset, or names a file that can be read."""
    return path is None or os.access(path, os.R_OK)


@contextmanager
def _as_file(text: str) -> Iterator[str]:
    """Give a PEM text a path that exists in memory alone: OpenSSL reads keys from files only."""
    if not text.lstrip().startswith(PEM):
        yield text
        return
    descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _refuse() -> str:
    """Give no password: OpenSSL would ask for one on a terminal that is not there."""
    raise ValueError("the key is encrypted")


def _told(variable: str, error: Exception) -> str:
    # OpenSSL's own word before its sentence, which ends in a line of its source.
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return f"{variable}: {reason.replace('_', ' ').lower()}; allowed: a PEM file that can be read"
