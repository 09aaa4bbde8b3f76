"""JSON as Go writes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from extension.parameters.gojson import encode, rfc3339


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"b": 1, "a": None}, b'{"b":1,"a":null}'),
        ("<>&", b'"\\u003c\\u003e\\u0026"'),
        ("\u2028\u2029", b'"\\u2028\\u2029"'),
        ("ü", '"ü"'.encode()),
        ("\U0001f511", '"\U0001f511"'.encode()),
        ("\ud83d", '"\ufffd"'.encode()),
        ('"\\\n\t\x01', b'"\\"\\\\\\n\\t\\u0001"'),
        (b"\x00\xff", b'"AP8="'),
        (b"", b'""'),
        ([True, False, 1.5], b"[true,false,1.5]"),
    ],
)
def test_values(value: object, written: bytes) -> None:
    """Compact, escaped like Go, UTF-8."""
    assert encode(value) == written


def test_what_has_no_json_is_refused() -> None:
    """An error, not a guess."""
    with pytest.raises(TypeError, match="object"):
        encode(object())


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (datetime(2022, 11, 16, 8, 22, 40, 362_000, UTC), "2022-11-16T08:22:40.362Z"),
        (datetime(2022, 11, 16, 8, 22, 40, 360_000, UTC), "2022-11-16T08:22:40.36Z"),
        (datetime(2022, 11, 16, 8, 22, 40, 0, UTC), "2022-11-16T08:22:40Z"),
        (datetime(2022, 12, 31, 23, 59, 59, 999_600, UTC), "2023-01-01T00:00:00Z"),
        (
            datetime(2022, 11, 16, 3, 22, 40, 0, timezone(timedelta(hours=-5))),
            "2022-11-16T08:22:40Z",
        ),
        (datetime(1969, 12, 31, 23, 59, 59, 500_000, UTC), "1969-12-31T23:59:59.5Z"),
    ],
)
def test_moments(moment: datetime, written: str) -> None:
    """UTC, to the millisecond, without trailing zeros."""
    assert rfc3339(moment) == written
