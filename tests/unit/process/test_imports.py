"""What makes imports faster leaves no trace."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from extension.process.imports import no_certificates, resume_garbage_collection

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("before", [{}, {"SSL_CERT_FILE": "/etc/mine.pem"}])
def test_certificates_are_hidden_during_the_import_only(before: dict[str, str]) -> None:
    """The user's own variables are restored, even if an import fails."""
    environ = dict(before)
    with pytest.raises(ImportError), no_certificates(environ):  # noqa: PT012  # what is inside counts
        assert environ["SSL_CERT_FILE"] == os.devnull
        raise ImportError
    assert environ == before


def test_aiohttps_own_contexts_trust_no_one() -> None:
    """Imported this way, aiohttp reads no certificates; a request with its context would fail."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from extension.process.imports import no_certificates\n"
        "with no_certificates(): import aiohttp.connector as connector\n"
        "assert connector._SSL_CONTEXT_VERIFIED.cert_store_stats()['x509'] == 0\n"
        "assert connector._SSL_CONTEXT_VERIFIED.verify_mode.name == 'CERT_REQUIRED'\n"
    )
    subprocess.run([sys.executable, "-I", "-c", program, str(ROOT)], check=True)


def test_garbage_is_collected_again() -> None:
    """After the imports the collector runs, and skips the objects that they made."""
    gc.disable()
    resume_garbage_collection()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    gc.unfreeze()
