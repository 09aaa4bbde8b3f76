"""PURE: the forms of a secret that no undoing of a line's escapes leads back to.

Escapes are undone in the line (`undo`), so what is left are the plain text, base64 and, for bytes
that are no text, hexadecimal. Forms are made again whenever a line may hold one: a secret of 64 KiB
is kept once, not once a form.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

from extension.redaction.undo import as_text, innermost

MIN_LENGTH = 8
"""Shorter values turn up by chance."""

URL_SAFE = bytes.maketrans(b"+/", b"-_")

Form = tuple[bytes, ...]
"""Spellings of one length that differ in few places: those of base64 have `+/` or `-_`."""


def forms(value: str | bytes) -> Iterator[Form]:
    """Yield each form, always in the same order; none is shorter than `MIN_LENGTH`."""
    texts = _texts(value) if isinstance(value, str) else _texts_of_bytes(value)
    raw = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
    plain = [text.encode("utf-8", "surrogatepass") for text in dict.fromkeys(texts)]
    spelled: list[Form] = [*((text,) for text in plain), *_base64_forms(raw)]
    if isinstance(value, bytes):
        digits = value.hex().encode()
        spelled += [(digits,), (digits.upper(),)]
    for form in spelled:
        if len(form[0]) >= MIN_LENGTH:
            yield form


def _texts(value: str) -> Iterator[str]:
    """Yield the text, and what undoing escapes would make of it if it looks like some itself."""
    bare = innermost(value)
    for text in (value, bare, bare.rstrip("\\")):  # a last backslash escapes what comes next
        yield text
        if " " in text:
            yield text.replace(" ", "+")  # as HTML's forms have it


def _texts_of_bytes(value: bytes) -> Iterator[str]:
    yield from _texts(as_text(value))
    yield from _texts(value.decode("latin-1"))
    readable = value.decode("utf-8", "replace")
    if len(set(readable)) >= MIN_LENGTH:
        yield readable


def _base64_forms(raw: bytes) -> Iterator[Form]:
    """Yield what base64 makes of it wherever in a longer text it begins (`user:password`).

    Three bytes become four characters, so there are three alignments; the characters at either
    end that depend on the neighbours are left out.
    """
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).rstrip(b"=")
        standard = encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        safe = standard.translate(URL_SAFE)
        yield (standard, safe) if safe != standard else (standard,)
