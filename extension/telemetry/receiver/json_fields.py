"""How each field of OTLP's JSON is written in protobuf, by the descriptors of OTLP.

HEAVY: imports google. Ids are hexadecimal, which the official converter takes for base64 without
complaint; enums are numbers; what is not known is ignored. Beyond that it takes what senders in the
field write: keys in snake case, names of enums, numbers for int64.
Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import struct
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from extension.telemetry.export.buffer import Signal
from extension.telemetry.receiver.messages import ID_BYTES, is_repeated, request_type
from extension.telemetry.wire import FIXED32, FIXED64, LENGTH, VARINT, varint

UNSIGNED = (1 << 64) - 1

Encode = Callable[[Any], bytes]
"""From a value of a field to the field, tag included."""

NO_ID = b"?"
"""Written for an id that is not hexadecimal: of no id's length, so its item is left out alone."""

DOUBLES = {"int_value": "double_value", "as_int": "as_double"}
"""JavaScript's SDK writes every whole number in the former, `Number.MAX_VALUE` too."""

URL_SAFE = str.maketrans("-_", "+/")


class NotOtlpError(ValueError):
    """The JSON is not what the protocol says."""


class Coder(NamedTuple):
    """How a field is written.

    Attributes:
        encode: Writes all of it.
        tag: Of the field.
        message: The fields of what is in it, None for anything but a message.
        element: How one of a list is written, None for what is no list.
        is_packed: The list is in one field.
    """

    encode: Encode
    tag: bytes = b""
    message: Table | None = None
    element: Coder | None = None
    is_packed: bool = False


Table = Mapping[str, Coder]

UNKNOWN = Coder(encode=lambda _: b"")
"""Of a field that is not known, and of all that is in it."""


class FieldTables:
    """The fields of each message; those of a signal are read when its first request comes."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, Coder]] = {}

    def of(self, signal: Signal) -> Table:
        """Return the fields of a signal's requests, by the names that they have in JSON."""
        return self._table(request_type(signal).DESCRIPTOR)

    def _table(self, message: Descriptor) -> Table:
        table = self._tables.get(message.full_name)
        if table is None:
            table = self._tables[message.full_name] = {}  # first, for messages that hold themselves
            for field in message.fields:
                table[field.name] = table[field.json_name] = self._field(field)
        return table

    def _field(self, field: FieldDescriptor) -> Coder:
        encode, tag = self._single(field), varint(field.number << 3 | LENGTH)
        message = self._table(field.message_type) if field.message_type else None
        one = Coder(encode, tag=tag, message=message)
        if not is_repeated(field):
            return one
        packed = _packed(field)
        if packed is not None:
            return Coder(packed, tag=tag, element=Coder(_scalar(field)[0]), is_packed=True)
        return Coder(lambda values: b"".join(map(encode, values)), element=one)

    def _single(self, field: FieldDescriptor) -> Encode:
        number, kind = field.number, FieldDescriptor
        match field.type:
            case kind.TYPE_MESSAGE:
                tag, table = varint(number << 3 | LENGTH), self._table(field.message_type)
                return lambda value: sized(tag, coded(value, table))
            case kind.TYPE_STRING:
                tag = varint(number << 3 | LENGTH)
                return lambda value: sized(tag, value.encode("utf-8", "replace"))
            case kind.TYPE_BYTES:
                tag = varint(number << 3 | LENGTH)
                decode = _id if field.name in ID_BYTES else _from_base64
                return lambda value: sized(tag, decode(value))
            case _:
                scalar, wire = _scalar(field)
                tag = varint(number << 3 | wire)
                if field.name in DOUBLES:
                    others = field.containing_type.fields_by_name
                    double = self._single(others[DOUBLES[field.name]])
                    return lambda value: tag + scalar(value) if _is_int64(value) else double(value)
                return lambda value: tag + scalar(value)


def coded(value: dict[str, Any], table: Table) -> bytes:
    """Return an object of JSON as a message, without its tag and length."""
    parts = []
    for name, each in value.items():
        coder = table.get(name)
        if coder is not None and each is not None:
            parts.append(coder.encode(each))
    return b"".join(parts)


def _scalar(field: FieldDescriptor) -> tuple[Encode, int]:
    """Return how a number is written, without its tag, and its kind on the wire."""
    kind = FieldDescriptor
    match field.type:
        case kind.TYPE_ENUM:
            names = {each.name: each.number for each in field.enum_type.values}
            return lambda value: varint(_int(names.get(value, value)) & UNSIGNED), VARINT
        case kind.TYPE_BOOL:
            return lambda value: b"\1" if _bool(value) else b"\0", VARINT
        case kind.TYPE_FIXED64:
            return lambda value: struct.pack("<Q", _int(value)), FIXED64
        case kind.TYPE_SFIXED64:
            return lambda value: struct.pack("<q", _int(value)), FIXED64
        case kind.TYPE_FIXED32:
            return lambda value: struct.pack("<I", _int(value)), FIXED32
        case kind.TYPE_DOUBLE:
            return lambda value: struct.pack("<d", _float(value)), FIXED64
        case kind.TYPE_SINT32 | kind.TYPE_SINT64:
            return lambda value: varint(_zigzag(_int(value))), VARINT
    return lambda value: varint(_int(value) & UNSIGNED), VARINT


def _packed(field: FieldDescriptor) -> Encode | None:
    """Return how a list of numbers is written, None for a list of anything else."""
    if field.message_type or field.type in (
        FieldDescriptor.TYPE_STRING,
        FieldDescriptor.TYPE_BYTES,
    ):
        return None
    tag, (scalar, _) = varint(field.number << 3 | LENGTH), _scalar(field)
    return lambda values: sized(tag, b"".join(map(scalar, values)))


def sized(tag: bytes, value: bytes) -> bytes:
    """Return a field of a given length."""
    return tag + varint(len(value)) + value


def _zigzag(number: int) -> int:
    return (number << 1) ^ (number >> 63)


def _int(value: Any) -> int:
    """Read an integer, which 64-bit ones are strings of."""
    if isinstance(value, float) and not value.is_integer():
        raise NotOtlpError("not an integer")
    number = int(value)
    if not -(1 << 63) <= number <= UNSIGNED:
        raise NotOtlpError("not of 64 bits")
    return number


def _is_int64(value: Any) -> bool:
    """Whether a number is written as an integer; anything but a number is for `_int`."""
    if not isinstance(value, int | float):
        return True
    return -(1 << 63) <= value < 1 << 63 and value == int(value)


def _float(value: Any) -> float:
    if isinstance(value, bool):
        raise NotOtlpError("not a number")
    return float(value)


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise NotOtlpError("neither true nor false")
    return value


def _id(value: str) -> bytes:
    try:
        return bytes.fromhex(value)
    except ValueError:
        return NO_ID


def _from_base64(value: str) -> bytes:
    return b64decode(value.translate(URL_SAFE) + "=" * (-len(value) % 4))
