"""The time axis of a picture: where a moment is, in percent of its width, and round ticks.

The rule of this package, but for the recorder and the tap: values in, values out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.intake.otlp import Span

_MOST_STEPS = 6
_LAST_LABEL_PERCENT = 88.0  # further right a label would leave the picture
_NS_PER_US, _NS_PER_MS, _NS_PER_S = 1_000, 1_000_000, 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A stretch of the axis, in percent."""

    left: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A labelled line across the picture; `left` in percent."""

    left: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """From one Unix time to another."""

    start_ns: int
    end_ns: int

    @property
    def total_ns(self) -> int:
        """The length of the axis, never 0."""
        return max(self.end_ns - self.start_ns, 1)

    def left(self, time_ns: int) -> float:
        """Where a moment is; what is off the axis is at its end."""
        percent = (time_ns - self.start_ns) / self.total_ns * 100
        return round(min(max(percent, 0.0), 100.0), 3)

    def stretch(self, start_ns: int, end_ns: int) -> Stretch:
        """Where something that lasts is; it never ends before it begins."""
        left = self.left(start_ns)
        return Stretch(left=left, width=round(max(self.left(end_ns) - left, 0.0), 3))

    @property
    def step(self) -> float:
        """The distance between two ticks."""
        return round(_round_step(self.total_ns) / self.total_ns * 100, 3)

    @property
    def ticks(self) -> list[Tick]:
        """Lines at round times since the start of the axis."""
        step_ns = _round_step(self.total_ns)
        ticks = [
            Tick(left=self.left(self.start_ns + time_ns), label=_label(time_ns))
            for time_ns in range(0, self.total_ns + 1, step_ns)
        ]
        return [tick for tick in ticks if tick.left <= _LAST_LABEL_PERCENT]


def axis_around(spans: Sequence[Span]) -> Axis:
    """The axis from the first start to the last end."""
    return Axis(
        start_ns=min(span.start_ns for span in spans), end_ns=max(span.end_ns for span in spans)
    )


def duration(ns: int) -> str:
    """Nanoseconds with three digits in the unit a person would choose: `0.42 ms`, `1.73 s`."""
    if ns < 1_000_000_000:
        ms = ns / _NS_PER_MS
        return f"{ms:.2f} ms" if ms < 10 else f"{ms:.1f} ms" if ms < 100 else f"{ms:.0f} ms"
    return f"{ns / 1e9:.2f} s"


def _round_step(total_ns: int) -> int:
    """The smallest 1, 2 or 5 times a power of ten of which few enough fit."""
    power_of_ten = 1
    while total_ns > 5 * power_of_ten * _MOST_STEPS:
        power_of_ten *= 10
    factor = next(each for each in (1, 2, 5) if total_ns <= each * power_of_ten * _MOST_STEPS)
    return factor * power_of_ten


def _label(time_ns: int) -> str:
    if time_ns == 0:
        return "0"
    if time_ns >= _NS_PER_S:
        return f"{time_ns / _NS_PER_S:g} s"
    if time_ns >= _NS_PER_MS:
        return f"{time_ns / _NS_PER_MS:g} ms"
    return f"{time_ns / _NS_PER_US:g} µs"
