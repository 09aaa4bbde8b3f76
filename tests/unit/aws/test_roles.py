"""Credentials of a role: when they are renewed, what is logged of them, and the session's name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from extension.aws.client_builder import CONNECT_S
from extension.aws.errors import UNUSABLE, UpstreamError
from extension.aws.roles import (
    LONGEST_NAME,
    READ_S,
    Role,
    limits,
    reason_of_refusal,
    session_name,
)
from extension.process.clock import NS_PER_S
from extension.settings.process import LambdaConfig
from tests.doubles import ManualClock

ARN = "arn:aws:iam::222222222222:role/blue"
HOUR_S = 3600


class Sts:
    """Hands out sessions of an hour, numbered; `fails` or `answer` are what it does instead."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.sessions = 0
        self.lasts_s = HOUR_S
        self.calls = 0
        self.fails = False
        self.answer: Mapping[str, Any] | None = None

    def __call__(self, arn: str) -> Mapping[str, Any]:
        """Answer AssumeRole."""
        assert arn == ARN
        self.calls += 1
        if self.fails:
            raise UpstreamError("Unavailable", service="STS", transient=True)
        if self.answer is not None:
            return self.answer
        self.sessions += 1
        now = datetime.fromtimestamp(self.clock.wall_ns / NS_PER_S, UTC)
        return {
            "AccessKeyId": f"key-{self.sessions}",
            "SecretAccessKey": f"secret-{self.sessions}",
            "SessionToken": f"token-{self.sessions}",
            "Expiration": now + timedelta(seconds=self.lasts_s),
        }


@pytest.fixture
def clock() -> ManualClock:
    """Noon."""
    return ManualClock()


@pytest.fixture
def sts(clock: ManualClock) -> Sts:
    """An STS that works."""
    return Sts(clock)


@pytest.fixture
def learned() -> dict[str, str]:
    """The secrets that were fetched for the role."""
    return {}


@pytest.fixture
def role(sts: Sts, clock: ManualClock, learned: dict[str, str]) -> Role:
    """A role that was not assumed yet."""
    return Role(ARN, ask=sts, on_secret=learned.__setitem__, clock=clock)


def _key(role: Role) -> str:
    key: str = role.load_credentials().get_frozen_credentials().access_key
    return key


def test_nothing_is_asked_before_a_request_is_signed(role: Role, sts: Sts) -> None:
    """A SnapStart snapshot holds no credentials because a client was built."""
    credentials = role.load_credentials()
    assert sts.calls == 0
    assert credentials.get_frozen_credentials().token == "token-1"


def test_a_session_is_used_for_most_of_its_time(role: Role, sts: Sts, clock: ManualClock) -> None:
    """It is renewed ten minutes before its end."""
    assert _key(role) == "key-1"
    clock.advance(HOUR_S - 601)
    assert _key(role) == "key-1"
    clock.advance(2)
    assert _key(role) == "key-2"


@pytest.mark.parametrize("seconds", [HOUR_S - 30, HOUR_S + 1, 100 * HOUR_S])
def test_a_session_that_ends_during_a_freeze_is_replaced(
    role: Role, clock: ManualClock, seconds: float
) -> None:
    """The wall clock counts, whatever the other one does."""
    assert _key(role) == "key-1"
    clock.freeze(seconds)
    assert _key(role) == "key-2"


def test_a_session_of_less_than_a_minute_is_good_until_its_end(
    role: Role, sts: Sts, clock: ManualClock
) -> None:
    """It is renewed with each request, and used, however short ago the last one was renewed."""
    sts.lasts_s = 30
    for number in (1, 2, 3):
        assert _key(role) == f"key-{number}"
        clock.advance(1)


def test_an_early_renewal_may_fail(role: Role, sts: Sts, clock: ManualClock) -> None:
    """The session goes on; the next attempt is made a minute later, and the last ones must work."""
    _key(role)
    clock.advance(HOUR_S - 300)
    sts.fails = True
    assert [_key(role), _key(role)] == ["key-1", "key-1"]
    assert sts.calls == 2
    clock.advance(61)
    assert _key(role) == "key-1"
    assert sts.calls == 3
    clock.advance(200)
    with pytest.raises(UpstreamError, match="Unavailable"):
        _key(role)
    sts.fails = False
    assert _key(role) == "key-2"


def test_a_session_that_aws_calls_expired_is_replaced_once(role: Role) -> None:
    """However many calls were refused with its key."""
    _key(role)
    for _ in range(3):
        role.expire(since=1)
    assert _key(role) == "key-2"
    role.expire(since=1)
    assert _key(role) == "key-2"


@pytest.mark.parametrize(
    "answer", [{}, {"AccessKeyId": "k", "SecretAccessKey": "s", "SessionToken": "t"}]
)
def test_an_answer_without_credentials_is_an_error(
    role: Role, sts: Sts, answer: Mapping[str, Any]
) -> None:
    """It is none of AWS's."""
    sts.answer = answer
    with pytest.raises(UpstreamError, match=UNUSABLE):
        _key(role)


def test_secrets_are_told_under_the_name_of_the_role(
    role: Role, learned: dict[str, str], clock: ManualClock
) -> None:
    """So that those of two roles do not replace each other; the id of a key is no secret."""
    _key(role)
    names = (f"AWS_SECRET_ACCESS_KEY@{ARN}", f"AWS_SESSION_TOKEN@{ARN}")
    assert learned == dict(zip(names, ("secret-1", "token-1"), strict=True))
    clock.advance(HOUR_S)
    _key(role)
    assert learned == dict(zip(names, ("secret-2", "token-2"), strict=True))


@pytest.mark.parametrize(
    ("function", "log_stream", "name"),
    [
        ("shop", "2026/11/27/[$LATEST]" + "0f" * 16, "shop-" + "0f" * 16),
        ("f" * 64, "2026/11/27/[12]" + "0f" * 16, "f" * 31 + "-" + "0f" * 16),
        ("shop", "", "shop"),
        ("f" * 64, "", "f" * 63),
        ("", "", "lambda-dispatch"),
        ("a b/c", "x", "abc-x"),
    ],
)
def test_the_name_of_a_session(function: str, log_stream: str, name: str) -> None:
    """What STS accepts, with as much of the function's name as fits."""
    told = session_name(LambdaConfig(function_name=function, log_stream=log_stream))
    assert told == name
    assert re.fullmatch(rf"[\w+=,.@-]{{2,{LONGEST_NAME}}}", told)


@pytest.mark.parametrize(
    ("deadline_s", "connect_s", "read_s"), [(0.5, 0.5, 0.5), (900.0, CONNECT_S, READ_S)]
)
def test_a_call_to_sts_takes_no_longer_than_the_call_it_is_for(
    deadline_s: float, connect_s: float, read_s: float
) -> None:
    """The user's deadline counts where it is shorter than ours."""
    found = limits(deadline_s=deadline_s, connections=1)
    assert (found.connect_s, found.read_s) == (connect_s, read_s)


def test_how_long_sts_is_waited_for() -> None:
    """Two attempts of less than two seconds each: a GET has five for all it does."""
    found = limits(deadline_s=900.0, connections=7)
    assert found == (0.6, 1.2, 2, 7)


def test_a_failed_renewal_is_tried_again_after_a_minute(
    role: Role, sts: Sts, clock: ManualClock
) -> None:
    """Not before: each attempt would delay a GET whose credentials are good."""
    _key(role)
    clock.advance(HOUR_S - 300)
    sts.fails = True
    _key(role)
    clock.advance(59.9)
    _key(role)
    assert sts.calls == 2
    clock.advance(0.1)
    _key(role)
    assert sts.calls == 3


@pytest.mark.parametrize(("left_s", "calls"), [(600.5, 1), (599.5, 2), (60.5, 2), (59.5, 3)])
def test_when_credentials_must_be_renewed(
    role: Role, sts: Sts, clock: ManualClock, left_s: float, calls: int
) -> None:
    """In their last ten minutes if that works, in the last one whatever was tried before."""
    _key(role)
    if left_s < 60.5:
        clock.advance(HOUR_S - 90)
        sts.fails = True
        _key(role)
        sts.fails = False
        clock.advance(90 - left_s)
    else:
        clock.advance(HOUR_S - left_s)
    _key(role)
    assert sts.calls == calls


def test_an_answer_that_makes_no_sense_may_be_better_the_next_time(role: Role, sts: Sts) -> None:
    """It is none of AWS's; and credentials of a role can always be fetched again."""
    sts.answer = {}
    with pytest.raises(UpstreamError) as raised:
        _key(role)
    assert raised.value.transient
    assert (role.are_renewable, role.renewals) == (True, 0)


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException"])
def test_a_refusal_says_what_to_allow(code: str) -> None:
    """In both policies; other refusals have no remedy that we know."""
    assert reason_of_refusal(code, ARN) == (
        f"allow sts:AssumeRole on {ARN} in the policy of the function's role, and the"
        f" function's role in the trust policy of {ARN}"
    )
    assert reason_of_refusal("Other", ARN) == f"sts:AssumeRole of {ARN} was refused"
