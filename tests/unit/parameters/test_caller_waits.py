"""How long a GET waits: for a share of its own invocation, whatever call it shares."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import closing
from typing import Any

import pytest

from extension.aws.errors import TIMEOUT, UpstreamError
from extension.parameters.flights import CallerWaits
from extension.parameters.keys import Key, ParameterKey
from extension.parameters.parameters import Parameters
from extension.parameters.request import Query
from extension.platform.events import Invoke
from extension.process.log import Log
from extension.settings.parameters import ParametersConfig
from extension.settings.process import LambdaConfig
from tests.doubles import DictSource, LogLines, ManualClock
from tests.simulated_time import SimulatedLoop

GET = Query(ParameterKey("/a"))
HANGS_S = 1000.0


class Stage:
    """A cache whose calls to AWS take as long as the test says; the loop's time is simulated."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.loop = SimulatedLoop(self.clock)
        self.lines = LogLines()
        self.takes_s = HANGS_S
        self.begun = 0
        self.cache = Parameters(
            ParametersConfig(ssm_ttl_s=100, ttl_jitter=0, refresh_ahead=0.5, max_stale_s=1000),
            sandbox=LambdaConfig(),
            environ={},
            clock=self.clock,
            log=Log(clock=self.clock, sink=self.lines),
            sockets=[],
            open_source=DictSource,
        )
        self.lookup = self.cache._lookup
        self.lookup._fetch = self.lookup._fetch_ahead = self._fetch

    async def _fetch(self, key: Key, *, traceparent: str | None, batchable: bool) -> bytes:
        self.begun += 1
        number = self.begun
        await asyncio.sleep(self.takes_s)
        return f"value {number}".encode()

    def run(self, step: Coroutine[Any, Any, Any]) -> Any:
        """Run the loop until a step is done."""
        return self.loop.run_until_complete(step)

    def invoke(self, *, left_s: float) -> None:
        """Announce an invocation."""
        deadline_ms = self.clock.wall_ns // 1_000_000 + round(left_s * 1000)
        self.cache.announced(Invoke(request_id="r", deadline_ms=deadline_ms))

    async def begin(self) -> asyncio.Task[Any]:
        """Begin a GET."""
        getting = asyncio.create_task(self.lookup.get(GET, keep=self.cache.keeps))
        await asyncio.sleep(0.01)
        return getting

    async def fails_after_s(self, getting: asyncio.Task[Any]) -> float:
        """Return how long it takes from now on until a GET fails because there is no answer."""
        began = self.clock.now()
        with pytest.raises(UpstreamError) as raised:
            await getting
        assert (raised.value.code, raised.value.transient) == (TIMEOUT, True)
        assert raised.value.message == "no answer in the time that the invocation leaves"
        return self.clock.now().since(began)


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A cache, whose calls end with the test."""
    stage = Stage()
    with closing(stage.loop):
        yield stage
        left = asyncio.all_tasks(stage.loop)
        for task in left:
            task.cancel()
        stage.run(_ended(left))


async def _ended(tasks: set[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


def test_a_get_that_joins_an_older_call_waits_for_a_share_of_its_own_invocation(
    stage: Stage,
) -> None:
    """The call, a prefetch for example, began when no deadline was known; it goes on."""

    async def story() -> None:
        older = await stage.begin()
        older.cancel()
        stage.invoke(left_s=4)
        joined = await stage.begin()
        assert await stage.fails_after_s(joined) == pytest.approx(3.2, abs=0.02)
        assert stage.begun == 1
        assert stage.lookup._flights.under_way((GET.key, False))

    stage.run(story())


@pytest.mark.parametrize("keep", [True, False])
def test_a_deadline_that_is_announced_later_holds_for_the_gets_under_way(
    stage: Stage, *, keep: bool
) -> None:
    """A GET of the function may be here before our own INVOKE; one without the cache, too."""

    async def story() -> None:
        getting = asyncio.create_task(stage.lookup.get(GET, keep=keep))
        await asyncio.sleep(0.01)
        stage.invoke(left_s=4)
        assert await stage.fails_after_s(getting) == pytest.approx(3.2, abs=0.02)

    stage.run(story())


def test_a_deadline_that_is_announced_later_prolongs_a_wait(stage: Stage) -> None:
    """That of the invocation before was near, and says nothing of this one."""

    async def story() -> None:
        stage.invoke(left_s=0.1)
        getting = await stage.begin()
        stage.invoke(left_s=4)
        assert await stage.fails_after_s(getting) == pytest.approx(3.2, abs=0.02)

    stage.run(story())


def test_a_get_leaves_time_for_a_call_of_its_own_beside_a_renewal_that_hangs(
    stage: Stage,
) -> None:
    """It waits for a renewal ahead for half of its time at most; both together end in time."""

    async def story() -> None:
        stage.takes_s = 0.1
        await stage.lookup.get(GET)
        stage.takes_s = HANGS_S
        stage.clock.advance(99)
        stage.lookup.find(GET)
        await asyncio.sleep(0.01)
        stage.clock.advance(1)
        stage.invoke(left_s=2)
        began = stage.clock.now()
        stale = await stage.lookup.get(GET)
        assert stale.result == "STALE"
        assert stage.clock.now().since(began) == pytest.approx(1.6, abs=0.02)
        assert stage.begun == 3

    stage.run(story())


def test_gets_that_give_up_together_say_so_once(stage: Stage) -> None:
    """Each gets the stale value, and one line is logged."""

    async def story() -> None:
        stage.takes_s = 0.1
        await stage.lookup.get(GET)
        stage.takes_s = 4.0
        stage.clock.advance(200)
        stage.invoke(left_s=4)
        served = await asyncio.gather(*(stage.lookup.get(GET) for _ in range(3)))
        assert [each.result for each in served] == ["STALE"] * 3
        assert stage.begun == 2
        assert stage.lines.messages == ["serving a stale value"]
        await asyncio.sleep(2)
        renewed = await stage.lookup.get(GET)
        assert (renewed.result, renewed.body) == ("HIT", b"value 2")

    stage.run(story())


def test_the_time_counts_from_when_the_clients_are_there(stage: Stage) -> None:
    """A GET that waited for them has a share of what is left for its call."""

    async def story() -> None:
        stage.invoke(left_s=8)
        getting = await stage.begin()
        await asyncio.sleep(4)
        stage.cache._clients.on_open()
        assert await stage.fails_after_s(getting) == pytest.approx(3.2, abs=0.02)

    stage.run(story())


def test_a_wait_that_is_over_is_not_kept(stage: Stage) -> None:
    """However it ended."""
    waits = CallerWaits(lambda: 1.0, clock=stage.clock)

    async def story() -> None:
        async with waits.one():
            assert len(waits._limits) == 1
        with pytest.raises(TimeoutError):
            async with waits.one():
                await asyncio.sleep(HANGS_S)
        assert not waits._limits

    stage.run(story())
