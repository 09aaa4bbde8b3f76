"""PURE: what an endpoint says in its answer: what it has refused, and why, in its own words.

Endpoints answer in protobuf, in JSON, in plain text, or with a page for people. What is repeated of
it is short, on one line, and without what we have sent to be known by.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, unquote_plus

from extension.process.frozen import Frozen
from extension.redaction.url_keys import keys_in_url, query_values

LONGEST_SAID = 300
"""Characters of a message that are repeated: enough for a reason and a field."""

SHORTEST_HIDDEN = 4
"""Shorter parts of a header are words of every message."""

HIDDEN = "[hidden]"
HTML = re.compile(rb"<!doctype html|<html[\s>]", re.IGNORECASE)
HEAD_BYTES = 1024
"""A page says so within these, behind a declaration or comments."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MESSAGES = (
    "message", "error_message", "errorMessage", "error", "errors", "detail", "details", "reason",
)  # fmt: skip
"""Where JSON answers have their text, the best first."""

PARTIAL = ("partialSuccess", "partial_success")
REJECTED = (
    "rejectedSpans", "rejected_spans", "rejectedLogRecords", "rejected_log_records",
    "rejectedDataPoints", "rejected_data_points",
)  # fmt: skip
"""Protobuf's JSON form takes the names of fields in both spellings."""

SHORTEST_CUT = 16
"""Of a credential that long, what an endpoint repeats of its beginning is hidden, too: from"""
RECOGNISED = 8
"""characters on."""


class Answer(Frozen):
    """An answer as it came in, up to a bound."""

    status: int
    content: bytes = b""
    content_type: str = ""
    date: str = ""
    """By the clock of the one that answers."""
    retry_after: str = ""
    error_type: str = ""
    """AWS's name of an error, where it is in a header."""

    @property
    def is_success(self) -> bool:
        """Whether the status says so."""
        return 200 <= self.status < 300

    @property
    def is_markup(self) -> bool:
        """Whether it is HTML or XML, which neither protobuf nor JSON can begin like."""
        return self.content.removeprefix(BYTE_ORDER_MARK).lstrip()[:1] == b"<"

    @property
    def is_page(self) -> bool:
        """Whether it is HTML: of a sign-in page, a proxy, or a server of something else."""
        says_so = "html" in self.content_type.lower()
        return self.is_markup and bool(says_so or HTML.search(self.content[:HEAD_BYTES]))


class EndpointMessage(Frozen):
    """How many items of a batch were refused, and the endpoint's text, as it came.

    `is_none`: whatever the status says, the server does not understand what was sent.
    """

    rejected_items: int = 0
    text: str = ""
    is_none: bool = False


def read_text(answer: Answer) -> EndpointMessage:
    """Read an answer of which nothing is known: JSON or text of an error."""
    if answer.is_success or answer.is_page:
        return EndpointMessage()
    return read_json(answer) or EndpointMessage(text=_decoded(answer.content))


def read_json(answer: Answer) -> EndpointMessage | None:
    """Read a JSON answer of an OTLP endpoint, or of a gateway before it.

    An error without a text of a name that is known is its own text. None if it is not JSON, or
    nested so deeply that it is none of theirs.
    """
    try:
        return _read_json(answer)
    except (ValueError, RecursionError):
        return None


def _read_json(answer: Answer) -> EndpointMessage:
    found = json.loads(answer.content)
    values = (found.get(name) for name in PARTIAL) if isinstance(found, dict) else ()
    partial = next(filter(None, values), None)
    if isinstance(partial, dict):
        return EndpointMessage(rejected_items=_rejected(partial), text=_message(partial))
    text = "" if answer.is_success or not found else _message(found) or _decoded(answer.content)
    return EndpointMessage(text=text)


def _decoded(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _rejected(partial: Mapping[str, Any]) -> int:
    """Return a count of protobuf's JSON form, which writes large numbers as text."""
    for name in REJECTED:
        text = str(partial.get(name, ""))
        if re.fullmatch(r"[0-9]{1,18}(\.0{1,9})?", text, re.ASCII):
            return int(text.partition(".")[0])
    return 0


def _message(found: object) -> str:
    match found:
        case str():
            return found
        case list():
            return next(filter(None, map(_message, found)), "")
        case dict():
            return next(filter(None, (_message(found.get(name)) for name in MESSAGES)), "")
    return ""


def quoted(text: str, *, hiding: Iterable[str]) -> str:
    """Return a message on one line, cut, and without what is to be hidden."""
    shown = "".join(_without(text, hiding))
    line = " ".join("".join(each if each.isprintable() else " " for each in shown).split())
    return line if len(line) <= LONGEST_SAID else f"{line[:LONGEST_SAID]}…"


def _without(text: str, secrets: Iterable[str]) -> Iterator[str]:
    """Yield a text without any of the secrets; forms of one begin alike and overlap."""
    end = 0
    for begin, until in sorted(place for secret in secrets for place in _places(text, secret)):
        if begin >= end:
            yield text[end:begin]
            yield HIDDEN
        end = max(end, until)
    yield text[end:]


def _places(text: str, secret: str) -> Iterator[tuple[int, int]]:
    """Yield where a text repeats a secret, or the beginning of a long one."""
    begin = secret if len(secret) < SHORTEST_CUT else secret[:RECOGNISED]
    at = text.find(begin)
    while at >= 0:
        yield at, _end_of(secret, text, at)
        at = text.find(begin, at + 1)  # it may begin within what only looked like it


def _end_of(secret: str, text: str, at: int) -> int:
    """Return how far a text repeats a secret, whichever of its characters are percent-encoded."""
    for character in secret:
        if text.startswith(character, at):
            at += 1
        elif text[at : at + 3].lower() == f"%{ord(character):02x}":
            at += 3
        else:
            break
    return at


def credentials_in(url: str, headers: Mapping[str, str]) -> frozenset[str]:
    """Return what an endpoint could repeat of what we have sent to be known by.

    Of the path that is what looks like a key, of the query each value.
    """
    values = [*headers.values(), *keys_in_url(url)]
    for value in query_values(url):
        values += value, unquote_plus(value)
    parts = {part for value in values for part in _parts(value)}
    forms = {form for part in parts for form in (part, quote(part, safe=""), unquote(part))}
    return frozenset(each for each in forms if len(each) >= SHORTEST_HIDDEN)


def _parts(value: str) -> Iterator[str]:
    yield value
    for word in value.split():
        yield word
        if value.lower().startswith("basic "):
            try:
                user_info = b64decode(word).decode()
            except ValueError:
                continue
            yield user_info
            yield from user_info.split(":", 1)
