"""PURE: which parts of a secret are worth hiding, and in which forms they may turn up.

A secret is often a JSON object of which only some leaves are secret: hiding the host name of a
database, or the word `postgres`, would blacken half of every log.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

MIN_LENGTH = 8
"""Shorter values turn up by chance."""

MIN_DISTINCT = 5
"""Values of fewer different characters (`00000000`) do so, too."""

WORD_LENGTH = 12
"""Letters alone, of one case and shorter than this, are taken for a word (`postgres`)."""

REGION = re.compile(r"(af|ap|ca|cn|eu|il|me|mx|sa|us)(-[a-z]+)+-\d")
WORD = re.compile(r"[a-z]+|[A-Z]+|[A-Z][a-z]+")
OPEN_KEYS = re.compile(
    r"engine|host(name)?|port|db_?name|database|user_?name|user|region|db\w*identifier|masterarn",
    re.IGNORECASE,
)
"""Keys of a JSON secret under which nothing secret stands."""


def leaves(value: str) -> Iterator[tuple[str, str]]:
    """Yield the parts worth hiding, each with its key path, empty for the whole value."""
    try:
        told = json.loads(value)
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, dict | list):
        yield from _leaves(told, "")
    elif _is_worth_hiding(value):
        yield "", value


def _leaves(told: Any, path: str) -> Iterator[tuple[str, str]]:
    match told:
        case dict():
            for key, each in told.items():
                if not OPEN_KEYS.fullmatch(str(key)):
                    yield from _leaves(each, f"{path}.{key}" if path else str(key))
        case list():
            for index, each in enumerate(told):
                yield from _leaves(each, f"{path}.{index}" if path else str(index))
        case str() if _is_worth_hiding(told):
            yield path, told


def _is_worth_hiding(value: str) -> bool:
    if len(value) < MIN_LENGTH or len(set(value)) < MIN_DISTINCT:
        return False
    if WORD.fullmatch(value) and len(value) < WORD_LENGTH:
        return False
    return not REGION.fullmatch(value)


def forms(value: str) -> set[str]:
    """Return the value plain, JSON-escaped, URL-encoded and in base64, each long enough to find."""
    raw = value.encode("utf-8", "surrogatepass")
    found = {value, *_json_forms(value), *_url_forms(value, raw), *_base64_forms(raw)}
    return {form for form in found if len(form) >= MIN_LENGTH}


def _json_forms(value: str) -> Iterator[str]:
    for ascii_only in (True, False):
        once = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield once
        yield once.replace("/", "\\/")
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]  # JSON within a JSON text


def _url_forms(value: str, raw: bytes) -> Iterator[str]:
    for encoded in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)
    yield value.replace(" ", "+")


def _base64_forms(raw: bytes) -> Iterator[str]:
    """Yield what base64 makes of it wherever in a longer text it begins (`user:password`).

    Three bytes become four characters, so there are three alignments; the characters at either
    end that depend on the neighbours are left out.
    """
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            encoded = encode(b"\0" * before + raw).decode().rstrip("=")
            first = -(-before * 8 // 6)
            whole = (before + len(raw)) * 8 // 6
            yield encoded[first:whole]
