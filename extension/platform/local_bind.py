"""Binds an address that containers reach, outside Lambda and only where callers need a token.

The default is the loopback addresses, which containers do not reach. Anyone who can reach
another address could ask for secrets, so it is refused without a token, or with one that can be
guessed.
"""

from __future__ import annotations

import _socket

from extension.process.files import open_without_waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN_FILE = "DISPATCH_TOKEN_FILE"  # noqa: S105  # the name of a variable
TOKENS = ("AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN")
"""Whose values are accepted as tokens, beside the content of the file."""

LEAST_LENGTH = 16
"""Characters of a token: `openssl rand -hex 32` writes 64."""

FILE_BYTES = 8192
"""Bytes that are read of the file: a longer token is not a header any more."""

ANY = {"0.0.0.0": ("0.0.0.0", "::1"), "::": ("127.0.0.1", "::")}  # noqa: S104  # asked for by the user


def family_of(address: str) -> int:
    """Return the family of an IP address, 0 if the text is none."""
    for family in (_socket.AF_INET, _socket.AF_INET6):
        try:
            _socket.inet_pton(family, address)
        except OSError:
            continue
        return family
    return 0


def refusal(address: str, environ: Mapping[str, str]) -> str:
    """Return why an address is not bound; empty if it may be."""
    if not family_of(address):
        return "not an IP address"
    tokens = [environ.get(name, "").strip() for name in TOKENS]
    if path := path_of(environ):
        tokens.append(content_of(path))
        if not tokens[-1]:
            return f"{TOKEN_FILE} names no file with a token"
    present = [token for token in tokens if token]
    if not present:
        return f"it needs a token: set {TOKEN_FILE}"
    if min(map(len, present)) < LEAST_LENGTH:
        return f"a token is shorter than {LEAST_LENGTH} characters"
    return ""


def addresses(address: str) -> tuple[str, ...]:
    """Return what to bind: this address, and loopback, which callers on this machine use."""
    loopback = ("127.0.0.1", "::1")
    return ANY.get(address, (*loopback, *([] if address in loopback else [address])))


def path_of(environ: Mapping[str, str]) -> str:
    """Return the path of the token's file; AWS's agent writes it as `file:///path`."""
    return environ.get(TOKEN_FILE, "").strip().removeprefix("file://")


def content_of(path: str) -> str:
    """Return the token in a file, empty if there is none; raises nothing."""
    try:
        return bytes_of(path).decode().strip()
    except (OSError, ValueError):
        return ""


def bytes_of(path: str) -> bytes:
    """Return what a file begins with, as far as a token goes.

    Raises:
        OSError: it cannot be read.
        ValueError: the path holds a null character.
    """
    with open(path, "rb", opener=open_without_waiting) as file:  # pathlib is not built in
        return file.read(FILE_BYTES)
