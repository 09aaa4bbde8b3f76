"""New ids."""

from __future__ import annotations

import os

import pytest

from extension.process.clock import NS_PER_S
from extension.process.ids import EpochIds, RandomIds, draw
from tests.doubles import ManualClock


def test_a_trace_begins_with_the_time() -> None:
    """X-Ray's own ids do; all that follows is random."""
    clock = ManualClock()
    ids = EpochIds(RandomIds(), clock)
    first, second = ids.trace_id(), ids.trace_id()
    assert first >> 96 == second >> 96 == clock.wall_ns // NS_PER_S
    assert first != second
    assert first.bit_length() <= 128
    assert ids.span_id() != ids.span_id()


def fixed(monkeypatch: pytest.MonkeyPatch, byte: int) -> None:
    """Have the kernel's random source give one byte again and again."""
    monkeypatch.setattr(os, "urandom", lambda size: bytes([byte]) * size)


def test_random_numbers_are_between_nothing_and_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first may be drawn, the second not."""
    for byte, least, most in ((0, 0.0, 0.0), (0x80, 0.5, 0.51), (0xFF, 0.999, 1 - 2**-48)):
        fixed(monkeypatch, byte)
        assert least <= draw() <= most


def test_no_id_is_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """That would be none."""
    fixed(monkeypatch, 0)
    assert (RandomIds().trace_id(), RandomIds().span_id()) == (1, 1)
    fixed(monkeypatch, 0xFF)
    assert RandomIds().trace_id() == 2**128 - 1
    assert RandomIds().span_id() == 2**64 - 1


def test_a_trace_has_the_time_and_what_is_random_side_by_side(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Thirty-two bits and ninety-six."""
    fixed(monkeypatch, 0xFF)
    clock = ManualClock()
    seconds = clock.wall_ns // NS_PER_S
    assert EpochIds(RandomIds(), clock).trace_id() == seconds * 2**96 + 2**96 - 1
    fixed(monkeypatch, 0)
    assert EpochIds(RandomIds(), clock).trace_id() == seconds * 2**96 + 1
