"""Takes secrets out of requests, and items with impossible ids.

A request is parsed always, and written again only if something in it is hidden. Most texts are not
searched one by one: one search over all bytes finds what stands there as it is, so only texts that
may have an encoding in them are looked at. What the parser does not know, fields of a newer
protocol, is thrown away if a secret is still found in the bytes.

One item that cannot be parsed would have the whole POST refused in which it leaves, with our own
spans in it; so such an item is left out, and what is around it goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from google.protobuf.message import DecodeError

from extension.redaction.redactor import Redacted
from extension.redaction.undo import may_have_layers
from extension.redaction.unpack import may_be_packed
from extension.telemetry.export.buffer import REQUEST_BYTES, Signal
from extension.telemetry.receiver.messages import (
    ID_BYTES,
    ITEMS,
    TextField,
    id_fields,
    request_type,
    text_fields,
)

COMMON = "opentelemetry.proto.common.v1"
ANY_VALUE = f"{COMMON}.AnyValue"
KEY_VALUE = f"{COMMON}.KeyValue"
KEY_VALUE_LIST = f"{COMMON}.KeyValueList"

MAX_ITEM_BYTES = 1_048_576
"""Of a span, record or metric with its resource and scope: no back end takes a larger one."""

MAX_VALUES = 32_768
"""Attributes, events, points and so on of one item: all of an item are looked at in one go."""

SMALL_BYTES = 2 * REQUEST_BYTES
"""So little has not too many values."""

Fields = Mapping[str, tuple[TextField, ...]]
Walk = Callable[[Any], None]


class BadItemError(ValueError):
    """An endpoint would refuse this item, and all that is sent with it."""


class TooLargeError(ValueError):
    """Reading this item would keep everything else waiting."""


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
        self._fields: dict[Signal, Fields] = {}
        self._walks: dict[tuple[Signal, bool], Walk] = {}

        # Per request
        self._searches_all = False
        """Each text is searched, also those without an encoding."""
        self._hidden = 0
        """Texts that were changed."""
        self._clean: set[str] = set()
        """Texts that hold no secret: most of them are there many times."""
        self.items_redacted = 0
        """Items of the last request that held a secret; 1 if it stood around them alone."""

    def clean(self, signal: Signal, body: bytes) -> bytes:
        """Return a request without secrets.

        Raises:
            TooLargeError: it has too many bytes or values to be read in one go.
            BadItemError: it cannot be parsed, or an id in it has an impossible length.
            HiddenError: a secret would be left in it.
        """
        if len(body) > MAX_ITEM_BYTES:
            raise TooLargeError
        message = _parse(signal, body)
        if len(body) > SMALL_BYTES and self._has_too_many_values(signal, message):
            raise TooLargeError
        self._hidden = self.items_redacted = 0
        redacts = not self._redaction.is_idle
        is_found = redacts and self._redaction.may_stand_in(body)
        self._searches_all = is_found or self._redaction.has_pattern
        self._clean.clear()
        self._walk_of(signal, redacts=redacts)(message)
        if not self._hidden and not is_found:
            return body
        self.items_redacted = max(self.items_redacted, 1)
        return self._written(message, is_found=is_found)

    def _has_too_many_values(self, signal: Signal, message: Any) -> bool:
        number = 0
        waiting = [message]
        while waiting and number <= MAX_VALUES:
            each = waiting.pop()
            for field in self._fields_of(signal)[each.DESCRIPTOR.full_name]:
                match field.content:
                    case "messages":
                        values = getattr(each, field.name)
                        number += len(values)
                        waiting += values[:MAX_VALUES]
                    case "texts":
                        number += len(getattr(each, field.name))
                    case "message" if each.HasField(field.name):
                        waiting.append(getattr(each, field.name))
        return number > MAX_VALUES

    def _written(self, message: Any, *, is_found: bool) -> bytes:
        written: bytes = message.SerializePartialToString()
        if is_found and self._redaction.may_stand_in(written):
            message.DiscardUnknownFields()
            written = message.SerializePartialToString()
            if self._redaction.may_stand_in(written):
                raise HiddenError
        return written

    def _text(self, text: str) -> str:
        """Return a text without secrets."""
        if self._searches_all or may_have_layers(text) or may_be_packed(text):
            redacted = self._redaction.redact(text).text
            if redacted != text:
                self._hidden += 1
                return redacted
        self._clean.add(text)
        return text

    def _bytes(self, value: bytes) -> bytes:
        """Return bytes without secrets, which may be a text or none."""
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = value.decode("latin-1")
        redacted = self._redaction.redact(text).text
        if redacted == text:
            return value
        self._hidden += 1
        return redacted.encode()

    def _walk_of(self, signal: Signal, *, redacts: bool) -> Walk:
        """Return what looks at the ids of a request, and at its texts if there are secrets."""
        walk = self._walks.get((signal, redacts))
        if walk is None:
            known = self._fields_of(signal)
            fields = known if redacts else id_fields(known)
            walks: dict[str, Walk] = {}
            for name, its in fields.items():
                walks[name] = self._build(name, its, walks)
            walk = self._walks[signal, redacts] = walks[request_type(signal).DESCRIPTOR.full_name]
        return walk

    def _fields_of(self, signal: Signal) -> Fields:
        fields = self._fields.get(signal)
        if fields is None:
            fields = self._fields[signal] = text_fields(signal)
        return fields

    def _build(self, name: str, fields: tuple[TextField, ...], walks: dict[str, Walk]) -> Walk:
        if name == ANY_VALUE:
            return self._any_value(walks)
        steps = tuple(self._step(field, walks) for field in fields)

        def walk(message: Any) -> None:
            for step in steps:
                step(message)

        def walk_item(message: Any) -> None:
            before = self._hidden
            walk(message)
            if self._hidden != before:
                self.items_redacted += 1

        return walk_item if name.rpartition(".")[2] in ITEMS else walk

    def _any_value(self, walks: dict[str, Walk]) -> Walk:
        def walk(message: Any) -> None:
            match message.WhichOneof("value"):
                case "string_value":
                    message.string_value = self._text(message.string_value)
                case "bytes_value":
                    message.bytes_value = self._bytes(message.bytes_value)
                case "array_value":
                    for each in message.array_value.values:
                        walk(each)
                case "kvlist_value":
                    walks[KEY_VALUE_LIST](message.kvlist_value)

        return walk

    def _pairs(self, name: str, walks: dict[str, Walk]) -> Walk:
        """Return the walk over attributes, which are most of what there is."""
        clean, any_value = self._clean, walks

        def pairs(message: Any) -> None:
            for pair in getattr(message, name):
                key, value = pair.key, pair.value
                if key not in clean:
                    pair.key = self._text(key)
                text = value.string_value
                if not text:
                    any_value[ANY_VALUE](value)
                elif text not in clean:
                    value.string_value = self._text(text)

        return pairs

    def _step(self, field: TextField, walks: dict[str, Walk]) -> Walk:
        name, clean = field.name, self._clean
        if field.of == KEY_VALUE and field.content == "messages":
            return self._pairs(name, walks)

        def text(message: Any) -> None:
            value = getattr(message, name)
            if value and value not in clean:
                setattr(message, name, self._text(value))

        def texts(message: Any) -> None:
            values = getattr(message, name)
            for at, value in enumerate(values):
                values[at] = self._text(value)

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
