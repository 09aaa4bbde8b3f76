"""The languages whose SDKs are tried."""

from __future__ import annotations

import pytest

from tests.sdks.installed import why_not

LANGUAGES = ("python", "node", "java", "go")


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    """A language whose function is installed."""
    if reason := why_not(request.param):
        pytest.skip(f"{request.param}: {reason}")
    return str(request.param)
