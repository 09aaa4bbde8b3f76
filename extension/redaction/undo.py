r"""PURE: undoes the encodings that software puts around a text: `\u00e4`, `%C3%A4`, `&auml;`.

One round undoes one layer, whatever kinds of escapes are in it; a text that was escaped twice takes
two. Undoing never makes a text longer, and the number of rounds is bounded. Line breaks vanish,
because base64 is written in lines of 60, 64 or 76 characters.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from typing import NamedTuple

ROUNDS = 6
"""Layers that are undone: JSON in JSON in JSON, in a URL, in base64 of several lines."""

_X = "[0-9a-fA-F]"
_AFTER_BACKSLASH = r"(?![%&])[abefnrtv0\W]"
_ESCAPE = (
    # Each alternative begins with a literal of its own, so that the search skips to these five
    # characters; what repeats is one piece, because pieces are what costs.
    r"\\(?:[0-3][0-7]{2}(?:\\[0-3][0-7]{2})*"
    rf"|{_AFTER_BACKSLASH}(?:\\{_AFTER_BACKSLASH})*"
    rf"|u{_X}{{4}}(?:\\u{_X}{{4}})*|U{_X}{{8}}|x{_X}{{2}}(?:\\x{_X}{{2}})*"
    rf"|[ux]\{{{_X}{{1,6}}(?: {_X}{{1,6}})*\}})"
    rf"|%(?:{_X}{{2}}(?:%{_X}{{2}})*|u{_X}{{4}}(?:%u{_X}{{4}})*)"
    rf"|&(?:\#[0-9]{{1,7}}|\#[xX]{_X}{{1,6}}|[a-zA-Z][a-zA-Z0-9]{{1,31}});"
    r"|\n[ \t\r\n]*|\r[ \t\r\n]*"
)
_DOUBLED = (
    # As in SQL and CSV, where it is not an empty text; shells leave and enter theirs.
    r"|'\"'\"'|''(?:(?<=[^\s:=,(\[{]'')|(?=[^,;)\]}\r\n]))"
    r"|\"\"(?:(?<=[^\s:=,(\[{]\"\")|(?=[^,;)\]}\r\n]))"
)
TOKEN = re.compile(f"({_ESCAPE})")
NAMED = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'"}
CONTROLS = {
    "0": "\0", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f",
    "n": "\n", "r": "\r", "t": "\t", "v": "\v"
}  # fmt: skip
"""What letters after a backslash stand for; whatever is no letter stands for itself."""
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

    In both lists every second piece is an escape, from the second on. `above` is the layer that
    the escaped text is itself, None for the outermost.
    """

    text: str
    escaped: list[str]
    plain: list[str]
    above: Layer | None = None

    def origins(self, spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Yield where each span of the text stood before; an escape is never cut."""
        begins = [0, *accumulate(map(len, self.plain))]
        before = [0, *accumulate(map(len, self.escaped))]
        for begin, end in spans:
            first, last = bisect_right(begins, begin) - 1, bisect_left(begins, end) - 1
            first_offset = 0 if first % 2 else begin - begins[first]
            last_offset = len(self.escaped[last]) if last % 2 else end - begins[last]
            yield before[first] + first_offset, before[last] + last_offset


BEGINS = ("\\", "%", "&", "\n", "\r", "''", '""', "'\"'\"'")
"""What an escape begins with, each alone enough for a closer look."""


def may_have_layers(text: str) -> bool:
    """Return whether a text has a character that an escape begins with; few lines have."""
    return _token_of(text) is not None


def undo(text: str, *, above: Layer | None = None) -> Layer | None:
    """Return the text without its outermost escapes, None if it has none."""
    token = _token_of(text)
    if token is None:
        return None
    escaped = token.split(text)
    if len(escaped) == 1:
        return None
    plain = escaped.copy()
    plain[1::2] = map(_PLAIN.__getitem__, escaped[1::2])
    return Layer("".join(plain), escaped, plain, above)


def _token_of(text: str) -> re.Pattern[str] | None:
    """Return what finds the escapes of a text, None if no character of it begins one."""
    if ('"' in text and '""' in text) or ("'" in text and ("''" in text or "'\"'\"'" in text)):
        return _token_or_doubled()
    has_any = (
        "\\" in text or "%" in text or "\n" in text or "\r" in text
        or ("&" in text and ";" in text)
    )  # fmt: skip
    return TOKEN if has_any else None


@cache
def _token_or_doubled() -> re.Pattern[str]:
    """Compiled when a text needs it: a search that stops at each quote takes longer."""
    return re.compile(f"({_ESCAPE}{_DOUBLED})")


def layers(text: str) -> list[Layer]:
    """Return each layer below a text, the outermost first."""
    found: list[Layer] = []
    above = None
    while len(found) < ROUNDS:
        layer = undo(text, above=above)
        if layer is None or layer.text == text:
            break
        found.append(layer)
        text, above = layer.text, layer
    return found


def innermost(text: str) -> str:
    """Return the text without any escapes."""
    below = layers(text)
    return below[-1].text if below else text


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
        case "x":
            return as_text(bytes.fromhex(token.replace("\\x", "")))
        case "u":
            return _from_utf16(token.replace("\\u", ""))
        case "U":
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
