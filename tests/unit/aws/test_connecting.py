"""Connections within one time limit, whatever names and addresses do."""

from __future__ import annotations

import asyncio
import selectors
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from extension.aws.connecting import MOST_LOOKUPS, STAGGER_S, Address, Connector, Resolve
from tests.blackholes import full_backlog
from tests.doubles import ManualClock
from tests.waiting import PATIENCE_S, until

SHORT_S = 0.2


def resolving_to(*addresses: tuple[str, int]) -> Resolve:
    """Return a resolver that lists these IPv4 addresses for every name."""

    def resolve(*_: Any) -> list[Address]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", each) for each in addresses]

    return resolve


class HangingResolver:
    """Does not answer until it is released; counts who asks."""

    def __init__(self) -> None:
        self.asked = 0
        self.released = threading.Event()

    def __call__(self, *_: Any) -> Sequence[Address]:
        """Hang."""
        self.asked += 1
        self.released.wait(PATIENCE_S)
        return resolving_to(("127.0.0.1", 1))()


@pytest.fixture
def hanging() -> Iterator[HangingResolver]:
    """A resolver that is released at the end."""
    resolver = HangingResolver()
    yield resolver
    resolver.released.set()


@contextmanager
def listener() -> Iterator[tuple[str, int]]:
    """Give an address that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        yield host, port


@contextmanager
def refusing() -> Iterator[tuple[str, int]]:
    """Give an address that refuses connections, as its socket does not listen."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        host, port = bound.getsockname()
        yield host, port


@contextmanager
def blackholes(number: int) -> Iterator[list[tuple[str, int]]]:
    """Give addresses that answer no SYN."""
    with ExitStack() as stack:
        yield [("127.0.0.1", stack.enter_context(full_backlog())) for _ in range(number)]


def connected(connector: Connector, *, within_s: float) -> tuple[str, int]:
    """Return where a connection to some name ends up."""
    with closing(connector.connect("name.test", 443, within_s=within_s)) as connection:
        host, port = connection.getpeername()
        return host, port


def test_an_address_that_answers_wins_over_those_before_it() -> None:
    """One blackholed address of a name costs a moment, not the connection."""
    with blackholes(3) as dead, listener() as alive:
        assert connected(Connector(resolve=resolving_to(*dead, alive)), within_s=30) == alive


def test_a_refusal_makes_way_for_the_next_address() -> None:
    """The first one refuses, the second one accepts."""
    with refusing() as dead, listener() as alive:
        assert connected(Connector(resolve=resolving_to(dead, alive)), within_s=30) == alive


def test_addresses_that_do_not_answer_share_one_time_limit() -> None:
    """Eight of them are given up together, and their sockets are closed."""
    with blackholes(8) as dead, pytest.raises(TimeoutError, match="no address answered"):
        connected(Connector(resolve=resolving_to(*dead)), within_s=SHORT_S)


def test_refusals_of_all_addresses_are_a_refusal() -> None:
    """There is nothing to wait for."""
    with refusing() as one, refusing() as other, pytest.raises(ConnectionRefusedError):
        connected(Connector(resolve=resolving_to(one, other)), within_s=30)


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), OSError()])
def test_the_resolvers_error_is_raised(error: OSError) -> None:
    """A name that does not exist is reported as such."""

    def resolve(*_: Any) -> list[Address]:
        raise error

    with pytest.raises(type(error)):
        connected(Connector(resolve=resolve), within_s=30)


def test_a_name_that_no_host_can_have_is_an_os_error() -> None:
    """The codec of such names raises UnicodeError, which no caller expects."""
    with pytest.raises(OSError, match="no host has such a name"):
        Connector().connect("a..b", 443, within_s=30)


def test_a_name_without_addresses_is_an_os_error() -> None:
    """The resolver may list none."""
    with pytest.raises(OSError, match="no address"):
        connected(Connector(resolve=resolving_to()), within_s=30)


def test_a_resolution_that_hangs_is_left_behind(hanging: HangingResolver) -> None:
    """Each caller waits for its own time and asks once more, up to a number of threads."""
    connector = Connector(resolve=hanging)
    for _ in range(MOST_LOOKUPS + 2):
        with pytest.raises(TimeoutError, match="the name was not resolved"):
            connected(connector, within_s=0.01)
    assert hanging.asked == MOST_LOOKUPS


async def test_a_resolution_that_ends_late_serves_who_asks_then(hanging: HangingResolver) -> None:
    """Those that wait take whichever resolution ends first."""
    with listener() as alive:
        connector = Connector(
            resolve=lambda *asked: hanging(*asked) and resolving_to(alive)(*asked)
        )
        waiting = asyncio.create_task(asyncio.to_thread(connected, connector, within_s=PATIENCE_S))
        hanging.released.set()
        assert await waiting == alive


def test_an_address_that_answers_is_taken_when_a_freeze_took_the_time() -> None:
    """The resolver's answer came during the freeze, and the time limit had passed at the thaw."""
    clock = ManualClock()
    with listener() as alive:

        def resolve(*_: Any) -> Sequence[Address]:
            clock.advance(900)
            return resolving_to(alive)()

        assert connected(Connector(resolve=resolve, clock=clock), within_s=SHORT_S) == alive


def test_after_a_freeze_nothing_is_waited_for() -> None:
    """An address that has not answered when the time limit has passed is given up."""
    clock = ManualClock()
    with blackholes(1) as dead:

        def resolve(*_: Any) -> Sequence[Address]:
            clock.advance(900)
            return resolving_to(*dead)()

        with pytest.raises(TimeoutError, match="no address answered"):
            connected(Connector(resolve=resolve, clock=clock), within_s=PATIENCE_S)


async def test_each_connection_resolves_its_name_again() -> None:
    """Answers are not kept: addresses of AWS change, and one of before a freeze may be gone."""
    asked: list[tuple[Any, ...]] = []
    with listener() as alive:

        def resolve(*name: Any) -> Sequence[Address]:
            asked.append(name)
            return resolving_to(alive)()

        connector = Connector(resolve=resolve)
        for _ in range(MOST_LOOKUPS + 2):
            assert connected(connector, within_s=PATIENCE_S) == alive
            await until(lambda: not any(connector._names._lookups.values()))
    name = ("name.test", 443, socket.AF_UNSPEC, socket.SOCK_STREAM)
    assert asked == [name] * (MOST_LOOKUPS + 2)


def test_a_connection_does_not_block_and_has_its_options() -> None:
    """urllib3 gives it a time limit of its own."""
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    with listener() as alive:
        connector = Connector(resolve=resolving_to(alive))
        with closing(
            connector.connect("name.test", 443, within_s=PATIENCE_S, options=options)
        ) as connection:
            assert connection.getblocking() is False
            assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


def test_an_address_family_that_is_not_there_makes_way() -> None:
    """A machine without it cannot even make a socket."""
    with listener() as alive:

        def resolve(*_: Any) -> Sequence[Address]:
            return [(9999, socket.SOCK_STREAM, 0, "", alive), *resolving_to(alive)()]

        assert connected(Connector(resolve=resolve), within_s=PATIENCE_S) == alive


def test_resolvers_do_not_hold_up_the_exit(hanging: HangingResolver) -> None:
    """Their threads are daemons, and have a name."""
    with pytest.raises(TimeoutError):
        connected(Connector(resolve=hanging), within_s=0.01)
    found = [each for each in threading.enumerate() if each.name == "resolver"]
    assert found
    assert all(each.daemon for each in found)


def test_an_address_that_fails_at_once_makes_way() -> None:
    """Without a wait; where it is the only one, its error is raised."""
    nowhere: Address = (socket.AF_UNIX, socket.SOCK_STREAM, 0, "", "/not/there")
    with listener() as alive:
        both = Connector(resolve=lambda *_: [nowhere, *resolving_to(alive)()])
        assert connected(both, within_s=PATIENCE_S) == alive
    with pytest.raises(FileNotFoundError):
        connected(Connector(resolve=lambda *_: [nowhere]), within_s=PATIENCE_S)


def test_an_address_that_connects_at_once_wins(tmp_path: Path) -> None:
    """Without anything to wait for, as the sockets of one machine do."""
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(1)

        def resolve(*_: Any) -> list[Any]:
            return [(socket.AF_UNIX, socket.SOCK_STREAM, 0, "", path)]

        with closing(Connector(resolve=resolve).connect("h", 1, within_s=PATIENCE_S)) as connected:
            assert connected.getpeername() == path


def test_of_many_addresses_each_gets_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are waited for less then; a few are waited for a tenth of a second each."""
    pauses: list[float] = []

    class Selector(selectors.DefaultSelector):
        def select(self, timeout: float | None = None) -> list[Any]:
            pauses.append(timeout or 0.0)
            return super().select(0.0 if timeout and timeout < 1.0 else timeout)

    monkeypatch.setattr("selectors.DefaultSelector", Selector)
    with full_backlog() as port, listener() as answering:
        silent = ("127.0.0.1", port)
        for number, within_s in ((3, PATIENCE_S), (30, 2.0)):
            pauses.clear()
            resolve = resolving_to(*[silent] * number, answering)
            clock = ManualClock()
            closing_one = Connector(resolve=resolve, clock=clock).connect("h", 1, within_s=within_s)
            closing_one.close()
            assert len(pauses) > number
            assert sum(pauses[:number]) < within_s
            assert max(pauses[:number]) <= STAGGER_S
