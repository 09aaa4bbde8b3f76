"""The languages whose SDKs are tried."""

from __future__ import annotations

import pytest

from tests.sdks.installed import why_not

LANGUAGES = ("python", "node", "java", "go")


# One process runs all tests of a language: some look at the same run of its function.
@pytest.fixture(
    params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in LANGUAGES]
)
def language(request: pytest.FixtureRequest) -> str:
    """A language whose function is installed."""
    if reason := why_not(request.param):
        pytest.skip(f"{request.param}: {reason}")
    return str(request.param)
