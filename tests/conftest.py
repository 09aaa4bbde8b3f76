"""What holds for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

MARKS = Path("/tmp"), ".lambda_dispatch-*"  # what a start leaves for the next one

# A test run is no matter of luck: always the same examples, and no example fails for the
# machine's pace. `--hypothesis-profile default` draws new ones.
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def _no_marks_stay() -> Iterator[None]:
    """Remove the marks of sandboxes that tests have killed, for ports are used again."""
    folder, name = MARKS
    before = set(folder.glob(name))
    yield
    for mark in set(folder.glob(name)) - before:
        mark.unlink(missing_ok=True)
