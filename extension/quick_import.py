"""Imports made quicker, for all that is imported during init is paid by a cold start."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager

CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def resume_garbage_collection() -> None:
    """Look for garbage again, which `__main__` stopped, but not among what the imports made."""
    gc.freeze()
    gc.enable()


@contextmanager
def no_certificates(environ: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """Import aiohttp inside: it builds two TLS contexts, each of which reads all certificates.

    aiohttp keeps those contexts, and they trust nobody: every https request of ours brings a
    context of its own (`export.tls`), and only who posts to https pays for one.
    """
    before = {name: environ.get(name) for name in CERTIFICATE_VARIABLES}
    environ.update(dict.fromkeys(CERTIFICATE_VARIABLES, os.devnull))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                environ.pop(name, None)
            else:
                environ[name] = value
