"""The start after a timeout or a crash, in a 128 MB function: 7 % of a core from the beginning.

Lambda repeats the start inside the next invocation, within the function's timeout (3 s unless it is
set) and with the function's share of the CPU. So a repeated start is the second one with the same
/tmp, after one at full speed that has seen an invocation; beside it is a first start at the
share. What an extension leaves for after its first /next is not free: invocations have to give it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from benchmarks import layer, share
from benchmarks.api import DEADLINE_S, Api
from benchmarks.contenders import BOTH, PARAMETERS, ROOT, SANDBOX, TELEMETRY, modes
from benchmarks.miss import TARGET, TOKEN, Endpoint
from benchmarks.process import NS_PER_MS, Contender, Process, Spawn
from benchmarks.rows import Row, bounded, compare, skip, take_turns
from benchmarks.share import Share, share_of
from simulator.sandbox.private_tmp import PrivateTmp, visible_entries
from simulator.settings import FunctionSettings

MEMORY_MB = 128
TURNS = 3
NAME = f"{MEMORY_MB} MB share"
TIMEOUT_S = 3.0
PATIENT_TIMEOUT_S = 30.0
"""Of the function whose first GET is measured: with three seconds it would be refused in time."""
AT_MOST_MS = 2000
"""Of the three seconds of a function's timeout; the rest is for its own start."""

OFF = "switched off"
GET = f"{BOTH}: start to the answer of the first GET"
LAYER_GET = f"{GET}, from the layer"
GET_AT_MOST_MS = 3000
TRIVIAL = "a trivial extension"
STAND_IN = "the stand-in"
LAUNCHER = ROOT / "layer" / "extensions" / "lambda-dispatch"
TRIVIAL_COMMAND = (sys.executable, "-IS", str(ROOT / "tests" / "trivial_extension.py"))

Hold = Callable[[int], None]

QUIET_S = 0.3
"""A process that has used nothing for so long has done what it had to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start, in milliseconds from the spawn; CPU until the first /next, and after it.

    The CPU after it is measured at full speed only.
    """

    register_ms: float
    next_ms: float
    cpu_ms: float
    cpu_after_ms: float = 0.0

    @property
    def opening_ms(self) -> float:
        """From /register to /next: what is left to do when the runtime starts."""
        return self.next_ms - self.register_ms


def rows() -> Iterator[Row]:
    """Measure repeated and first starts at the share, and what is done after the first /next."""
    if reason := share.why_not():
        yield skip(NAME, reason)
        return
    with (
        Api() as api,
        Endpoint() as endpoint,
        Share(share_of(MEMORY_MB)) as held,
        TemporaryDirectory(dir=ROOT) as folder,
    ):
        lone_launcher = Path(shutil.copy(LAUNCHER, folder))
        url = f"http://127.0.0.1:{endpoint.server_address[1]}"
        contenders = _contenders(api, url, lone_launcher=lone_launcher)
        take = partial(_take_turns, contenders, api=api)
        first_get = {GET: partial(_first_get, contenders[BOTH], api, held.hold)}
        if not layer.why_not():
            ours = _from_layer(api, url, Path(folder) / "layer")
            first_get[LAYER_GET] = partial(_first_get, ours, api, held.hold)
        repeated = take(hold=held.hold, is_repeated=True, also=first_get)
        first = take(hold=held.hold, is_repeated=False)
        full = take(hold=None, is_repeated=True)
    yield from _repeated_rows(repeated)
    yield from _first_rows(first)
    yield from _after_rows(full)


def _contenders(api: Api, endpoint: str, *, lone_launcher: Path) -> dict[str, Contender]:
    environ = {**SANDBOX, "AWS_LAMBDA_RUNTIME_API": api.address}
    chosen = {
        name: replace(each, environ={**each.environ, "AWS_ENDPOINT_URL": endpoint})
        for name, each in modes(api).items()
    }
    telemetry = chosen[TELEMETRY]
    off = {**telemetry.environ, "DISPATCH_ENABLED": "false"}
    chosen[OFF] = replace(telemetry, environ=off, exports=False)
    chosen[TRIVIAL] = Contender(command=TRIVIAL_COMMAND, environ=environ)
    # Alone, without the rest of the layer, the launcher stands in for it.
    alone = ("/bin/sh", str(lone_launcher))
    chosen[STAND_IN] = Contender(command=alone, environ={**environ, "PATH": os.defpath})
    return chosen


def _from_layer(api: Api, endpoint: str, folder: Path) -> Contender:
    """Return ours with both jobs, from the built layer."""
    layer.unpack(layer.built(), folder)
    command = (str(folder / layer.LAUNCHER),)
    both = modes(api, command=command, path=layer.INTERPRETER)[BOTH]
    return replace(both, environ={**both.environ, "AWS_ENDPOINT_URL": endpoint})


def _take_turns(
    contenders: Mapping[str, Contender],
    *,
    api: Api,
    hold: Hold | None,
    is_repeated: bool,
    also: Mapping[str, Callable[[], Start]] = MappingProxyType({}),
) -> dict[str, list[Start]]:
    measured = {
        name: partial(_start, each, api, hold, is_repeated=is_repeated)
        for name, each in contenders.items()
    }
    return take_turns({**measured, **also}, turns=TURNS)


def _start(contender: Contender, api: Api, hold: Hold | None, *, is_repeated: bool) -> Start:
    with _sandbox(contender, api, hold, is_repeated=is_repeated) as process:
        cpu_ms = process.init_cpu_ms
        return Start(
            register_ms=process.register_ms,
            next_ms=process.next_ms,
            cpu_ms=cpu_ms,
            cpu_after_ms=0.0 if hold else _cpu_at_rest_ms(process) - cpu_ms,
        )


def _first_get(contender: Contender, api: Api, hold: Hold) -> Start:
    """Ask as soon as the first /next is here, as a runtime that starts meanwhile may."""
    patient = _sandbox(contender, api, hold, is_repeated=True, timeout_s=PATIENT_TIMEOUT_S)
    with patient as process:
        began_ns = time.perf_counter_ns()
        connection = HTTPConnection("127.0.0.1", contender.port, timeout=DEADLINE_S)
        connection.request("GET", TARGET, headers=TOKEN)
        answer = connection.getresponse()
        body = answer.read()
        taken_ms = (time.perf_counter_ns() - began_ns) / NS_PER_MS
        connection.close()
        if answer.status != 200:
            kind = answer.getheader("x-amzn-errortype")
            raise RuntimeError(f"a GET was answered with {answer.status}, {kind}: {body[:200]!r}")
        return Start(
            register_ms=process.register_ms,
            next_ms=process.next_ms + taken_ms,
            cpu_ms=process.init_cpu_ms,
        )


@contextmanager
def _sandbox(
    contender: Contender,
    api: Api,
    hold: Hold | None,
    *,
    is_repeated: bool,
    timeout_s: float = TIMEOUT_S,
) -> Iterator[Process]:
    """Start a process in a /tmp of its own, after another one at full speed if it is repeated."""
    tmp = PrivateTmp(visible_entries(FunctionSettings(code=ROOT)))
    pids: list[int] = []
    try:
        if is_repeated:
            with Process(contender, api, spawn=_spawn_in(tmp, pids, hold=None)) as earlier:
                earlier.invoke(1, timeout_s=timeout_s)
        with Process(contender, api, spawn=_spawn_in(tmp, pids, hold=hold)) as process:
            yield process
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):  # what a shell has started outlives it
                os.killpg(pid, signal.SIGKILL)
        tmp.close()


def _spawn_in(tmp: PrivateTmp, pids: list[int], *, hold: Hold | None) -> Spawn:
    def spawn(*command: Any, **options: Any) -> subprocess.Popen[Any]:
        process: subprocess.Popen[Any] = tmp.run(
            lambda: subprocess.Popen(*command, **options, start_new_session=True)
        )
        pids.append(process.pid)
        if hold is not None:
            hold(process.pid)
        return process

    return spawn


def _cpu_at_rest_ms(process: Process) -> float:
    """Return what the process has used once it uses no more."""
    before_ms, cpu_ms = -1.0, process.cpu_ms()
    while cpu_ms > before_ms:
        time.sleep(QUIET_S)
        before_ms, cpu_ms = cpu_ms, process.cpu_ms()
    return cpu_ms


def _repeated_rows(starts: Mapping[str, Sequence[Start]]) -> Iterator[Row]:
    for mode in (TELEMETRY, PARAMETERS, BOTH, OFF):
        name = f"{NAME}, repeated start, {mode}"
        yield bounded(
            f"{name}: start to the first /next",
            _next_ms(starts[mode]),
            _next_ms(starts[TRIVIAL]),
            unit="ms",
            reference=TRIVIAL,
            at_most=AT_MOST_MS,
        )
        yield compare(
            f"{name}: /register to the first /next",
            [each.opening_ms for each in starts[mode]],
            _next_ms(starts[TRIVIAL]),
            unit="ms",
            reference=f"{TRIVIAL}, from its start",
        )
    for get, at_most in ((GET, None), (LAYER_GET, GET_AT_MOST_MS)):
        if get in starts:
            yield bounded(
                f"{NAME}, repeated start, {get}",
                _next_ms(starts[get]),
                _next_ms(starts[TRIVIAL]),
                unit="ms",
                reference=f"{TRIVIAL}, to its first /next",
                at_most=at_most,
            )
    what = f"{NAME}, repeated start, {OFF}: start to the first /next"
    theirs = _next_ms(starts[STAND_IN])
    yield compare(what, _next_ms(starts[OFF]), theirs, unit="ms", reference=STAND_IN)


def _first_rows(starts: Mapping[str, Sequence[Start]]) -> Iterator[Row]:
    for mode in (TELEMETRY, PARAMETERS, BOTH, OFF):
        yield compare(
            f"{NAME}, first start, {mode}: start to the first /next",
            _next_ms(starts[mode]),
            _next_ms(starts[TRIVIAL]),
            unit="ms",
            reference=TRIVIAL,
        )


def _after_rows(starts: Mapping[str, Sequence[Start]]) -> Iterator[Row]:
    for mode in (TELEMETRY, PARAMETERS, BOTH):
        yield compare(
            f"repeated start, {mode}: CPU after the first /next, at full speed",
            [each.cpu_after_ms for each in starts[mode]],
            [each.cpu_ms for each in starts[TRIVIAL]],
            unit="ms",
            reference=f"{TRIVIAL}, to its first /next",
        )


def _next_ms(starts: Sequence[Start]) -> list[float]:
    return [each.next_ms for each in starts]
