"""One line of the table: a figure, what it is held against, and their ratio.

Contenders take turns (a, b, a, b …), so that whatever else the machine does
hits all of them, and a ratio is the median over the turns, each turn compared with itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure; `low` and `high` are the smallest and largest ratio of any turn.

    `promise` is what the project wants of the ratio (or of the figure) and `kept` whether it is
    so; None where nothing is promised. A row that was `skipped` or has `failed` has no figures but
    the reason.
    """

    what: str
    unit: str = ""
    ours: float | None = None
    reference: str = ""
    theirs: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    promise: str = ""
    kept: bool | None = None
    skipped: str = ""
    failed: str = ""


def take_turns(contenders: Mapping[str, Callable[[], T]], *, turns: int) -> dict[str, list[T]]:
    """Run every contender once a turn, after one turn that does not count (caches, .pyc)."""
    results: dict[str, list[T]] = {name: [] for name in contenders}
    for turn in range(turns + 1):
        for name, measure in contenders.items():
            result = measure()
            if turn:
                results[name].append(result)
    return results


def compare(
    what: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    unit: str,
    reference: str,
    at_most: float | None = None,
    at_least: float | None = None,
) -> Row:
    """Hold the turns of ours against those of a reference.

    `at_most` and `at_least` are the promised bounds of the ratio.
    """
    ratios = [mine / its for mine, its in zip(ours, theirs, strict=True)]
    ratio = median(ratios)
    promise, kept = _promise(ratio, at_most=at_most, at_least=at_least)
    return Row(
        what=what,
        unit=unit,
        ours=median(ours),
        reference=reference,
        theirs=median(theirs),
        ratio=ratio,
        low=min(ratios),
        high=max(ratios),
        promise=promise,
        kept=kept,
    )


def bounded(
    what: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    unit: str,
    reference: str,
    at_most: float | None = None,
    at_least: float | None = None,
) -> Row:
    """Do as `compare`, with the promise about the figure itself instead of the ratio."""
    row = compare(what, ours, theirs, unit=unit, reference=reference)
    promise, kept = _promise(median(ours), at_most=at_most, at_least=at_least)
    return replace(row, promise=promise and f"{promise} {unit}", kept=kept)


def skip(what: str, reason: str) -> Row:
    """Name what was not measured, and why."""
    return Row(what=what, skipped=reason)


def fail(what: str, reason: str) -> Row:
    """Name what could not be measured although it should."""
    return Row(what=what, failed=reason)


def _promise(
    figure: float, *, at_most: float | None, at_least: float | None
) -> tuple[str, bool | None]:
    if at_most is not None:
        return f"≤ {at_most:,g}", figure <= at_most
    if at_least is not None:
        return f"≥ {at_least:,g}", figure >= at_least
    return "", None
