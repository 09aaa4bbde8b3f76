"""How long a fuzzer looks: a fixed number of examples in every test run, FUZZ_SECONDS each else.

`FUZZ_SECONDS=300 python -m pytest tests/fuzz` goes on with new examples, for that long a target.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from extension.process.clock import SystemClock

EXAMPLES = 150
"""In each round; a normal test run has one, always the same, a longer one as many as fit."""


def fuzz_s() -> float:
    """Return what FUZZ_SECONDS says, 0 if it is unset; raises UsageError."""
    text = os.environ.get("FUZZ_SECONDS", "")
    try:
        seconds = float(text or 0)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise pytest.UsageError(f"FUZZ_SECONDS must be a number of seconds, like 60: {text!r}")
    return seconds


def fuzz(check: Callable[[Any], None], examples: SearchStrategy[Any]) -> int:
    """Run `check` on examples until the time is up; return how many rounds there were."""
    clock, budget_s = SystemClock(), fuzz_s()
    began, rounds = clock.now(), 0
    while rounds == 0 or clock.now().since(began) < budget_s:
        # A round ends at its first failure, made small.
        settings(
            max_examples=EXAMPLES,
            derandomize=not budget_s,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )(given(examples)(_named(check)))()
        rounds += 1
    return rounds


def _named(check: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return a function of its own each time: hypothesis marks what it was given."""

    def example(drawn: Any) -> None:
        check(drawn)

    return example
