"""Makes one message of OTLP smaller: its longest texts lose their middle, then parts are left out.

What is left says that it was cut, and how large it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from extension.telemetry.otlp import attributes as names
from extension.telemetry.otlp.limits import Limits

SHORTEST = 32
"""Texts are not cut further: then parts go."""

MOST_LOOKED_AT = 10_000
"""Texts and messages: what has more of them is large by its number of parts."""

STEP = 0.8
"""By how much the texts become shorter at a time, until the message fits."""

PARTS = (
    ("events", "dropped_events_count"),
    ("links", "dropped_links_count"),
    ("exemplars", ""),
    ("attributes", "dropped_attributes_count"),
)
"""What is left out, in this order, the last ones first, and where OTLP counts it."""

Setter = Callable[[Any], None]


def shrink(message: Any, *, limit: int, size: Callable[[], int]) -> None:
    """Cut a message that has attributes until `size()` is within the limit, if that can be."""
    _mark(message, before=size())
    _cut_texts(message, limit, size)
    for field, counter in PARTS:
        while hasattr(message, field) and size() > limit:
            parts = getattr(message, field)
            has_mark = field == "attributes"
            left = len(parts) - has_mark
            if not left:
                break
            gone = max(left // 4, 1)
            del parts[left - gone : left]
            if counter and hasattr(message, counter):
                setattr(message, counter, getattr(message, counter) + gone)
    if size() > limit and hasattr(message, "body"):
        message.ClearField("body")


def leave_out(message: Any, *, most: int) -> None:
    """Leave out the last attributes of a message with more than so many."""
    if len(message.attributes) <= most:
        return
    before = message.ByteSize()
    if hasattr(message, "dropped_attributes_count"):
        message.dropped_attributes_count += len(message.attributes) - most + 1
    del message.attributes[most - 1 :]
    _mark(message, before=before)


def _mark(message: Any, *, before: int) -> None:
    if message.attributes and message.attributes[-1].key == names.CUT_FROM:
        return  # it was larger still
    message.attributes.append(KeyValue(key=names.CUT_FROM))
    message.attributes[-1].value.int_value = before


def _cut_texts(message: Any, limit: int, size: Callable[[], int]) -> None:
    found = islice(_texts(message), MOST_LOOKED_AT)
    texts = [(each[0], each[1]) for each in found if each and len(each[0]) > SHORTEST]
    longest = max((len(text) for text, _ in texts), default=0)
    while size() > limit and longest > SHORTEST:
        longest = max(int(longest * STEP), SHORTEST)
        cut = Limits(length=longest)
        for text, put in texts:
            if len(text) > longest:
                put(cut.text(text) if isinstance(text, str) else text[:longest])


def _texts(message: Any) -> Iterator[tuple[str | bytes, Setter] | None]:
    """Yield every text in a message with what replaces it, and None for each message in it."""
    yield None
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in [value] if hasattr(value, "ListFields") else value:
                yield from _texts(each)
        elif isinstance(value, str | bytes) and field.name not in ("key", "unit"):
            yield value, _setter(message, field.name)


def _setter(message: Any, name: str) -> Setter:
    return lambda value: setattr(message, name, value)
