"""What happens in each invocation of a soak, drawn from a seed: the same seed draws it again."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random  # noqa: TID251  # repeatable from a seed, which os.urandom is not
from typing import Literal

Trouble = Literal[
    "none",
    "split",
    "oversized split",
    "duplicate",
    "delayed",
    "late lines",
    "lost runtimeDone",
    "silently lost runtimeDone",
    "burst",
    "long",
]

SHARES: dict[Trouble, float] = {
    "split": 0.05,
    "oversized split": 0.015,
    "duplicate": 0.08,
    "delayed": 0.05,
    "late lines": 0.05,
    "lost runtimeDone": 0.01,
    "silently lost runtimeDone": 0.01,
    "burst": 0.002,
}
"""Of the invocations; each trouble happens at least once."""

LONG_FROM = 200
"""Invocations from which on one of them is long: it takes half a minute."""

SLOWEST_ENDPOINT_S = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One invocation.

    Attributes:
        duration_s: How long the function takes, without the freeze.
        lines: How many lines it writes; in a burst they are large.
        cut_at: At which share of its value a split record is cut.
        frozen_inside_s: How long the sandbox stands still while the function runs.
        frozen_after_s: How long it stands still before the next invocation.
        delay_s: How much later than usual the platform delivers, where that is the trouble.
    """

    number: int
    trouble: Trouble
    duration_s: float
    lines: int
    cut_at: float
    frozen_inside_s: float
    frozen_after_s: float
    delay_s: float


def draw_steps(invocations: int, *, seed: int) -> list[Step]:
    """Draw that many invocations, in any order but with every trouble among them."""
    random = Random(seed)
    troubles: list[Trouble] = []
    for trouble, share in SHARES.items():
        troubles += [trouble] * max(1, round(share * invocations))
    if invocations >= LONG_FROM:
        troubles.append("long")
    troubles += ["none"] * (invocations - len(troubles))
    random.shuffle(troubles)
    return [_draw(random, number, trouble) for number, trouble in enumerate(troubles, 1)]


def draw_latency_s(random: Random) -> float:
    """Draw what the endpoint takes for an answer: mostly little, at most 1.5 s."""
    return SLOWEST_ENDPOINT_S * random.random() ** 3


def _draw(random: Random, number: int, trouble: Trouble) -> Step:
    inside = random.choices(
        (0.0, random.uniform(0.01, 0.1), random.uniform(0.1, 0.5)), (80, 15, 5)
    )[0]
    after = random.choices(
        (0.0, random.uniform(0.005, 0.1), random.uniform(0.1, 0.5), random.uniform(2, 4)),
        (20, 65, 14, 1),
    )[0]
    return Step(
        number=number,
        trouble=trouble,
        duration_s=random.uniform(0.002, 0.06),
        lines=random.choice((1, 1, 2, 5, 20)),
        cut_at=random.uniform(0.05, 0.95),
        frozen_inside_s=inside,
        frozen_after_s=after,
        delay_s=random.uniform(0.1, 0.8),
    )
