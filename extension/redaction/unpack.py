"""PURE: undoes encodings that leave no character as it was: hexadecimal, base64, lists of bytes.

The secret may be anywhere in what was encoded, and escaped there: a JSON body in base64, the bytes
of a key in hexadecimal. What is found in an encoded text takes the whole of it with it.

    747230756234…   74 72 30 75 …   74-72-30-75-…   dHIwdWI0…   [116, 114, 48, …]   [116 114 48 …]
    {"0":116,"1":114,…}

Node.js and NumPy align the numbers with blanks. With their places before them JavaScript writes
typed arrays as JSON.
"""

from __future__ import annotations

import json
import re
from binascii import a2b_base64
from collections.abc import Callable, Iterator
from typing import NamedTuple

from extension.redaction.forms import MIN_LENGTH
from extension.redaction.undo import Layer, as_text

SHORTEST_RUN = 16
"""Characters of hexadecimal or base64: eight bytes, or a dozen."""

_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS = b"0123456789"


def _classes(**members: bytes) -> bytes:
    """Return a table that replaces each byte by the letter of its class, others by a dot."""
    table = bytearray(b"." * 256)
    for letter, each in members.items():
        for byte in each:
            table[byte] = ord(letter)
    return bytes(table)


RUNS = _classes(a=_LETTERS + _DIGITS + b"+/_")
"""Without the dash of URL-safe base64: the runs of a UUID are short, and most lines have one."""
PAIRS = _classes(h=_DIGITS + b"abcdefABCDEF", s=b" :-")

RUN = b"a" * SHORTEST_RUN
PAIR = b"hh" + b"shh" * 7
COMMAS, BLANKS = b"," * 7, b"[" + b" " * 7
BETWEEN_COMMAS = _DIGITS + b" -xabcdefABCDEF\"':"
"""What is left of a list of numbers without these; Go writes blanks alone."""
BEGIN = re.compile(rb"\[[0-9 ]")
"""Of a list with blanks; many lines begin with a bracket."""

RUN_TOKEN = re.compile(r"([A-Za-z0-9+/_-]{16,}={0,2})")
TOKENS = _classes(a=_LETTERS + _DIGITS + b"+/_-", e=b"=")
TOKEN = re.compile(RUN + b"a*e{0,2}")
"""The same of bytes in classes, found in a third of the time: its beginning is a constant."""
LIST = re.compile(
    r"(?<![\w.])-?(?:0x)?[0-9a-fA-F]{1,3}"
    r"(?:(?:,\s{0,9}|[ :-] {0,3})-?(?:0x)?[0-9a-fA-F]{1,3}){7,}(?![\w.])"
)
PLACED = re.compile(
    r"(?<![\w.])['\"]?0['\"]?:\s?[0-9]{1,3}"
    r"(?:,\s{0,9}['\"]?[0-9]{1,5}['\"]?:\s?[0-9]{1,3}){7,}(?![\w.])"
)
"""Numbers, each after its place."""
LIST_TOKEN = re.compile(rf"({PLACED.pattern}|{LIST.pattern}|{RUN_TOKEN.pattern[1:-1]})")
PAIRS_IN_LIST = re.compile(r"(?<!\w)(?:0x)?([0-9a-fA-F]{2})(?!\w)")
NUMBERS_IN_LIST = re.compile(r"(?<!\w)-?[0-9]{1,5}(?!\w)")
HEX = re.compile(r"[0-9a-fA-F]{16,}")
HEX_DIGITS = "0123456789abcdefABCDEF"

URL_SAFE = bytes.maketrans(b"-_", b"+/")
READABLE = bytes(range(32, 127)) + b"\t\r\n"


def may_be_packed(text: str) -> bool:
    """Return whether anything in a text looks encoded; each line pays for this, so it is quick."""
    raw = text.encode("utf-8", "surrogatepass")
    return has_runs(raw) or has_lists(raw)


def numbers_without_secrets(
    numbers: list[int] | dict[str, int], clean: Callable[[str], str]
) -> str:
    """Return numbers that are a secret as a text without it, an empty text for any others."""
    if len(numbers) < MIN_LENGTH:
        return ""
    text = json.dumps(numbers)
    cleaned = clean(text)
    return "" if cleaned == text else cleaned


# `find` and not `in`: bytes are asked first whether what is looked for is a number.
def has_runs(raw: bytes) -> bool:
    """Return whether so many characters of hexadecimal or base64 follow one another."""
    return raw.translate(RUNS).find(RUN) >= 0


def has_lists(raw: bytes) -> bool:
    """Return whether there may be bytes written one by one."""
    return raw.translate(PAIRS).find(PAIR) >= 0 or may_have_lists(raw)


def may_have_lists(raw: bytes) -> bool:
    """Return whether there may be numbers with commas or blanks between them."""
    if raw.count(b",") >= len(COMMAS) and raw.translate(None, BETWEEN_COMMAS).find(COMMAS) >= 0:
        return True
    return BEGIN.search(raw) is not None and raw.translate(None, _DIGITS).find(BLANKS) >= 0


def tokens(raw: bytes) -> set[bytes]:
    """Return what looks like hexadecimal or base64 in a text."""
    return {raw[slice(*match.span())] for match in TOKEN.finditer(raw.translate(TOKENS))}


def means_anything(token: bytes) -> bool:
    """Return whether a token is anything readable once it is decoded; hardly any is."""
    return bool(_decoded(token.decode()))


def unpack(text: str, *, above: Layer | None = None) -> Layer | None:
    """Return the text with what is encoded in it decoded, None if nothing is."""
    raw = text.encode("utf-8", "surrogatepass")
    may_be_listed = has_lists(raw)
    if not may_be_listed and not has_runs(raw):
        return None
    parts = (LIST_TOKEN if may_be_listed else RUN_TOKEN).split(text)
    decoded = [_decoded(token) for token in parts[1::2]]
    if not any(decoded):
        return None
    packed, plain = parts[:1], parts[:1]
    for token, readings, after in zip(parts[1::2], decoded, parts[2::2], strict=True):
        for piece, meaning in _pieces(token, readings):
            packed += piece, ""
            plain += meaning, ""
        packed[-1] = plain[-1] = after
    return Layer("".join(plain), packed, plain, above)


class Reading(NamedTuple):
    """What a token may stand for: each `step` characters of it are `size` bytes of the text.

    No step: there is no telling which are which.
    """

    text: str
    step: int = 0
    size: int = 1


def _pieces(token: str, readings: list[Reading]) -> Iterator[tuple[str, str]]:
    """Yield parts of a token and what they stand for, as small as they can be told apart."""
    if not readings:
        yield token, token
    elif not readings[0].step:  # so it is where there are several
        yield token, "\0".join("".join(map(_as_latin, each.text)) for each in readings)
    else:
        text, step, size = readings[0]
        plain = [""] * -(-len(token) // step)
        at = 0
        for character in text:
            plain[at // size] += _as_latin(character)
            at += 1 if _is_byte(character) else len(character.encode())
        for number, piece in enumerate(plain):
            yield token[number * step : (number + 1) * step], piece


def _is_byte(character: str) -> bool:
    """Whether it is a byte of no UTF-8, in the way of Python's `surrogateescape`."""
    return "\udc80" <= character <= "\udcff"


def _as_latin(character: str) -> str:
    return chr(ord(character) - 0xDC00) if _is_byte(character) else character


def _decoded(token: str) -> list[Reading]:
    """Return all that a token may stand for, nothing if none of it is readable."""
    if not token.isalnum() and PLACED.fullmatch(token):
        return [Reading(as_text(_numbers(token)[1::2]))]
    if not token.isalnum() and LIST.fullmatch(token):
        return [Reading(as_text(raw)) for raw in _listed(token)]
    found = []
    runs = [token] if not token.strip(HEX_DIGITS) else HEX.findall(token)
    for run in runs:
        found += _readable(bytes.fromhex(run[: len(run) // 2 * 2]), step=2 * (run == token))
    if runs != [token]:
        found += _readable(_from_base64(token), step=4)
    return found


def _listed(token: str) -> Iterator[bytes]:
    """Yield bytes written one by one: `52 56` may be hexadecimal and decimal."""
    yield bytes.fromhex("".join(PAIRS_IN_LIST.findall(token)))
    if "," in token or " " in token:
        yield _numbers(token)


def _numbers(token: str) -> bytes:
    return bytes(int(each) & 0xFF for each in NUMBERS_IN_LIST.findall(token))


def _from_base64(token: str) -> bytes:
    digits = token.rstrip("=").encode().translate(URL_SAFE)
    return a2b_base64(digits[: len(digits) - (len(digits) % 4 == 1)] + b"==")


def _readable(raw: bytes, *, step: int) -> list[Reading]:
    """Return bytes as text if they are one, in UTF-16, too; most of what looks encoded is not."""
    bare = raw.replace(b"\0", b"")
    if len(bare) * 4 <= len(raw) * 3:
        order = "utf-16-le" if raw[1::2].count(0) > raw[::2].count(0) else "utf-16-be"
        bare = raw.decode(order, "ignore").encode("utf-8", "ignore")
    if len(bare.translate(None, READABLE)) * 4 <= len(bare):
        text = bare.decode("utf-8", "surrogateescape")
    else:
        text = bare.decode("utf-8", "ignore")  # quicker than an exception
        if len(text.encode()) < len(bare):
            return []
    if bare != raw:  # its characters are not where its bytes are
        return [Reading(text)]
    return [Reading(text, step, max(step - 1, 1))]
