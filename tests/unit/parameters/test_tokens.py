"""Session tokens across rotation."""

from __future__ import annotations

import asyncio

import pytest

from extension.parameters.access import GRACE_S, MAX_HELD, RENEWAL_INTERVAL_S, Tokens
from tests.doubles import ManualClock
from tests.waiting import until

CONTAINER = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost/"}


class Endpoint:
    """Hands out the tokens it was given, oldest first."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = tokens
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def renew(self) -> tuple[str, ...]:
        """Return the tokens, once allowed to."""
        self.asked += 1
        await self.may_answer.wait()
        return self.tokens


async def test_tokens_of_the_environment() -> None:
    """Both variables count; no endpoint is asked, whatever a stranger sends."""
    endpoint = Endpoint("never")
    environ = {"AWS_SESSION_TOKEN": "a", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "b"}
    tokens = Tokens(environ, renew=endpoint.renew, clock=ManualClock())
    assert [await tokens.admits(given) for given in (b"a", b"b", b"c", b"")] == [
        True, True, False, False,
    ]  # fmt: skip
    assert endpoint.asked == 0


async def test_variables_count_as_they_sign_requests() -> None:
    """Without the white space around them, which no header can carry; whatever their bytes are."""
    environ = {"AWS_SESSION_TOKEN": " a\r\n", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "b\udcff"}
    tokens = Tokens(environ, renew=Endpoint().renew, clock=ManualClock())
    assert [await tokens.admits(given) for given in (b"a", b"b\xff", b" a\r\n", b"b")] == [
        True, True, False, False,
    ]  # fmt: skip


async def test_rotation_with_grace() -> None:
    """A replaced token stays good for a while, counted from its replacement."""
    clock, endpoint = ManualClock(), Endpoint("one")
    tokens = Tokens(CONTAINER, renew=endpoint.renew, clock=clock)
    assert await tokens.admits(b"one")
    clock.advance(2 * GRACE_S)
    endpoint.tokens = ("one", "two")
    assert await tokens.admits(b"two")
    assert await tokens.admits(b"one")
    clock.advance(GRACE_S)
    assert not await tokens.admits(b"one")
    assert await tokens.admits(b"two")


async def test_token_that_comes_back_is_current_again() -> None:
    """An endpoint that answers from two machines does not lock anybody out."""
    clock, endpoint = ManualClock(), Endpoint("one")
    tokens = Tokens(CONTAINER, renew=endpoint.renew, clock=clock)
    for current in ("one", "two", "one"):
        endpoint.tokens = (current,)
        clock.advance(RENEWAL_INTERVAL_S)
        await tokens.admits(b"wrong")
    clock.advance(GRACE_S + RENEWAL_INTERVAL_S)
    endpoint.tokens = ()
    assert await tokens.admits(b"one")
    assert not await tokens.admits(b"two")


async def test_held_tokens_are_bounded() -> None:
    """The latest few."""
    clock, endpoint = ManualClock(), Endpoint()
    tokens = Tokens(CONTAINER, renew=endpoint.renew, clock=clock)
    for number in range(10):
        endpoint.tokens = (str(number),)
        clock.advance(RENEWAL_INTERVAL_S)
        assert await tokens.admits(str(number).encode())
    endpoint.tokens = ()
    good = [await tokens.admits(str(number).encode()) for number in range(10)]
    assert good == [False] * (10 - MAX_HELD) + [True] * MAX_HELD


async def test_callers_after_a_rotation_wait_for_one_renewal() -> None:
    """Fifty callers with the new token at once: one request, and none is refused."""
    endpoint = Endpoint("new")
    endpoint.may_answer.clear()
    tokens = Tokens(CONTAINER, renew=endpoint.renew, clock=ManualClock())
    callers = [asyncio.create_task(tokens.admits(b"new")) for _ in range(50)]
    await until(lambda: endpoint.asked)
    endpoint.may_answer.set()
    assert all(await asyncio.gather(*callers))
    assert endpoint.asked == 1


async def test_stranger_asks_at_most_once_a_second() -> None:
    """And one without any token not at all."""
    clock, endpoint = ManualClock(), Endpoint("good")
    tokens = Tokens(CONTAINER, renew=endpoint.renew, clock=clock)
    assert not await tokens.admits(b"")
    assert endpoint.asked == 0
    for _ in range(3):
        assert not await tokens.admits(b"wrong")
    assert endpoint.asked == 1
    clock.freeze(RENEWAL_INTERVAL_S)
    assert not await tokens.admits(b"wrong")
    assert endpoint.asked == 2


@pytest.mark.parametrize(
    ("environ", "in_file", "are_known"),
    [
        ({}, [], False),
        ({"AWS_SESSION_TOKEN": " "}, [], False),
        ({"AWS_SESSION_TOKEN": "a"}, [], True),
        ({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2"}, [], True),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": ""}, [], False),
        ({}, [b"t"], True),
    ],
)
async def test_whether_any_token_can_be_valid(
    environ: dict[str, str], in_file: list[bytes], are_known: bool
) -> None:
    """One that is there, or an endpoint that may have one; an empty variable is unset."""
    endpoint = Endpoint()
    tokens = Tokens(
        environ, renew=endpoint.renew, clock=ManualClock(), in_file=lambda: list(in_file)
    )
    assert tokens.are_known is are_known
    assert await tokens.admits(b"t") is bool(in_file)


async def test_how_long_tokens_count() -> None:
    """One that was replaced for an hour; the endpoint is asked at most once a second."""
    clock, endpoint = ManualClock(), Endpoint("one")
    tokens = Tokens(CONTAINER, renew=endpoint.renew, clock=clock)
    await tokens.admits(b"one")
    clock.advance(1)
    endpoint.tokens = ("two",)
    assert await tokens.admits(b"two")
    assert endpoint.asked == 2
    clock.advance(0.9)
    assert not await tokens.admits(b"x")
    assert endpoint.asked == 2
    clock.advance(3598.9)
    assert tokens.admits_at_once(b"one")
    clock.advance(0.2)
    assert not tokens.admits_at_once(b"one")
    assert tokens.admits_at_once(b"two")


async def test_the_latest_four_tokens_count() -> None:
    """As the endpoint returns them: the newest is not yet replaced, the others are."""
    clock, endpoint = ManualClock(), Endpoint("1", "2", "3", "4", "5")
    tokens = Tokens(CONTAINER, renew=endpoint.renew, clock=clock)
    assert await tokens.admits(b"5")
    assert [tokens.admits_at_once(each) for each in (b"1", b"2", b"3", b"4")] == [
        False, True, True, True,
    ]  # fmt: skip
    clock.advance(3600)
    assert [tokens.admits_at_once(each) for each in (b"4", b"5")] == [False, True]
