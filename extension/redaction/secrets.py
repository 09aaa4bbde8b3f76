"""PURE: which parts of a secret are worth hiding.

A secret is often a JSON object of which only some leaves are secret: hiding the host name of a
database, or the word `postgres`, would blacken half of every log. What is therefore left out, and
`strict` hides all the same: words and regions, values of few different characters, numbers in JSON,
texts under open keys. Values under eight characters are left out, too; `strict` hides those of four
and more. A password in a connection string is hidden even if it is a word. Of a private key in PEM
each line is hidden, because printing it makes each line a record of its own, and everything
between its first and last line, because some libraries take the key without these two.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

from extension.redaction.connection_strings import passwords
from extension.redaction.forms import MIN_LENGTH

MIN_DISTINCT = 5
"""Values of fewer different characters (`00000000`) turn up by chance, too."""

WORD_LENGTH = 12
"""Letters alone, of one case and shorter than this, are taken for a word (`postgres`)."""

STRICT_LENGTH = 4
"""Shorter values are never hidden: nothing would be left of a line."""

MOST_DEPTH = 32
"""Of JSON in texts in JSON: below it the text is hidden as a whole."""

REGION = re.compile(r"(af|ap|ca|cn|eu|eusc|il|me|mx|sa|us)(-[a-z]+)+-\d")
WORD = re.compile(r"[a-z]+|[A-Z]+|[A-Z][a-z]+")
OPEN_KEYS = re.compile(
    r"engine|host(name)?|port|db_?name|database|user_?name|user|region|db\w*identifier|masterarn",
    re.IGNORECASE,
)
"""Keys of a JSON secret whose texts are no secrets; what is nested under one is looked through."""

PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----([^-]*)-----END")
"""In a text with certificates, too. PGP's is a block."""

SHORTEST_LINE = 16
"""Characters of a line of a key."""

URL_SAFE = str.maketrans("-_", "+/")

RANDOM_KEY_LENGTH, RANDOM_KEY_DIGITS = 12, 4
"""Characters, and digits among them, of a key that no person has chosen (`client_x509_cert`)."""

Leaf = tuple[str, str | bytes]
"""The path of its keys, empty for the whole value, and the part itself."""


def leaves(value: str | bytes, *, strict: bool = False) -> Iterator[Leaf]:
    """Yield the parts worth hiding."""
    if isinstance(value, str):
        yield from _leaves_of_text(value, "", strict=strict, depth=0)
        return
    try:
        text = value.decode()
    except ValueError:
        if len(value) >= MIN_LENGTH and (strict or len(set(value)) >= MIN_DISTINCT):
            yield "", value
        return
    parts = list(_leaves_of_text(text, "", strict=strict, depth=0))
    yield from parts
    if parts and parts[0][0]:
        yield "", text.strip()  # a binary secret is served in base64 as a whole


def _leaves_of_text(value: str, path: str, *, strict: bool, depth: int) -> Iterator[Leaf]:
    """Look through a text that may be JSON itself, whatever it is in."""
    value = value.strip()
    if depth < MOST_DEPTH:
        if (inner := _from_base64(value)) is not None:
            yield path, value
            yield from _leaves_of_json(inner, path, strict=strict, depth=depth + 1)
            return
        if (parsed := _read(value)) is not None:
            yield from _leaves_of_json(parsed, path, strict=strict, depth=depth + 1)
            return
    if _is_worth_hiding(value, strict=strict):
        yield path, value
    for part in _key_parts(value):
        yield path, part
    for password in passwords(value):
        if len(password) >= (STRICT_LENGTH if strict else MIN_LENGTH):
            yield path, password


def _key_parts(text: str) -> Iterator[str]:
    """Yield what is in each private key of a text, as a whole and line by line."""
    for key in PRIVATE_KEY.finditer(text):
        lines = [line.strip() for line in key[1].replace("\\n", "\n").splitlines()]
        long_enough = (line for line in lines if len(line) >= SHORTEST_LINE)
        yield from dict.fromkeys(("".join(lines), *long_enough))


def _leaves_of_json(parsed: Any, path: str, *, strict: bool, depth: int) -> Iterator[Leaf]:
    match parsed:
        case dict():
            for key, each in parsed.items():
                if is_secret := _is_random(key):
                    yield path, key
                if strict or not _is_open(key, each):
                    shown = "*" if is_secret else key
                    below = f"{path}.{shown}" if path else shown
                    yield from _leaves_of_json(each, below, strict=strict, depth=depth)
        case list():
            for index, each in enumerate(parsed):
                below = f"{path}.{index}" if path else str(index)
                yield from _leaves_of_json(each, below, strict=strict, depth=depth)
        case str():
            yield from _leaves_of_text(parsed, path, strict=strict, depth=depth)
        case int() | float() if strict and _is_worth_hiding(str(parsed), strict=True):
            yield path, str(parsed)


def _read(value: str) -> Any:
    """Return what a text is in JSON, None if it is none."""
    if not value.startswith(("{", "[", '"')):
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _from_base64(value: str) -> dict[str, Any] | None:
    """Return the JSON object that a text is in base64, as service accounts are kept."""
    if not value.startswith(("ey", "ew")):  # `{"`, `{ `, or `{` before a line break
        return None
    try:
        parsed = json.loads(b64decode(value.translate(URL_SAFE).rstrip("=") + "=="))
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _is_random(key: str) -> bool:
    """Whether a key is a token that something is kept under, not a name; a label has it not."""
    return len(key) >= RANDOM_KEY_LENGTH and sum(map(str.isdigit, key)) >= RANDOM_KEY_DIGITS


def _is_open(key: str, parsed: Any) -> bool:
    """Whether a key says that the text under it is no secret, and the text agrees."""
    if not OPEN_KEYS.fullmatch(key) or not isinstance(parsed, str):
        return False
    return _read(parsed.strip()) is None and not any(passwords(parsed))


def _is_worth_hiding(value: str, *, strict: bool) -> bool:
    if strict:
        return len(value) >= STRICT_LENGTH
    if len(value) < MIN_LENGTH or len(set(value)) < MIN_DISTINCT:
        return False
    if WORD.fullmatch(value) and len(value) < WORD_LENGTH:
        return False
    return not REGION.fullmatch(value)
