"""How long and how many attributes may be."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from extension.telemetry.otlp.limits import Limits


def test_what_is_within_the_limits_stays_as_it_is() -> None:
    """Nothing is copied, nothing counted."""
    cut: Counter[str] = Counter()
    attributes = {"a": "x" * 10, "b": 7, "c": ["y"]}
    assert Limits(length=10, count=3, cut=cut).apply(attributes) == attributes
    assert not cut


def test_a_long_text_loses_its_middle() -> None:
    """The end of a stack trace says as much as its beginning; it says how much is missing."""
    cut: Counter[str] = Counter()
    text = "a" * 500 + "b" * 500
    short = Limits(length=100, cut=cut).apply({"stack": text})["stack"]
    assert len(short) <= 100
    assert short.startswith("aaa")
    assert short.endswith("bbb")
    assert "900 characters cut" in short
    assert cut == {"values": 1}


def test_texts_inside_values_are_cut_too() -> None:
    """In lists and maps, as log records have them."""
    given: dict[str, Any] = {"a": ["x" * 200], "b": {"c": "x" * 200, "d": 1}}
    limited = Limits(length=80).apply(given)
    assert len(limited["a"][0]) <= 80
    assert len(limited["b"]["c"]) <= 80
    assert limited["b"]["d"] == 1


def test_a_limit_without_room_for_a_mark_just_cuts() -> None:
    """The user's word counts, however short."""
    assert Limits(length=3).apply({"a": "abcdef"}) == {"a": "abc"}


def test_attributes_beyond_the_number_are_left_out() -> None:
    """The last ones: ours come first."""
    cut: Counter[str] = Counter()
    limited = Limits(count=2, cut=cut).apply({"faas.invocation_id": "r", "a": 1, "b": 2, "c": 3})
    assert limited == {"faas.invocation_id": "r", "a": 1}
    assert cut == {"attributes": 2}


@pytest.mark.parametrize(
    ("length", "given", "text"),
    [
        (64, "x" * 64, "x" * 64),
        (63, "a" * 64, "a" * 63),
        (64, "a" * 40 + "b" * 40, "a" * 22 + "…[16 characters cut]…" + "b" * 21),
        (65, "a" * 40 + "b" * 40, "a" * 22 + "…[15 characters cut]…" + "b" * 22),
    ],
)
def test_what_is_left_of_a_text(length: int, given: str, text: str) -> None:
    """Exactly as much as is allowed; from 64 characters on it says what is missing."""
    assert Limits(length=length).text(given) == text
    assert Limits(length=length).apply({"a": given}) == {"a": text}


def test_as_much_as_back_ends_take() -> None:
    """4095 characters and 128 attributes, unless the user has other limits."""
    limits = Limits()
    whole: dict[str, Any] = {f"a{number}": number for number in range(127)} | {"t": "x" * 4095}
    assert limits.apply(whole) is whole
    assert len(limits.apply({**whole, "more": 1})) == 128
    assert len(limits.text("x" * 4096)) == 4095


def test_within_the_limits_nothing_is_copied() -> None:
    """Most attributes are texts and numbers of usual length."""
    attributes = {"a": "x" * 10, "b": 7, "c": None, "d": True, "e": 1.5}
    assert Limits(length=10, count=5).apply(attributes) is attributes


def test_every_cut_is_counted() -> None:
    """Each text once, each attribute that is left out."""
    cut: Counter[str] = Counter()
    limits = Limits(length=3, cut=cut)
    limits.apply({"a": "abcd", "b": ("abcd", 1), "c": "abc"})
    limits.count_left_out()
    limits.count_left_out(2)
    assert cut == {"values": 2, "attributes": 3}


def test_tuples_become_lists_within_the_limit() -> None:
    """As the encoder writes both."""
    assert Limits(length=2).apply({"a": ("abc", 1), "b": {"c": ["abc"]}}) == {
        "a": ["ab", 1], "b": {"c": ["ab"]},
    }  # fmt: skip
