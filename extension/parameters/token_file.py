"""The token in a file, for use outside Lambda: read for each request, so it can be replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from extension.platform.local_bind import LEAST_LENGTH, bytes_of, content_of, path_of
from extension.process.log import Log

FOR_OTHERS = 0o077
"""Bits of a mode that let other users read or replace a file."""


def token_file(environ: Mapping[str, str], *, bound: bool, log: Log) -> Callable[[], list[bytes]]:
    """Return what reads the token; a line says if there is none, or if others can read it.

    `bound`: other machines reach the cache, so that a short token does not count.
    """
    path = path_of(environ)

    def read() -> list[bytes]:
        token = content_of(path) if path else ""
        return [token.encode()] if len(token) >= (LEAST_LENGTH if bound else 1) else []

    if path and not read():
        cause = _why_none(path)
        log.warning("the token file has no token", variable="DISPATCH_TOKEN_FILE", cause=cause)
    elif path and _is_for_others(path):
        log.warning("others can read the token file: chmod 600", variable="DISPATCH_TOKEN_FILE")
    return read


def _why_none(path: str) -> str:
    try:
        content = bytes_of(path).strip()
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or type(error).__name__
    return "its content is no text, or too short" if content else "it is empty"


def _is_for_others(path: str) -> bool:
    try:
        return bool(Path(path).stat().st_mode & FOR_OTHERS)
    except OSError:
        return False
