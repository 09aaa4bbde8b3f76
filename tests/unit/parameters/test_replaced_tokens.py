"""Tokens that an endpoint has replaced, or takes back, and those in a file beside them."""

from __future__ import annotations

from extension.parameters.access import GRACE_S, RENEWAL_INTERVAL_S, Tokens
from tests.doubles import ManualClock
from tests.unit.parameters.test_tokens import CONTAINER, Endpoint


async def test_a_token_in_the_file_counts_beside_those_of_the_endpoint() -> None:
    """It is read each time, as it may be written later."""
    endpoint, in_file = Endpoint("held"), list[bytes]()
    tokens = Tokens(CONTAINER, renew=endpoint.renew, clock=ManualClock(), in_file=lambda: in_file)
    assert await tokens.admits(b"held")
    assert not tokens.admits_at_once(b"in-file")
    in_file.append(b"in-file")
    assert tokens.admits_at_once(b"in-file")
    assert tokens.admits_at_once(b"held")


async def test_a_valid_token_asks_no_endpoint() -> None:
    """However long ago it was fetched."""
    clock, endpoint = ManualClock(), Endpoint("one")
    tokens = Tokens(CONTAINER, renew=endpoint.renew, clock=clock)
    assert await tokens.admits(b"one")
    clock.advance(10 * GRACE_S)
    assert await tokens.admits(b"one")
    assert endpoint.asked == 1


async def test_grace_is_counted_from_the_first_answer_that_replaces_a_token() -> None:
    """And not again from each later one that names it."""
    clock, endpoint = ManualClock(), Endpoint("one", "two")
    tokens = Tokens(CONTAINER, renew=endpoint.renew, clock=clock)
    assert await tokens.admits(b"one")
    clock.advance(GRACE_S - 1)
    assert tokens.admits_at_once(b"one")
    assert not await tokens.admits(b"wrong")
    clock.advance(1)
    assert not tokens.admits_at_once(b"one")
    assert tokens.admits_at_once(b"two")


async def test_no_answer_of_the_endpoint_replaces_nothing() -> None:
    """It is asked again a second later."""
    clock, endpoint = ManualClock(), Endpoint("one")
    tokens = Tokens(CONTAINER, renew=endpoint.renew, clock=clock)
    assert await tokens.admits(b"one")
    endpoint.tokens = ()
    clock.advance(RENEWAL_INTERVAL_S)
    assert not await tokens.admits(b"two")
    assert not await tokens.admits(b"two")
    assert endpoint.asked == 2
    clock.advance(2 * GRACE_S)
    assert tokens.admits_at_once(b"one")


async def test_a_token_that_came_back_is_the_latest() -> None:
    """Those that were replaced before it make room first."""
    clock, endpoint = ManualClock(), Endpoint()
    tokens = Tokens(CONTAINER, renew=endpoint.renew, clock=clock)
    for current in ("one", "two", "three", "one", "four", "five"):
        endpoint.tokens = (current,)
        clock.advance(RENEWAL_INTERVAL_S)
        await tokens.admits(b"wrong")
    assert [tokens.admits_at_once(each) for each in (b"two", b"three", b"one")] == [
        False, True, True,
    ]  # fmt: skip
