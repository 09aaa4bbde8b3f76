"""JSON of unknown origin becomes values that can be sent on."""

from __future__ import annotations

from typing import Any

import pytest

from extension.telemetry.reading.read_json import read_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12), ("-5", -5), ("1e3", 1000.0), ('"x"', "x"), ("[1]", [1]), ('{"a":1}', {"a": 1}),
        (' \n{"a": 1}\t', {"a": 1}), ("null", None), ("NaN", "NaN"), ("-1e999", "-1e999"),
        (b'"\xc3\xa4"', "ä"), (b"\xff\xfe[\x00]\x00", []),
    ],
)  # fmt: skip
def test_values(text: str | bytes, value: Any) -> None:
    """With blanks around them or none, as text or bytes."""
    assert read_json(text) == value


@pytest.mark.parametrize("half", ["\\ud800", "\\uD800", "\\udfff", "\\uDFFF"])
def test_half_characters_become_question_marks(half: str) -> None:
    """However they are spelled, in keys and values, at any depth."""
    told = read_json(f'{{"a{half}": ["b{half}", {{"c": "{half}"}}, 1]}}')
    assert told == {"a?": ["b?", {"c": "?"}, 1]}


@pytest.mark.parametrize("half", [b"\xed\xa0\x80", b"\xed\xbf\xbf"])
def test_half_characters_in_bytes_become_question_marks(half: bytes) -> None:
    """Where something has written them as if they were characters, which is no UTF-8."""
    told = read_json(b'{"a%b": ["b%b", {"c": "\xc3\xa4%b"}, 1]}' % (half, half, half))
    assert told == {"a?": ["b?", {"c": "ä?"}, 1]}


def test_whole_characters_stay() -> None:
    """Though JSON spells them in halves."""
    assert read_json('"\\ud83d\\ude00 \\u00e4"') == "😀 ä"


def test_integers_that_python_does_not_convert_stay_texts() -> None:
    """The others of the same object are numbers."""
    longest, longer = "9" * 4300, "9" * 4301
    assert read_json(f"[{longest}, {longer}, 7, 1.5]") == [int(longest), longer, 7, 1.5]


@pytest.mark.parametrize("text", ["", " ", "{", "1 2", "{'a': 1}", "[" * 100_000, "nope"])
def test_what_is_no_json(text: str) -> None:
    """One kind of error, whatever is wrong."""
    with pytest.raises(ValueError, match=r".*"):
        read_json(text)
