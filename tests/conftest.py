"""What holds for every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A test run is no matter of luck: always the same examples, and no example fails for the
# machine's pace. `--hypothesis-profile default` draws new ones.
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")
