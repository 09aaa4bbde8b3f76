"""PURE: a record that the platform has cut over two deliveries, joined again.

A record larger than the subscription's `maxBytes` is cut anywhere in its text. The first delivery
is closed as if it were whole, the second repeats the envelope and goes on:

    [{"time":T,"type":"function","record":{"message":"AAAA}]
    [{"time":T,"type":"function","record":BBBB"}},{"time":…}]

Neither is JSON. What is joined may be cut once more.
"""

from __future__ import annotations

RECORD = b'"record":'
CLOSING = b"}]"


def is_first_part(element: bytes) -> bool:
    """Return whether the unreadable end of a delivery may be continued by the next one."""
    return element.endswith(CLOSING) and RECORD in element


def join(first: bytes, delivery: bytes) -> bytes | None:
    """Return a delivery with the first part of its first record before it.

    None if it does not go on with that record.
    """
    envelope = first[: first.index(RECORD) + len(RECORD)]
    opening = b"[" + envelope
    if not delivery.startswith(opening):
        return None
    return b"[" + first.removesuffix(CLOSING) + delivery[len(opening) :]
