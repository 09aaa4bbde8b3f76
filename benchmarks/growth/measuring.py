"""Measures a curve: the least CPU of several turns over all amounts.

What the measuring process itself holds is no business of the garbage collector meanwhile, as in the
extension, which freezes what its start has made.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence

TURNS = 3


def least(
    cost: Callable[[int], float], amounts: Sequence[int], *, turns: int = TURNS
) -> list[tuple[float, float]]:
    """Return each amount with its least cost; turns go over all of them, so noise hits all."""
    costs: dict[int, list[float]] = {amount: [] for amount in amounts}
    for _ in range(turns):
        for amount in amounts:
            gc.collect()
            gc.freeze()
            costs[amount].append(cost(amount))
    return [(amount, min(taken)) for amount, taken in costs.items()]


def decades(first: int, last: int) -> list[int]:
    """Return amounts from `first` to `last`, two in a decade."""
    amounts, step = [], 10**0.5
    value = float(first)
    while value < last * 0.99:
        amounts.append(round(value))
        value *= step
    return [*amounts, last]
