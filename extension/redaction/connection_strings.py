"""PURE: the passwords inside URLs and connection strings.

Errors of drivers show them alone. They are in `scheme://user:password@host`, in Go's
`user:password@tcp(…)`, as `Password=…` between semicolons, ampersands or blanks, as ADO.NET, JDBC,
libpq and Azure write it, and as `password: …` or `<password>…` in files of settings.
Such files may be long: they are looked through in pieces of whole lines.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from urllib.parse import unquote, unquote_plus

from extension.redaction.undo import innermost

LONGEST = 4096
"""Characters that are looked through together: no connection string is longer."""

BARE_USER_INFO = re.compile(r"^[^\s:/?#]*:(\S+)@(?:\w*\(|[\w.-]+(?::\d+)?(?:/|$))")
"""Without a scheme what follows must look like a host: a password may hold colons, too."""
SHORTEST_LONE_KEY = 16
"""A key in the place of a user, as Sentry and Git hosts have it; shorter ones are names."""
NAMED = re.compile(
    r"(?:pass(?:word|phrase|wd)?|pwd?|secret|token|key(?:[-_]data)?|sig|signature|credentials?)"
    r"['\"]?\s*[=:]\s*"
    r"(?:'((?:[^'\\]|\\.|'')*)'|\"((?:[^\"\\]|\\.|\"\")*)\"|\{([^{}]*)\}|([^;\s]+))",
    re.IGNORECASE,
)
SCHEME = re.compile(r"^(?:bearer|token|basic|apikey)\s+(\S+)$", re.IGNORECASE)
NETRC = re.compile(r"\blogin\s+\S+\s+password\s+(\S+)")
PGPASS = re.compile(r"^[^\s:]+:(?:\d+|\*):[^\s:]*:[^\s:]*:(\S+)$", re.MULTILINE)
ELEMENT = re.compile(r"(?:password|passwd|pwd|secret|token|key)>([^<]+)</", re.IGNORECASE)
ALONE = (SCHEME, NETRC, PGPASS, ELEMENT)
WEBHOOK_KEY = re.compile(r"(?=(?:\D*\d){4})[\w-]{16,}")
BASIC = re.compile(r"basic\s+(\S+)|(?!e[yw])([\w+/-]{8,}={0,2})", re.IGNORECASE)
"""Docker has it without the word. What begins with `ey` or `ew` is an object of JSON in base64."""


def passwords(text: str) -> Iterator[str]:
    """Yield what is where a password is, as it is written and without its URL encoding."""
    written = (password for piece in _pieces(text) for password in _written(piece))
    for password in dict.fromkeys(written):
        meant = (password, unquote(password), unquote_plus(password), innermost(password))
        yield from dict.fromkeys(meant)


def basic_password(credential: str) -> str:
    """Return what follows the user in a Basic credential, nothing if it is none."""
    try:
        return b64decode(credential).decode().partition(":")[2]
    except ValueError:
        return ""


def _pieces(text: str) -> Iterator[str]:
    """Yield a text in pieces that end with a line, where they hold more than one."""
    at = 0
    while len(text) - at > LONGEST:
        end = text.rfind("\n", at, at + LONGEST) + 1 or at + LONGEST
        yield text[at:end]
        at = end
    yield text[at:]


def _written(text: str) -> Iterator[str]:
    for rest in text.split("://")[1:]:
        yield from _in_authority(rest.split(maxsplit=1)[0] if rest.strip() else "")
    if match := BARE_USER_INFO.match(text):
        yield from _to_each_end(match[1])
    for match in NAMED.finditer(text):
        value = next(filter(None, match.groups()), "")
        yield value
        yield from (value.partition(mark)[0] for mark in "&,")
    for pattern in ALONE:
        yield from pattern.findall(text)
    if text.startswith("https://") and WEBHOOK_KEY.fullmatch(last := text.rpartition("/")[2]):
        yield last
    basic = BASIC.fullmatch(text)
    if basic and (password := basic_password(basic[1] or basic[2])):
        yield password


def _in_authority(text: str) -> Iterator[str]:
    """Yield the password before the host, or the key in the place of a user."""
    user, _, behind = text.partition("@")[0].partition(":")
    if not behind and len(user) >= SHORTEST_LONE_KEY and "@" in text and not _ends(user):
        yield user
    user, _, behind = text.partition(":")
    if "@" in behind and not _ends(user):
        yield from _to_each_end(behind.rpartition("@")[0])


def _ends(user: str) -> bool:
    """Whether the host has begun already."""
    return any(mark in user for mark in "/?#@")


def _to_each_end(text: str) -> Iterator[str]:
    """Yield a password to its last @ and to its first: it may hold some, or what follows may."""
    yield text
    yield text.partition("@")[0]
