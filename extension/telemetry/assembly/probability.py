"""PURE: consistent probability sampling: which traces a share chooses, and how spans say so.

The trace id decides, by its last 56 bits, or an explicit random value (`rv`) beside it: all
services that keep the same share keep the same traces. The ids of X-Ray are random in the last 96
bits. The threshold is in the tracestate of what is kept (`ot=th:…`), so that back ends can
count what was not: one of a tenth stands for ten.
Source: https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
"""

from __future__ import annotations

import re

DIGITS = 14
"""Hexadecimal ones of a threshold and of a random value."""

EVERY = 1 << 4 * DIGITS
"""How many random values there are."""

PRECISION = 4
"""Digits of a threshold beyond those that are f, as SDKs have them."""

THRESHOLD = re.compile(r"[0-9a-fA-F]{1,14}")
RANDOM = re.compile(r"[0-9a-fA-F]{14}")


def threshold_of(ratio: float) -> int:
    """Return the random value from which on a trace is chosen; `EVERY` for a ratio of 0."""
    if ratio <= 0:
        return EVERY
    exact = round((1 - ratio) * EVERY)
    text = f"{exact:014x}"
    digits = min(PRECISION + len(text) - len(text.lstrip("f")), DIGITS)
    unit = 1 << 4 * (DIGITS - digits)
    return min((exact + unit // 2) // unit * unit, EVERY - unit)


def encode(threshold: int) -> str:
    """Return a threshold as `th` has it: without the zeros at its end."""
    return f"{threshold:014x}".rstrip("0") or "0"


def decode(text: str) -> int:
    """Return the threshold that `th` names, 0 for what is none."""
    return int(text.ljust(DIGITS, "0"), 16) if THRESHOLD.fullmatch(text) else 0


def randomness(trace_id: int, tracestate: str = "") -> int:
    """Return the random value of a trace."""
    explicit = random_value(tracestate)
    return int(explicit, 16) if explicit else trace_id % EVERY


def random_value(tracestate: str) -> str:
    """Return the explicit random value in a tracestate, empty without one."""
    value = _members(tracestate)[0].get("rv", "")
    return value if RANDOM.fullmatch(value) else ""


def threshold_in(tracestate: str) -> int | None:
    """Return the threshold of a tracestate, None if it has none."""
    value = _members(tracestate)[0].get("th", "")
    return decode(value) if THRESHOLD.fullmatch(value) else None


def with_threshold(tracestate: str, threshold: int) -> str:
    """Return a tracestate with the higher of its own threshold and another."""
    ours, others = _members(tracestate)
    ours["th"] = encode(max(decode(ours.get("th", "")), threshold))
    values = ";".join(f"{key}:{value}" for key, value in ours.items())
    return ",".join([f"ot={values}", *others])


def own_tracestate(threshold: int, *, of_trace: str = "") -> str:
    """Return the tracestate of a span of ours, in a trace whose spans have another."""
    explicit = random_value(of_trace)
    return f"ot=th:{encode(threshold)}" + (f";rv:{explicit}" if explicit else "")


def _members(tracestate: str) -> tuple[dict[str, str], list[str]]:
    """Return what OpenTelemetry says, by key, and what others say."""
    members = [each.strip() for each in tracestate.split(",") if each.strip()]
    ours = next((each[3:] for each in members if each.startswith("ot=")), "")
    pairs = (pair.partition(":") for pair in ours.split(";"))
    return (
        {key: value for key, colon, value in pairs if colon},
        [each for each in members if not each.startswith("ot=")],
    )
