"""How long and how many attributes may be."""

from __future__ import annotations

from collections import Counter
from typing import Any

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
