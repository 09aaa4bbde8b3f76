"""Takes secrets out of requests, and items with impossible ids.

A request is parsed always, and written again only if something in it is hidden. Most texts are not
searched one by one: one search over all bytes finds what stands there as it is, so only texts that
may have an encoding in them are looked at. What the parser does not know, fields of a newer
protocol, is thrown away if a secret is still found in the bytes.

One item that cannot be parsed would have the whole POST refused in which it leaves, with our own
spans in it; so such an item is left out, and what is around it goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from google.protobuf.message import DecodeError

from extension.redaction.redactor import Redacted
from extension.redaction.undo import may_have_layers
from extension.redaction.unpack import may_be_packed
from extension.telemetry.export.buffer import Signal
from extension.telemetry.receiver.messages import (
    ID_BYTES,
    ITEMS,
    TextField,
    request_type,
    text_fields,
)

ANY_VALUE = "opentelemetry.proto.common.v1.AnyValue"

Walk = Callable[[Any], None]


class BadItemError(ValueError):
    """An endpoint would refuse this item, and all that is sent with it."""


class HiddenError(ValueError):
    """There is a secret in it that cannot be taken out."""


class Redaction(Protocol):
    """What knows the secrets: a `Redactor`."""

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to hide."""

    @property
    def has_pattern(self) -> bool:
        """Whether there is more to hide than values that are known."""

    def may_stand_in(self, raw: bytes) -> bool:
        """Tell whether a value to hide stands in bytes that hold many texts, not encoded."""

    def redact(self, text: str) -> Redacted:
        """Replace each secret."""


class Cleaner:
    """Cleans requests of all signals."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._walks: dict[Signal, Walk] = {}
        self._memory: dict[str, str] = {}
        """Texts of the request that is being cleaned, and what becomes of them."""
        self._searches_all = False
        self._hidden = 0
        self._redacts = False
        self.items_redacted = 0
        """Items, and envelopes around items, of the last request that held a secret."""

    def clean(self, signal: Signal, body: bytes) -> bytes:
        """Return a request without secrets.

        Raises:
            BadItemError: it cannot be parsed, or an id in it has an impossible length.
            HiddenError: a secret would be left in it.
        """
        message = _parse(signal, body)
        self._redacts = not self._redaction.is_idle
        is_found = self._redacts and self._redaction.may_stand_in(body)
        self._searches_all = is_found or self._redaction.has_pattern
        self._hidden = self.items_redacted = 0
        self._memory.clear()
        self._walk_of(signal)(message)
        if not self._hidden and not is_found:
            return body
        self.items_redacted = max(self.items_redacted, 1)
        return self._written(message, is_found=is_found)

    def _written(self, message: Any, *, is_found: bool) -> bytes:
        written: bytes = message.SerializePartialToString()
        if is_found and self._redaction.may_stand_in(written):
            message.DiscardUnknownFields()
            written = message.SerializePartialToString()
            if self._redaction.may_stand_in(written):
                raise HiddenError
        return written

    def _text(self, text: str) -> str:
        if not self._redacts:
            return text
        known = self._memory.get(text)
        if known is None:
            known = self._memory[text] = self._redact(text)
        if known is not text and known != text:
            self._hidden += 1
        return known

    def _redact(self, text: str) -> str:
        if self._searches_all or may_have_layers(text) or may_be_packed(text):
            return self._redaction.redact(text).text
        return text

    def _bytes(self, value: bytes) -> bytes:
        """Clean bytes, which may hold a text or a secret that is none."""
        if not self._redacts:
            return value
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = value.decode("latin-1")
        redacted = self._redaction.redact(text)
        if redacted.text == text:
            return value
        self._hidden += 1
        return redacted.text.encode()

    def _walk_of(self, signal: Signal) -> Walk:
        walk = self._walks.get(signal)
        if walk is None:
            fields = text_fields(signal)
            walks: dict[str, Walk] = {}
            for name in fields:
                walks[name] = self._build(name, fields[name], walks)
            walk = self._walks[signal] = walks[request_type(signal).DESCRIPTOR.full_name]
        return walk

    def _build(self, name: str, fields: tuple[TextField, ...], walks: dict[str, Walk]) -> Walk:
        if name == ANY_VALUE:
            return self._any_value(walks)
        steps = tuple(self._step(field, walks) for field in fields)

        def walk(message: Any) -> None:
            for step in steps:
                step(message)

        if name.rpartition(".")[2] not in ITEMS:
            return walk

        def walk_item(message: Any) -> None:
            before = self._hidden
            walk(message)
            if self._hidden != before:
                self.items_redacted += 1

        return walk_item

    def _any_value(self, walks: dict[str, Walk]) -> Walk:
        """Return the walk of the message that is by far the most frequent."""
        clean = self._text

        def walk(message: Any) -> None:
            text = message.string_value
            if text:
                cleaned = clean(text)
                if cleaned is not text:
                    message.string_value = cleaned
                return
            match message.WhichOneof("value"):
                case "array_value":
                    for each in message.array_value.values:
                        walk(each)
                case "kvlist_value":
                    pairs = walks["opentelemetry.proto.common.v1.KeyValue"]
                    for each in message.kvlist_value.values:
                        pairs(each)
                case "bytes_value":
                    message.bytes_value = self._bytes(message.bytes_value)

        return walk

    def _step(self, field: TextField, walks: dict[str, Walk]) -> Walk:
        name, clean = field.name, self._text

        def text(message: Any) -> None:
            value = getattr(message, name)
            if value:
                cleaned = clean(value)
                if cleaned is not value:
                    setattr(message, name, cleaned)

        def texts(message: Any) -> None:
            values = getattr(message, name)
            for at, value in enumerate(values):
                values[at] = clean(value)

        def raw(message: Any) -> None:
            setattr(message, name, self._bytes(getattr(message, name)))

        def identifier(message: Any) -> None:
            value = getattr(message, name)
            if value and len(value) != ID_BYTES[name]:
                raise BadItemError(name)

        def one(message: Any) -> None:
            if message.HasField(name):
                walks[field.of](getattr(message, name))

        def many(message: Any) -> None:
            walk = walks[field.of]
            for each in getattr(message, name):
                walk(each)

        return {
            "text": text,
            "texts": texts,
            "bytes": raw,
            "id": identifier,
            "message": one,
            "messages": many,
        }[field.content]


def _parse(signal: Signal, body: bytes) -> Any:
    try:
        return request_type(signal).FromString(body)
    except DecodeError as error:
        raise BadItemError("not a request") from error
