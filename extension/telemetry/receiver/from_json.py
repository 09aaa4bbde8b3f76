"""OTLP in JSON to protobuf, an eighth of the time that protobuf's own converter takes.

A request is converted at once, a large one in steps, so that nothing else waits for it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Generator

from extension.telemetry.export.buffer import Signal
from extension.telemetry.receiver.json_fields import (
    UNKNOWN,
    Coder,
    FieldTables,
    NotOtlpError,
    Table,
    coded,
    sized,
)
from extension.telemetry.receiver.large_json import LARGE, MAX_DEPTH, WINDOW, LargeJson

STEP_VALUES = 512
STEP_CHARACTERS = 65_536
"""What of a larger one is converted in a step, at most; a large text is one value."""

MOST_VALUES = 524_288
"""Read one by one of a request: those of a span are not, unless it is a large one."""


class JsonConverter:
    """Converts requests.

    `window`: characters that are decoded at once; a request that is larger is converted in steps.
    """

    def __init__(self, *, window: int = WINDOW) -> None:
        self._window = window
        self._tables = FieldTables()

    def convert(self, signal: Signal, body: bytes) -> Generator[None, None, bytes]:
        """Return a request as protobuf, a large one in steps; raises NotOtlpError."""
        try:
            table = self._tables.of(signal)
            if len(body) > self._window:
                return (yield from _LargeRequest(body, window=self._window).convert(table))
            request = json.loads(body)
            if not isinstance(request, dict):
                raise NotOtlpError("not an object")
            return coded(request, table)
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise NotOtlpError(type(error).__name__) from None
        except struct.error:
            raise NotOtlpError("a number is too large") from None


class _LargeRequest:
    """Converts a request in steps, and never has more of it decoded than of one step."""

    def __init__(self, body: bytes, *, window: int) -> None:
        self._json = LargeJson(body.decode("utf-8", "surrogatepass"), window=window)
        self._values = 0
        self._step_values = 0
        self._step_at = 0

    def convert(self, table: Table) -> Generator[None, None, bytes]:
        """Return all of it."""
        written = yield from self._object(table, depth=0)
        if self._json.next:
            raise NotOtlpError("something follows it")
        return written

    def _object(self, table: Table, *, depth: int) -> Generator[None, None, bytes]:
        written = bytearray()
        self._json.take("{")
        more = self._json.next != "}"
        while more:
            coder = table.get(self._json.key(), UNKNOWN)
            written += yield from self._value(coder, depth=depth)
            more = self._json.took(",")
        self._json.take("}")
        return bytes(written)

    def _list(self, element: Coder, *, depth: int) -> Generator[None, None, bytes]:
        written = bytearray()
        self._json.take("[")
        more = self._json.next != "]"
        while more:
            written += yield from self._value(element, depth=depth)
            more = self._json.took(",")
        self._json.take("]")
        return bytes(written)

    def _value(self, coder: Coder, *, depth: int) -> Generator[None, None, bytes]:
        value = self._json.small()
        if value is not LARGE:
            if self._is_step():
                yield
            return coder.encode(value) if value is not None else b""
        if depth == MAX_DEPTH:
            raise NotOtlpError("nested too deep")
        if self._json.next == "[":
            element = UNKNOWN if coder is UNKNOWN else coder.element
            if element is None:
                raise NotOtlpError("not a list")
            listed = yield from self._list(element, depth=depth + 1)
            return sized(coder.tag, listed) if coder.is_packed else listed
        if coder is UNKNOWN:
            return (yield from self._object({}, depth=depth + 1))
        if coder.message is None:
            raise NotOtlpError("not an object")
        inner = yield from self._object(coder.message, depth=depth + 1)
        return sized(coder.tag, inner)

    def _is_step(self) -> bool:
        """Count a value; return whether enough was done at once."""
        self._values += 1
        if self._values > MOST_VALUES:
            raise NotOtlpError("too many values")
        values, characters = self._values - self._step_values, self._json.at - self._step_at
        if values < STEP_VALUES and characters < STEP_CHARACTERS:
            return False
        self._step_values, self._step_at = self._values, self._json.at
        return True
