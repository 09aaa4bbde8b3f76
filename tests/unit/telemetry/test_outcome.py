"""What an endpoint's answer means for the batch."""

from __future__ import annotations

import pytest

from extension.telemetry.export.outcome import judge_status, retry_after_s


@pytest.mark.parametrize("status", [200, 202, 204])
def test_success_is_forgotten(status: int) -> None:
    """Any 2xx is an acknowledgement."""
    assert judge_status(status).kind == "accepted"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_is_kept(status: int) -> None:
    """Overload and what lies in between keep the batch."""
    assert judge_status(status).kind == "kept"


@pytest.mark.parametrize("status", [304, 400, 500, 501])
def test_everything_else_is_rejected(status: int) -> None:
    """What the specification forbids to send again is dropped."""
    outcome = judge_status(status)
    assert outcome.kind == "rejected"
    assert outcome.cause == f"status {status}"


DATE = "Wed, 25 Nov 2026 08:00:00 GMT"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3.0),
        ("", 0.0),
        ("soon", 0.0),
        ("-1", 0.0),
        ("²", 0.0),
        ("Wed, 25 Nov 2026 08:00:30 GMT", 30.0),
        ("Wednesday, 25-Nov-26 08:00:30 GMT", 30.0),
        ("Wed, 25 Nov 2026 07:59:30 GMT", 0.0),
        ("Wed, 25 Nov 2026 08:00:30", 0.0),
    ],
)
def test_retry_after(text: str, seconds: float) -> None:
    """It is a number of seconds or a date, by the endpoint's clock; anything else is no wish."""
    assert retry_after_s(text, date=DATE) == seconds


def test_a_date_to_come_again_needs_a_date_to_count_from() -> None:
    """Our own clock may be hours off the endpoint's."""
    assert retry_after_s(DATE, date="") == 0.0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 404, 405, 415])
def test_a_cause_says_what_to_do(status: int) -> None:
    """Where a status has one usual reason, it is beside it."""
    outcome = judge_status(status)
    assert outcome.kind == "rejected"
    assert outcome.cause.startswith(f"status {status}: ")


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_may_be_renewed(status: int) -> None:
    """The batch is not at fault."""
    assert judge_status(status).kind == "unauthenticated"


def test_a_body_that_is_too_large_is_an_outcome_of_its_own() -> None:
    """Less of it may be sent at once."""
    assert judge_status(413).kind == "too_large"
