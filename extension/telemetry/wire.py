"""PURE: protobuf's wire format, as far as it is read and written without its library.

What varies from line to line is so little that an object for each would cost ten times as much as
its bytes. The official encoders are the oracle in the tests.
Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""Kinds of fields: the lowest three bits of a tag."""

ONE_BYTE = tuple(bytes((number,)) for number in range(0x80))
"""Numbers that are one byte, as nearly all are."""

MOST_REMEMBERED = 2048
"""Lengths whose head is remembered: each takes a hundred bytes in each of a dozen tables, and a
longer text takes so long that its head does not matter."""


def varint(number: int) -> bytes:
    """Return a number, a length or a tag as its bytes."""
    if number < 0x80:
        return ONE_BYTE[number]
    if number < 0x4000:
        return bytes((number & 0x7F | 0x80, number >> 7))
    if number < 0x200000:
        return bytes((number & 0x7F | 0x80, number >> 7 & 0x7F | 0x80, number >> 14))
    coded = bytearray()
    while number >= 0x80:
        coded.append(number & 0x7F | 0x80)
        number >>= 7
    coded.append(number)
    return bytes(coded)


def head(number: int, length: int) -> bytes:
    """Return what precedes the bytes of a field: its tag, and how many they are."""
    return varint(number << 3 | LENGTH) + varint(length)


def field(number: int, value: bytes) -> bytes:
    """Return a field that is a message, a text or bytes."""
    return head(number, len(value)) + value


class Heads(dict[int, bytes]):
    """Tag and length of a field, by its length."""

    def __init__(self, number: int) -> None:
        self._tag = varint(number << 3 | LENGTH)

    def __missing__(self, length: int) -> bytes:
        head = self._tag + varint(length)
        if length < MOST_REMEMBERED:
            self[length] = head
        return head


class TextHeads(dict[int, bytes]):
    """What precedes a text that is an `AnyValue` in a field, by the text's length in bytes."""

    def __init__(self, number: int) -> None:
        self._value = Heads(number)
        self._text = Heads(1)

    def __missing__(self, length: int) -> bytes:
        text = self._text[length]
        head = self._value[len(text) + length] + text
        if length < MOST_REMEMBERED:
            self[length] = head
        return head
