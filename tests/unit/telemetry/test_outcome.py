"""What an endpoint's answer means for the batch."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from extension.telemetry.export.answers import Answer, EndpointMessage
from extension.telemetry.export.outcome import (
    LONGEST_RETRY_AFTER_S,
    PAUSES_S,
    Circuit,
    Outcome,
    judge,
    judge_status,
    retry_after_s,
    unix_time_of,
)
from tests.doubles import ManualClock


@pytest.mark.parametrize("status", [200, 202, 204])
def test_success_is_forgotten(status: int) -> None:
    """Any 2xx is an acknowledgement."""
    assert judge_status(status).kind == "accepted"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_is_kept(status: int) -> None:
    """Overload and what lies in between keep the batch."""
    assert judge_status(status).kind == "kept"


def test_a_proxy_that_wants_a_password_costs_no_batch() -> None:
    """It is said of the way to the endpoint, not by the endpoint; a line says where to look."""
    outcome = judge_status(407)
    assert outcome.kind == "kept"
    assert outcome.cause.startswith("status 407: the proxy asks for a password")


def test_a_server_that_waits_no_longer_costs_no_batch() -> None:
    """It has not read it."""
    assert judge_status(408) == Outcome(kind="kept", cause="status 408")


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
        ("30.5", 30.5),
        ("30.", 0.0),
        (".5", 0.0),
        ("1e3", 0.0),
        ("30, 60", 0.0),
        ("", 0.0),
        ("soon", 0.0),
        ("-1", 0.0),
        ("²", 0.0),
        ("Wed, 25 Nov 2026 08:00:30 GMT", 30.0),
        ("Wednesday, 25-Nov-26 08:00:30 GMT", 30.0),
        ("Wed, 25 Nov 2026 07:59:30 GMT", 0.0),
        ("Wed Nov 25 08:00:30 2026", 30.0),
        ("Wed, 25 Nov 2026 08:00:30", 30.0),
        ("Wed, 31 Nov 2026 08:00:30 GMT", 0.0),
    ],
)
def test_retry_after(text: str, seconds: float) -> None:
    """It is a number of seconds or a date, by the endpoint's clock; anything else is no wish."""
    assert retry_after_s(text, date=DATE) == seconds


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the function have a time zone of its own, as `TZ` gives it one."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("date", "time_s"),
    [
        ("Thu, 01 Jan 2026 12:00:00 GMT", 1_767_268_800.0),
        ("Thursday, 01-Jan-26 12:00:00 GMT", 1_767_268_800.0),
        ("Thu Jan  1 12:00:00 2026", 1_767_268_800.0),
        ("", None),
        (" ", None),
        ("yesterday", None),
    ],
)
@pytest.mark.usefixtures("elsewhere")
def test_the_three_forms_of_a_date(date: str, time_s: float | None) -> None:
    """They are in UTC, wherever the function is; a header that is no date is none."""
    assert unix_time_of(date) == time_s


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


@pytest.mark.parametrize(
    ("status", "kind"), [(199, "rejected"), (299, "accepted"), (300, "rejected")]
)
def test_success_is_any_status_of_its_hundred(status: int, kind: str) -> None:
    """And no other."""
    assert judge_status(status).kind == kind
    assert Answer(status=status).is_success is (kind == "accepted")


def test_an_outcome_has_the_endpoints_words() -> None:
    """And when it wants to be asked again."""
    answer = Answer(status=503)
    outcome = judge(answer, EndpointMessage(rejected_items=3), said="no", retry_after_s=5.0)
    assert (outcome.kind, outcome.said, outcome.retry_after_s) == ("kept", "no", 5.0)
    assert judge(Answer(status=200), EndpointMessage(rejected_items=3)).rejected_items == 3


def test_an_endpoint_is_not_waited_for_without_end() -> None:
    """It may ask for an hour."""
    for wish_s, pause_s in ((LONGEST_RETRY_AFTER_S + 1, LONGEST_RETRY_AFTER_S), (0.5, 1.0)):
        clock, circuit = ManualClock(), Circuit()
        circuit.learn(Outcome(kind="kept", retry_after_s=wish_s), clock.now())
        clock.advance(pause_s - 0.1)
        assert not circuit.allows(clock.now())
        clock.advance(0.1)
        assert circuit.allows(clock.now())


def test_pauses_grow_up_to_the_longest() -> None:
    """Which comes again and again."""
    clock, circuit = ManualClock(), Circuit()
    for pause_s in (*PAUSES_S, PAUSES_S[-1]):
        circuit.learn(Outcome(kind="kept"), clock.now())
        clock.advance(pause_s - 0.1)
        assert not circuit.allows(clock.now())
        clock.advance(0.1)
        assert circuit.allows(clock.now())


def test_chance_takes_a_quarter_off_a_pause_at_most() -> None:
    """So that sandboxes do not come back in the same moment."""
    clock, circuit = ManualClock(), Circuit(lambda: 1.0)
    circuit.learn(Outcome(kind="kept"), clock.now())
    clock.advance(PAUSES_S[0] * 0.75 - 0.01)
    assert not circuit.allows(clock.now())
    clock.advance(0.01)
    assert circuit.allows(clock.now())


def test_a_timeout_after_more_failures_is_one_more() -> None:
    """It weighs as three, and no less than those before it."""
    clock, circuit = ManualClock(), Circuit()
    for _ in range(4):
        circuit.learn(Outcome(kind="kept"), clock.now())
    circuit.learn(Outcome(kind="kept", timed_out=True), clock.now())
    clock.advance(PAUSES_S[4] - 0.1)
    assert not circuit.allows(clock.now())
    clock.advance(0.1)
    assert circuit.allows(clock.now())


def test_without_chance_a_pause_is_whole() -> None:
    """What draws is given where there is something to draw for."""
    clock, circuit = ManualClock(), Circuit()
    circuit.learn(Outcome(kind="kept"), clock.now())
    clock.advance(0.9)
    assert not circuit.allows(clock.now())
