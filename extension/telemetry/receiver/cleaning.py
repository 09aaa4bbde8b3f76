"""Takes secrets out of requests, and items with impossible ids.

A request is parsed always, and written again only if something in it is hidden. One search over all
its bytes finds the secrets that are not encoded. What the parser does not know, fields of a newer
protocol, is thrown away if a secret is still found in the bytes.

One item that cannot be parsed would have the whole POST refused in which it leaves, with our own
spans in it; so such an item is left out, and what is around it goes on.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError

from extension.telemetry.export.buffer import REQUEST_BYTES, Signal
from extension.telemetry.receiver.messages import request_type
from extension.telemetry.receiver.text_walks import BadItemError, Redaction, TextWalks

MAX_ITEM_BYTES = 1_048_576
"""Of a span, record or metric with its resource and scope: no back end takes a larger one."""

MAX_VALUES = 32_768
"""Attributes, events, points and so on of one item: all of an item are looked at in one go."""

SMALL_BYTES = 2 * REQUEST_BYTES
"""So little has not too many values."""


class TooLargeError(ValueError):
    """Reading this item would keep everything else waiting."""


class HiddenError(ValueError):
    """There is a secret in it that cannot be taken out."""


class Cleaner:
    """Cleans requests of all signals."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._walks = TextWalks(redaction)
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
        self.items_redacted = 0
        redacts = not self._redaction.is_idle
        is_found = redacts and self._redaction.may_stand_in(body)
        searches_all = is_found or self._redaction.has_pattern
        self._walks.walk(signal, message, redacts=redacts, searches_all=searches_all)
        if not self._walks.hidden and not is_found:
            return body
        self.items_redacted = max(self._walks.items_redacted, 1)
        return self._written(message, is_found=is_found)

    def _has_too_many_values(self, signal: Signal, message: Any) -> bool:
        number = 0
        waiting = [message]
        while waiting and number <= MAX_VALUES:
            each = waiting.pop()
            for field in self._walks.fields_of(signal)[each.DESCRIPTOR.full_name]:
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


def _parse(signal: Signal, body: bytes) -> Any:
    try:
        return request_type(signal).FromString(body)
    except DecodeError as error:
        raise BadItemError("not a request") from error
