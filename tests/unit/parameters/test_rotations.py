"""When secrets are rotated next, as far as it is known."""

from __future__ import annotations

from datetime import UTC, datetime
from math import inf

import pytest

from extension.aws.errors import UpstreamError
from extension.parameters.keys import SecretKey
from extension.parameters.rotations import Rotations
from extension.process.clock import NS_PER_S
from extension.process.log import Log
from tests.doubles import LogLines, ManualClock
from tests.waiting import until

KEY = SecretKey("s")
STAGED = SecretKey("s", version_stage="AWSPREVIOUS")
OTHER = SecretKey("other")
AS_ROLE = SecretKey("s", role="arn:aws:iam::111122223333:role/r")


class Bench:
    """Rotations that are asked of the test."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.lines = LogLines()
        self.asked: list[SecretKey] = []
        self.learned: list[SecretKey] = []
        self.in_s: float | None = None
        """In how many seconds the next one is."""
        self.error: UpstreamError | None = None
        log = Log(clock=self.clock, sink=self.lines)
        self.rotations = Rotations(self._ask, size=10, clock=self.clock, log=log)

    async def _ask(self, key: SecretKey) -> datetime | None:
        self.asked.append(key)
        if self.error:
            raise self.error
        if self.in_s is None:
            return None
        return datetime.fromtimestamp(self.clock.wall_ns / NS_PER_S + self.in_s, UTC)

    async def watch(self, *keys: SecretKey) -> int:
        """Watch keys; return how often AWS was asked for that."""
        before = len(self.asked)
        for key in keys:
            self.rotations.watch(key, self.learned.append)
        await until(lambda: not self.rotations._waiting._tasks)
        return len(self.asked) - before


async def test_the_time_that_is_left() -> None:
    """Of all versions of a secret; infinite where nothing is known, or once it is over."""
    bench = Bench()
    assert bench.rotations.left_s(KEY) == inf
    bench.in_s = 100
    await bench.watch(KEY)
    assert bench.rotations.left_s(STAGED) == pytest.approx(100)
    assert bench.rotations.left_s(OTHER) == inf
    bench.clock.advance(99.5)
    assert bench.rotations.left_s(KEY) == pytest.approx(0.5)
    bench.clock.advance(0.5)
    assert bench.rotations.left_s(KEY) == inf


async def test_versions_of_a_secret_share_a_question() -> None:
    """Each of them hears of the answer."""
    bench = Bench()
    assert await bench.watch(KEY, STAGED) == 1
    assert bench.asked == [KEY]
    assert set(bench.learned) == {KEY, STAGED}


@pytest.mark.parametrize("in_s", [None, 7200])
async def test_a_schedule_is_known_for_an_hour(in_s: float | None) -> None:
    """Also that there is none."""
    bench = Bench()
    bench.in_s = in_s
    asked = [await bench.watch(KEY)]
    for seconds in (3599.5, 0.5):
        bench.clock.advance(seconds)
        asked.append(await bench.watch(KEY))
    assert asked == [1, 0, 1]


async def test_a_date_that_has_passed_is_known_for_a_minute() -> None:
    """The rotation may have failed, or be late."""
    bench = Bench()
    bench.in_s = 0
    asked = [await bench.watch(KEY)]
    for seconds in (59.5, 0.5):
        bench.clock.advance(seconds)
        asked.append(await bench.watch(KEY))
    assert asked == [1, 0, 1]


async def test_without_the_permission_a_role_is_not_asked_again() -> None:
    """One line says what to allow; other roles may have it."""
    bench = Bench()
    bench.error = UpstreamError("AccessDeniedException")
    assert await bench.watch(KEY) == 1
    bench.clock.advance(4000)
    assert await bench.watch(KEY, OTHER) == 0
    assert await bench.watch(AS_ROLE) == 1
    own, other = bench.lines.parsed
    assert own["name"] == "s"
    assert "role" not in own
    assert other["role"] == AS_ROLE.role


async def test_two_denials_at_once_are_one_line() -> None:
    """Both secrets were asked for before either was refused."""
    bench = Bench()
    bench.error = UpstreamError("AccessDeniedException")
    assert await bench.watch(KEY, OTHER) == 2
    assert len(bench.lines.messages) == 1


async def test_after_a_failure_that_passes_the_next_read_asks_again() -> None:
    """Nothing is known then, and no line is written: the call itself has one."""
    bench = Bench()
    bench.in_s, bench.error = 100, UpstreamError("Unavailable", transient=True)
    assert await bench.watch(KEY) == 1
    assert bench.rotations.left_s(KEY) == inf
    assert bench.lines.messages == []
    bench.error = None
    assert await bench.watch(KEY) == 1
    assert bench.rotations.left_s(KEY) == pytest.approx(100)


async def test_a_failure_that_passes_leaves_what_is_known() -> None:
    """The date of an hour ago still counts."""
    bench = Bench()
    bench.in_s = 7200
    await bench.watch(KEY)
    bench.clock.advance(3600)
    bench.error = UpstreamError("Unavailable", transient=True)
    assert await bench.watch(KEY) == 1
    assert bench.rotations.left_s(KEY) == pytest.approx(3600)


async def test_other_refusals_are_asked_again_with_the_next_schedule() -> None:
    """Nothing is known then, and no line is written: the call itself has one."""
    bench = Bench()
    bench.error = UpstreamError("ResourceNotFoundException")
    assert await bench.watch(KEY) == 1
    assert bench.rotations.left_s(KEY) == inf
    assert bench.lines.messages == []
    bench.clock.advance(3599.5)
    assert await bench.watch(KEY) == 0
    bench.clock.advance(0.5)
    assert await bench.watch(KEY) == 1
