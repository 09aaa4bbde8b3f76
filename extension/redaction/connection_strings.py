"""PURE: the passwords inside URLs and connection strings.

Errors of drivers show them alone. They stand in `scheme://user:password@host`, in Go's
`user:password@tcp(…)`, and as `Password=…` between semicolons, ampersands or blanks, as ADO.NET,
JDBC, libpq and Azure write it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, unquote_plus

LONGEST = 4096
"""Characters of a text that is looked through: no connection string is longer."""

USER_INFO = re.compile(r"://[^\s:/?#]*:(\S+)@")
BARE_USER_INFO = re.compile(r"^[^\s:/?#]*:(\S+)@(?:\w*\(|[\w.-]+(?::\d+)?(?:/|$))")
"""Without a scheme what follows must look like a host: a password may hold colons, too."""
LONE_KEY = re.compile(r"://([^\s:/?#@]{16,})@")
"""A key in the place of a user, as Sentry and Git hosts have it; shorter ones are names."""
NAMED = re.compile(
    r"(?:password|passwd|pwd|secret|token|key|sig|signature)\s*=\s*"
    r"(?:'((?:[^'\\]|\\.|'')*)'|\"((?:[^\"\\]|\\.|\"\")*)\"|([^;&\s]+))",
    re.IGNORECASE,
)


def passwords(text: str) -> Iterator[str]:
    """Yield what stands where a password does, as it is written and without its URL encoding."""
    for password in dict.fromkeys(_written(text[:LONGEST])):
        yield from dict.fromkeys((password, unquote(password), unquote_plus(password)))


def _written(text: str) -> Iterator[str]:
    for match in (*USER_INFO.finditer(text), *BARE_USER_INFO.finditer(text)):
        yield match[1]  # to the last @, for a password may hold some,
        yield match[1].partition("@")[0]  # and to the first, for so may what follows the host
    for match in LONE_KEY.finditer(text):
        yield match[1]
    for match in NAMED.finditer(text):
        yield next(filter(None, match.groups()), "")
