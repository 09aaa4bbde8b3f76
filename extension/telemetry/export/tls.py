"""The TLS context of the endpoint: whom to trust, and who we are.

A setting decides whom to trust; else a folder of the image or of the layer does, which costs a
start nothing, and after the first unknown authority the image's bundle, too.

Every https POST needs one of these: aiohttp's own contexts trust no authority (`process.imports`).
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from weakref import WeakKeyDictionary

from extension.process.authorities import Places
from extension.settings.otlp import OtlpConfig
from extension.settings.sdk_variables import CERTIFICATE, CLIENT_CERTIFICATE
from extension.settings.variable import NONE

PEM = "-----BEGIN "
"""How the text of a certificate or key begins, where a setting holds that instead of a path."""

IMAGE = Places()

_BUNDLES: WeakKeyDictionary[ssl.SSLContext, str] = WeakKeyDictionary()
"""Of each context that trusts a folder: the bundle to fall back on."""


class SettingError(Exception):
    """A setting of the endpoint that cannot be used; the text names it."""


class TlsError(SettingError):
    """A certificate or key that cannot be used; names the setting and the kind of trouble."""


def build_tls(
    config: OtlpConfig,
    environ: Mapping[str, str],
    *,
    sources: Mapping[str, str] = NONE,
    places: Places = IMAGE,
) -> ssl.SSLContext:
    """Return a context for https.

    `sources` names the variables of the settings, where they are not the general ones.

    Raises:
        TlsError: a file is missing, unreadable, or not what it should be.
    """
    try:
        context = _trusting(config.certificate, environ, places)
    except (OSError, ValueError) as error:
        variable = sources.get(CERTIFICATE, CERTIFICATE)
        raise TlsError(_described(variable, error, "it holds no certificate")) from error
    if not config.client_certificate:
        return context
    try:
        with (
            _as_file(config.client_certificate) as certificate,
            _as_file(config.client_key) as key,
        ):
            context.load_cert_chain(certificate, key or None, password=_refuse)
    except (OSError, ValueError) as error:
        variable = sources.get(CLIENT_CERTIFICATE, CLIENT_CERTIFICATE)
        wrong = "it holds no certificate, or not the key that belongs to it"
        raise TlsError(_described(variable, error, wrong)) from error
    return context


class TlsContexts:
    """One context for each combination of settings: signals with the same share connections."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._contexts: dict[tuple[str, str, str], ssl.SSLContext] = {}

    def find(self, config: OtlpConfig, sources: Mapping[str, str]) -> ssl.SSLContext:
        """Return a context as `build_tls` does, and raise likewise."""
        settings = config.certificate, config.client_certificate, config.client_key
        if settings not in self._contexts:
            self._contexts[settings] = build_tls(config, self._environ, sources=sources)
        return self._contexts[settings]


def needs_tls(url: str, proxy: str | None) -> bool:
    """Return whether a request needs a context: for the endpoint or for the proxy before it."""
    return any(each.lower().startswith("https:") for each in (url, proxy or ""))


def is_narrow(context: ssl.SSLContext) -> bool:
    """Return whether `trust_bundle` would add authorities: not where a setting names them."""
    return bool(_BUNDLES.get(context))


def trust_bundle(context: ssl.SSLContext) -> None:
    """Trust the image's bundle, too, after a folder lacked an authority."""
    if bundle := _BUNDLES.get(context):
        context.load_verify_locations(bundle)
        _BUNDLES.pop(context, None)


def _trusting(certificate: str, environ: Mapping[str, str], places: Places) -> ssl.SSLContext:
    if certificate.lstrip().startswith(PEM):
        return ssl.create_default_context(cadata=certificate)
    if certificate:
        return ssl.create_default_context(cafile=certificate)
    if _is_chosen(environ):
        return _chosen(environ)
    folder, bundle = places.find_folder(), places.find_bundle()
    if not folder:
        return ssl.create_default_context(cafile=bundle)
    context = ssl.create_default_context(capath=folder)
    _BUNDLES[context] = bundle
    return context


def _is_chosen(environ: Mapping[str, str]) -> bool:
    """Return whether a variable of OpenSSL's names whom to trust.

    OpenSSL takes an empty one for a file without a name, and then trusts no authority.
    """
    file, folder = _named(environ)
    return bool(folder) or os.access(file, os.R_OK)


def _chosen(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return a context that trusts what OpenSSL would by its variables, and its own defaults.

    OpenSSL would read the process's, where an import hides them for a moment (`process.imports`).
    """
    file, folder = _named(environ)
    usual = ssl.get_default_verify_paths()
    context = ssl.create_default_context(capath=folder or usual.openssl_capath)
    with suppress(OSError):  # OpenSSL, too, says nothing of a file that it cannot use
        context.load_verify_locations(file or usual.openssl_cafile)
    return context


def _named(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the file and the folder that OpenSSL's variables name."""
    return environ.get("SSL_CERT_FILE", "").strip(), environ.get("SSL_CERT_DIR", "").strip()


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


def _described(variable: str, error: Exception, wrong: str) -> str:
    """Return what is wrong with a variable: OpenSSL's word for it, or `wrong` if it has none."""
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    if isinstance(error, ssl.SSLError) and reason == error.strerror:
        reason = wrong
    return f"{variable}: {reason.replace('_', ' ').lower()}; allowed: a PEM file that can be read"
