"""Consistent probability sampling as OpenTelemetry specifies it."""

from __future__ import annotations

import pytest

from extension.telemetry.assembly.probability import (
    EVERY,
    decode,
    encode,
    own_tracestate,
    random_value,
    randomness,
    threshold_of,
    with_threshold,
)


@pytest.mark.parametrize(
    ("ratio", "th"),
    [
        (1.0, "0"),
        (0.5, "8"),
        (1 / 3, "aaab"),
        (0.25, "c"),
        (0.2, "cccd"),
        (0.15, "d99a"),
        (0.1, "e666"),
        (0.0625, "f"),
        (0.01, "fd70a"),
        (0.001, "ffbe77"),
        (0.0001, "fff9724"),
        (0.00001, "ffff583a"),
        (0.000001, "ffffef39"),
    ],
)
def test_thresholds_are_those_of_the_specification(ratio: float, th: str) -> None:
    """Its table, with the four digits that SDKs are advised to use."""
    assert encode(threshold_of(ratio)) == th
    assert decode(th) == threshold_of(ratio)


def test_a_ratio_of_nothing_chooses_nothing() -> None:
    """No random value reaches its threshold."""
    assert threshold_of(0) == EVERY
    assert threshold_of(1e-17) < EVERY


def test_the_last_56_bits_of_the_trace_id_decide() -> None:
    """Those before may be a time, as in X-Ray's."""
    assert randomness(0x5759E988_BD862E3FE1_BE46A994272793) == 0xBE46A994272793


@pytest.mark.parametrize(
    ("tracestate", "explicit"),
    [
        ("ot=rv:0123456789abcd", "0123456789abcd"),
        ("x=1, ot=th:8;rv:0123456789abcd", "0123456789abcd"),
        ("ot=rv:0123", ""),
        ("rv:0123456789abcd", ""),
        ("", ""),
    ],
)
def test_an_explicit_random_value_wins(tracestate: str, explicit: str) -> None:
    """If it has fourteen digits and stands where OpenTelemetry has it."""
    assert random_value(tracestate) == explicit
    assert randomness(7, tracestate) == (int(explicit, 16) if explicit else 7)


@pytest.mark.parametrize(
    ("before", "ratio", "after"),
    [
        ("", 0.1, "ot=th:e666"),
        ("", 1.0, "ot=th:0"),
        ("vendor=1", 0.1, "ot=th:e666,vendor=1"),
        ("vendor=1,ot=rv:0123456789abcd;th:8", 0.1, "ot=rv:0123456789abcd;th:e666,vendor=1"),
        ("ot=th:f", 0.1, "ot=th:f"),
        ("ot=th:nonsense", 0.1, "ot=th:e666"),
    ],
)
def test_a_threshold_is_never_lowered(before: str, ratio: float, after: str) -> None:
    """What another stage has dropped stays dropped; what others say stays."""
    assert with_threshold(before, threshold_of(ratio)) == after


def test_our_spans_repeat_the_random_value_of_their_trace() -> None:
    """So that later stages decide by the same."""
    state = own_tracestate(threshold_of(0.5), of_trace="a=1,ot=rv:0123456789abcd;th:f")
    assert state == "ot=th:8;rv:0123456789abcd"
