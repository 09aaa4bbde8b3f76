"""A function of little memory has little CPU: all of its processes share it, after the first init.

What is judged is that no process gets more than the share, which holds on a slow machine, too.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from simulator.clock import SECOND_NS, monotonic_ns
from simulator.local_lambda import LocalLambda
from simulator.sandbox.control_group import ControlGroup
from simulator.sandbox.cpu_share import CpuShare, open_share, share_of
from simulator.sandbox.stop_and_go import Budget, StopAndGo
from simulator.settings import FunctionSettings
from tests.scripted.stage import Stage
from tests.scripted.steps import INVOKE_AND_SHUTDOWN, STAY, register
from tests.simulator.running import settings_for, state_of
from tests.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a share of the CPU needs Linux")

STAYING = [register("one", INVOKE_AND_SHUTDOWN), *STAY]
BURNS_AT_INIT = """
import os, pathlib, time

def throttled():
    lines = pathlib.Path("/proc/self/cgroup").read_text().splitlines()
    [group] = [line.rpartition("/")[2] for line in lines if "/simulator-" in line]
    [stat] = pathlib.Path("/sys/fs/cgroup").glob(f"**/{group}/cpu.stat")
    return int(dict(line.split() for line in stat.read_text().splitlines())["nr_throttled"])

until = time.process_time() + 0.2
while time.process_time() < until:
    pass
AT_INIT = throttled()

def handler(event, context):
    if event:
        os._exit(1)
    return AT_INIT
"""
SHARE, USED_S, SLACK_S = 0.25, 0.3, 0.05
SPIN = (sys.executable, "-c", "while True: pass")
SPIN_AS_A_CHILD = ("/bin/sh", "-c", f"{sys.executable} -c 'while True: pass'; true")


def _can_make_groups() -> bool:
    try:
        group = ControlGroup()
    except OSError:
        return False
    group.path.rmdir()
    return True


needs_groups = pytest.mark.skipif(not _can_make_groups(), reason="may not make control groups")
KINDS = [pytest.param(ControlGroup, marks=needs_groups), StopAndGo]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", [SPIN, SPIN_AS_A_CHILD], ids=["process", "child"])
async def test_nobody_gets_more_than_the_share(
    kind: Callable[[], CpuShare], command: tuple[str, ...]
) -> None:
    """Processes that never rest, and what they start, use no more of the time than their share."""
    share = kind()
    with _started(command) as one, _started(command) as two:
        for each in (one, two):
            share.add(each.pid)
        share.begin(SHARE)
        before_s, began_ns = _group_cpu_s(one, two), monotonic_ns()

        def is_within() -> bool:
            passed_s = (monotonic_ns() - began_ns) / SECOND_NS
            used_s = _group_cpu_s(one, two) - before_s
            return USED_S < used_s <= passed_s * SHARE + SLACK_S

        # What ran too long waits it out afterwards: more than the share never comes back to it.
        await until(is_within)
    await share.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_frozen_processes_stay_frozen(kind: Callable[[], CpuShare]) -> None:
    """A share never wakes what the freeze has stopped, and goes on after the thaw."""
    share, other = kind(), StopAndGo()
    with _started(SPIN) as frozen, _started(SPIN) as clock:
        share.add(frozen.pid)
        other.add(clock.pid)
        share.begin(SHARE)
        other.begin(SHARE)
        share.freeze()
        os.killpg(frozen.pid, signal.SIGSTOP)
        passed_s = _group_cpu_s(clock) + USED_S / 3
        await until(lambda: state_of(frozen.pid) == "T")
        await until(lambda: _group_cpu_s(clock) > passed_s)
        state = state_of(frozen.pid)
        used_s = _group_cpu_s(frozen)
        share.thaw()
        os.killpg(frozen.pid, signal.SIGCONT)
        await until(lambda: _group_cpu_s(frozen) > used_s)
    await share.close()
    await other.close()

    assert state == "T"


def test_a_budget_is_earned_by_waiting() -> None:
    """What was used too much is waited out; what was not used is not saved up for long."""
    budget = Budget(0.1)

    assert budget.allows(used_ns=5_000_000, passed_ns=0)
    assert not budget.allows(used_ns=25_000_000, passed_ns=0)
    assert not budget.allows(used_ns=0, passed_ns=190_000_000)
    assert budget.allows(used_ns=0, passed_ns=20_000_000)
    assert budget.allows(used_ns=0, passed_ns=60_000_000_000)
    assert not budget.allows(used_ns=11_000_000, passed_ns=0)


def test_the_share_follows_the_memory(tmp_path: Path) -> None:
    """1 769 MB are one core; who asks for no share gets none."""
    assert share_of(1769) == 1.0
    assert share_of(128) == pytest.approx(0.0724, abs=0.0001)
    assert open_share(FunctionSettings(code=tmp_path)) is None


@needs_groups
async def test_the_first_init_has_more_than_the_share(tmp_path: Path) -> None:
    """The kernel throttles nothing before the first invocation, but an init that is repeated."""
    stage = Stage.build(tmp_path, extensions={"one": STAYING}, source=BURNS_AT_INIT)
    async with LocalLambda(settings_for(stage, cpu_share=True)) as function:
        first = await function.invoke()
        await function.invoke(1)
        repeated = await function.invoke()

    assert json.loads(first.payload) == 0
    assert json.loads(repeated.payload) > 0
    assert _groups() == []


async def test_a_function_lives_with_a_share(tmp_path: Path) -> None:
    """Invocations, freezes and resets go on as ever, and no process stays."""
    stage = Stage.build(tmp_path, extensions={"one": STAYING})
    async with LocalLambda(settings_for(stage, cpu_share=True, memory_mb=512)) as function:
        answers = [await function.invoke(number) for number in range(3)]
        pids = function.pids

    assert [answer.payload for answer in answers] == [b"0", b"1", b"2"]
    assert [state_of(pid) for pid in pids] == ["", ""]


@contextmanager
def _started(command: tuple[str, ...]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _group_cpu_s(*leaders: subprocess.Popen[bytes]) -> float:
    """Return what the groups of these processes have used; the kernel counts in ticks."""
    groups = {leader.pid for leader in leaders}
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) in groups:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _groups() -> list[Path]:
    return list(Path("/sys/fs/cgroup").glob(f"**/simulator-{os.getpid()}-*"))
