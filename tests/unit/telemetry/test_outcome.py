"""What an endpoint's answer means for the batch."""

from __future__ import annotations

import pytest

from extension.telemetry.export.outcome import judge_status


@pytest.mark.parametrize("status", [200, 202, 204])
def test_success_is_forgotten(status: int) -> None:
    """Any 2xx is an acknowledgement."""
    assert judge_status(status).kind == "accepted"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_is_kept(status: int) -> None:
    """Overload and what lies in between keep the batch."""
    assert judge_status(status).kind == "kept"


@pytest.mark.parametrize("status", [301, 307, 400, 404, 500, 501])
def test_everything_else_is_rejected(status: int) -> None:
    """What the specification forbids to send again is dropped, redirects too."""
    outcome = judge_status(status)
    assert outcome.kind == "rejected"
    assert outcome.cause == f"status {status}"


@pytest.mark.parametrize(("text", "seconds"), [("3", 3.0), ("", 0.0), ("soon", 0.0), ("-1", 0.0)])
def test_retry_after(text: str, seconds: float) -> None:
    """Retry-After is read as seconds; anything else is no wish."""
    assert judge_status(503, retry_after=text).retry_after_s == seconds


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_may_be_renewed(status: int) -> None:
    """The batch is not at fault."""
    assert judge_status(status).kind == "unauthenticated"


def test_a_body_that_is_too_large_is_an_outcome_of_its_own() -> None:
    """Less of it may be sent at once."""
    assert judge_status(413).kind == "too_large"
