"""PURE: JSON of unknown origin, read so that everything in it can be sent on."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

MOST_DIGITS = 4300
"""Of an integer, as Python converts them; a longer one stays the text that it is."""


def read_json(text: str | bytes) -> Any:
    """Return the value; half characters, which no encoder can send, become `?`.

    JSON can spell them, and UTF-8 that is not quite right can hold them as they are.

    Numbers that are not finite, `1e999` and `NaN`, stay texts: JSON has no way to write them.

    Raises:
        ValueError: it is not JSON, or nested too deeply to be read.
    """
    has_halves = False
    if isinstance(text, bytes):
        text, has_halves = _decoded(text)
    try:
        try:
            value, end = SCAN(text, 0)
        except (StopIteration, ValueError):
            value, end = None, -1
        if end != len(text):  # white space around it, or no JSON
            value = _loads(text)
        return _without_halves(value) if has_halves or may_have_halves(text) else value
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _decoded(raw: bytes) -> tuple[str, bool]:
    """Return bytes as text, and whether there are half characters in it."""
    encoding = json.detect_encoding(raw)
    try:
        return raw.decode(encoding), False
    except UnicodeDecodeError:
        return raw.decode(encoding, "surrogatepass"), True


def _loads(text: str) -> Any:
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError:
        raise
    except ValueError:  # an integer of more digits than Python converts
        return json.loads(text, parse_int=_integer, parse_float=_finite, parse_constant=str)


def _finite(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= MOST_DIGITS else digits


DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=str)
SCAN: Callable[[str, int], tuple[Any, int]] = DECODER.scan_once  # type: ignore[attr-defined]
"""What `decode` calls between two looks for white space; lines have none around them."""


def may_have_halves(text: str) -> bool:
    """Return whether a half character may be spelled in JSON."""
    # A backslash alone is searched for in a tenth of the time, and most texts have none.
    return "\\" in text and "\\u" in text and ("\\ud" in text or "\\uD" in text)


def _without_halves(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case list():
            return [_without_halves(each) for each in value]
        case dict():
            return {_without_halves(key): _without_halves(each) for key, each in value.items()}
    return value
