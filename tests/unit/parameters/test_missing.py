"""What AWS does not have is known for a while."""

from __future__ import annotations

import pytest

from extension.aws.errors import UpstreamError
from extension.parameters.keys import ParameterKey
from extension.parameters.missing import Missing, StillMissingError
from tests.doubles import ManualClock

KEY = ParameterKey("a")
NOT_FOUND = UpstreamError("ParameterNotFound", message="none", service="SSM", request_id="r-1")


def test_it_is_known_for_its_time_and_no_longer() -> None:
    """The refusal is repeated as AWS wrote it, with its age."""
    clock, missing = ManualClock(), Missing(ttl_s=5, size=10)
    missing.note(KEY, NOT_FOUND, now=clock.now())
    clock.advance(4.5)
    with pytest.raises(StillMissingError) as raised:
        missing.check(KEY, now=clock.now())
    error = raised.value
    assert (error.code, error.message, error.service, error.request_id) == (
        "ParameterNotFound", "none", "SSM", "r-1",
    )  # fmt: skip
    assert error.age_s == 4.5
    assert not error.transient
    clock.advance(0.5)
    missing.check(KEY, now=clock.now())


def test_nothing_is_held_of_what_is_no_longer_known() -> None:
    """A look at it is enough."""
    clock, missing = ManualClock(), Missing(ttl_s=5, size=10)
    missing.note(KEY, NOT_FOUND, now=clock.now())
    clock.advance(5)
    missing.check(KEY, now=clock.now())
    assert not missing._refusals


def test_a_key_that_has_a_value_now_is_forgotten() -> None:
    """As one of which nothing was known."""
    clock, missing = ManualClock(), Missing(ttl_s=5, size=10)
    missing.note(KEY, NOT_FOUND, now=clock.now())
    missing.forget(KEY)
    missing.forget(KEY)
    missing.check(KEY, now=clock.now())


@pytest.mark.parametrize(
    ("ttl_s", "code", "is_known"),
    [
        (5, "ParameterNotFound", True),
        (5, "ResourceNotFoundException", True),
        (5, "AccessDeniedException", False),
        (0, "ParameterNotFound", False),
    ],
)
def test_what_is_kept(ttl_s: float, code: str, is_known: bool) -> None:
    """Only that there is no such value, and only where that is wanted."""
    clock, missing = ManualClock(), Missing(ttl_s=ttl_s, size=10)
    missing.note(KEY, UpstreamError(code), now=clock.now())
    assert (KEY in missing._refusals) is is_known


def test_an_answer_of_this_moment_has_no_age() -> None:
    """The default of an error that was just made."""
    assert StillMissingError(NOT_FOUND).age_s == 0
