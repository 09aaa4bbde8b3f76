r"""PURE: undoes the encodings that software puts around a text: `\u00e4`, `%C3%A4`, `&auml;`.

One round undoes one layer, whatever kinds of escapes are in it; a text that was escaped twice takes
two. Undoing never makes a text longer, and the number of rounds is bounded. Line breaks vanish, for
base64 is written in lines of 60, 64 or 76 characters.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

ROUNDS = 6
"""Layers that are undone: JSON in JSON in JSON, in a URL, in base64 of several lines."""

TOKEN = re.compile(
    # Each alternative begins with a literal, so that the search skips to these five characters;
    # what repeats is one piece, for pieces are what costs.
    r"("
    r"\\[0-3][0-7]{2}(?:\\[0-3][0-7]{2})*|\\(?:[abefnrtv0]|[^\w%&])(?:\\(?:[abefnrtv0]|[^\w%&]))*"
    r"|\\u[0-9a-fA-F]{4}(?:\\u[0-9a-fA-F]{4})*|\\U[0-9a-fA-F]{8}"
    r"|\\[ux]\{[0-9a-fA-F]{1,6}(?: [0-9a-fA-F]{1,6})*\}"
    r"|\\x[0-9a-fA-F]{2}(?:\\x[0-9a-fA-F]{2})*"
    r"|%[0-9a-fA-F]{2}(?:%[0-9a-fA-F]{2})*|%u[0-9a-fA-F]{4}(?:%u[0-9a-fA-F]{4})*"
    r"|&\#[0-9]{1,7};|&\#[xX][0-9a-fA-F]{1,6};|&[a-zA-Z][a-zA-Z0-9]{1,31};"
    r"|\n[ \t\r\n]*|\r[ \t\r\n]*"
    # Doubled, as in SQL and CSV, where it is not an empty text; shells leave and enter theirs.
    r"|'\"'\"'|''(?:(?<=[^\s:=,(\[{]'')|(?=[^,;)\]}\r\n]))"
    r"|\"\"(?:(?<=[^\s:=,(\[{]\"\")|(?=[^,;)\]}\r\n]))"
    r")"
)
NAMED = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'"}
CONTROLS = {
    "0": "\0", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f",
    "n": "\n", "r": "\r", "t": "\t", "v": "\v"
}  # fmt: skip
"""What letters behind a backslash stand for; whatever is no letter stands for itself."""
_CONTROLS = str.maketrans(CONTROLS)

NOT_ASCII = re.compile(rb"[\x80-\xff]+")
REMEMBERED = 4096
LONGEST_REMEMBERED = 12
"""Characters of an escape that is remembered: up to four of a text, never a secret."""


class _Plain(dict[str, str]):
    """What each escape stands for, found once: a long text is full of the same few."""

    def __missing__(self, token: str) -> str:
        plain = _plain(token)
        if len(token) <= LONGEST_REMEMBERED and len(self) < REMEMBERED:
            self[token] = plain
        return plain


_PLAIN = _Plain()


class Layer(NamedTuple):
    """A text with one layer of escapes undone, and the pieces that it was made of.

    In both lists every second piece is an escape, from the second on.
    """

    text: str
    escaped: list[str]
    plain: list[str]

    def origins(self, spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Yield where each span of the text stood before; an escape is never cut."""
        begins = [0, *accumulate(map(len, self.plain))]
        before = [0, *accumulate(map(len, self.escaped))]
        for begin, end in spans:
            first, last = bisect_right(begins, begin) - 1, bisect_left(begins, end) - 1
            first_offset = 0 if first % 2 else begin - begins[first]
            last_offset = len(self.escaped[last]) if last % 2 else end - begins[last]
            yield before[first] + first_offset, before[last] + last_offset


def may_have_layers(text: str) -> bool:
    """Tell whether a text has a character that an escape begins with; few lines have."""
    return (
        "\\" in text or "%" in text or "&" in text or "\n" in text or "\r" in text
        or "''" in text or '""' in text or "'\"'\"'" in text
    )  # fmt: skip


def undo(text: str) -> Layer | None:
    """Return the text without its outermost escapes, None if it has none."""
    if not may_have_layers(text):
        return None
    escaped = TOKEN.split(text)
    if len(escaped) == 1:
        return None
    plain = escaped.copy()
    plain[1::2] = map(_PLAIN.__getitem__, escaped[1::2])
    return Layer("".join(plain), escaped, plain)


def layers(text: str) -> Iterator[Layer]:
    """Yield each layer below a text, the outermost first."""
    for _ in range(ROUNDS):
        layer = undo(text)
        if layer is None or layer.text == text:
            return
        yield layer
        text = layer.text


def innermost(text: str) -> str:
    """Return the text without any escapes."""
    for layer in layers(text):
        text = layer.text
    return text


def as_text(raw: bytes) -> str:
    """Return bytes as the escapes of programming languages show them: UTF-8 where it is."""
    return NOT_ASCII.sub(_to_utf8, raw).decode("utf-8", "surrogatepass")


def _to_utf8(match: re.Match[bytes]) -> bytes:
    try:
        match[0].decode()
    except ValueError:
        return match[0].decode("latin-1").encode()
    return match[0]


def _plain(token: str) -> str:
    match token[0]:
        case "\\":
            return _unescaped(token)
        case "%":
            if token[1] in "uU":
                return _from_utf16(token.replace("%u", ""))
            return as_text(bytes.fromhex(token.replace("%", "")))
        case "&":
            return _entity(token)
        case "'" | '"':
            return token[0]
    return ""  # a line break


def _unescaped(token: str) -> str:
    match token[1]:
        case "u" | "x" if token[2:3] == "{":
            return "".join(map(_character, token[3:-1].split()))
        case "x" if len(token) > 2:
            return as_text(bytes.fromhex(token.replace("\\x", "")))
        case "u" if len(token) > 2:
            return _from_utf16(token.replace("\\u", ""))
        case "U" if len(token) > 2:
            return _character(token[2:])
        case "0" | "1" | "2" | "3" if token[2:3].isdecimal():
            return as_text(bytes(int(each, 8) for each in token.split("\\")[1:]))
    return token[1::2].translate(_CONTROLS)


def _from_utf16(digits: str) -> str:
    return bytes.fromhex(digits).decode("utf-16-be", "surrogatepass")


def _entity(token: str) -> str:
    if token[1] != "#":
        return NAMED.get(token) or _named(token)
    if token[2] in "xX":
        return _character(token[3:-1])
    return _character(f"{int(token[2:-1]):x}")


def _named(token: str) -> str:
    from html.entities import html5  # noqa: PLC0415  # hardly any line needs it

    return html5.get(token[1:], token)


def _character(code: str) -> str:
    number = int(code, 16)
    return chr(number) if number <= 0x10FFFF else "\ufffd"
