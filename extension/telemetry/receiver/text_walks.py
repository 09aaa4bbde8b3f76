"""Every text and every id of a request, visited by functions that are made once for each message.

Most texts are not searched one by one: where one search over all bytes has found nothing, only
texts that may have an encoding in them are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from extension.redaction.redactor import Redacted
from extension.redaction.undo import may_have_layers
from extension.redaction.unpack import may_be_packed, numbers_without_secrets
from extension.telemetry.export.buffer import Signal
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

Fields = Mapping[str, tuple[TextField, ...]]
Walk = Callable[[Any], None]


class BadItemError(ValueError):
    """An endpoint would refuse this item, and all that is sent with it."""


class Redaction(Protocol):
    """What knows the secrets: a `Redactor`."""

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to hide."""

    @property
    def has_pattern(self) -> bool:
        """Whether there is more to hide than values that are known."""

    def may_stand_in(self, raw: bytes) -> bool:
        """Return whether a value to hide is in bytes that hold many texts, not encoded."""

    def redact(self, text: str) -> Redacted:
        """Replace each secret."""


class TextWalks:
    """Replaces secrets in the texts of requests, and refuses impossible ids."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._fields: dict[Signal, Fields] = {}
        self._walks: dict[tuple[Signal, bool], Walk] = {}

        # Per request
        self._searches_all = False
        """Each text is searched, also those without an encoding."""
        self._clean: set[str] = set()
        """Texts that hold no secret: most of them are there many times."""
        self.hidden = 0
        """Texts that were changed."""
        self.items_redacted = 0
        """Items that held a secret."""

    def walk(self, signal: Signal, message: Any, *, redacts: bool, searches_all: bool) -> None:
        """Visit the ids of a request and, if it `redacts`, its texts; raises BadItemError."""
        self._searches_all = searches_all
        self.hidden = self.items_redacted = 0
        self._clean.clear()
        self._walk_of(signal, redacts=redacts)(message)

    def fields_of(self, signal: Signal) -> Fields:
        """Return the fields of each message of a signal in which there may be texts."""
        fields = self._fields.get(signal)
        if fields is None:
            fields = self._fields[signal] = text_fields(signal)
        return fields

    def _text(self, text: str) -> str:
        """Return a text without secrets."""
        if self._searches_all or may_have_layers(text) or may_be_packed(text):
            redacted = self._redaction.redact(text).text
            if redacted != text:
                self.hidden += 1
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
        self.hidden += 1
        return redacted.encode()

    def _bytes_as_text(self, values: Sequence[Any]) -> str:
        """Return numbers that are a secret as a text without it, an empty text for any others."""
        if not all(each.HasField("int_value") for each in values):
            return ""
        return numbers_without_secrets([each.int_value for each in values], self._text)

    def _walk_of(self, signal: Signal, *, redacts: bool) -> Walk:
        """Return what looks at the ids of a request, and at its texts if there are secrets."""
        walk = self._walks.get((signal, redacts))
        if walk is None:
            known = self.fields_of(signal)
            fields = known if redacts else id_fields(known)
            walks: dict[str, Walk] = {}
            for name, its in fields.items():
                walks[name] = self._build(name, its, walks)
            walk = self._walks[signal, redacts] = walks[request_type(signal).DESCRIPTOR.full_name]
        return walk

    def _build(self, name: str, fields: tuple[TextField, ...], walks: dict[str, Walk]) -> Walk:
        if name == ANY_VALUE:
            return self._any_value(walks)
        steps = tuple(self._step(field, walks) for field in fields)

        def walk(message: Any) -> None:
            for step in steps:
                step(message)

        def walk_item(message: Any) -> None:
            before = self.hidden
            walk(message)
            if self.hidden != before:
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
                    if text := self._bytes_as_text(message.array_value.values):
                        message.string_value = text
                        return
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
        if field.of == KEY_VALUE:
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
