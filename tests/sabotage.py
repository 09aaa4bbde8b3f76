"""What a launcher does to the extension's own modules before it starts them.

Runs inside the extension's process (`launchers.sabotaged`). A place is written `module:name`, or
`module:Class.name` for a method.
"""

from __future__ import annotations

import asyncio
import builtins
import errno
import importlib
import json
import os
import resource
import sys
import threading
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from itertools import count
from typing import Any

from extension.process.clock import NS_PER_S, Instant, SystemClock

PATIENCE_S, READING_PATIENCE_S, LAST_PATIENCE_S, POLL_S = 30.0, 120.0, 5.0, 0.005
LIMITS_OF_START = (
    "extension.platform.bootstrap:BUDGET_S",
    "extension.platform.bootstrap:REGISTER_TIMEOUT_S",
    "extension.platform.early_calls:SUBSCRIBE_S",
)
LIMITS = (
    *LIMITS_OF_START,
    "extension.platform.events:SHUTDOWN_S",
    "extension.platform.start_mark:MOST_LENT_S",
    "extension.telemetry.export.flush:INVOCATION_EXPORT_S",
    "extension.telemetry.assembly.hold:START_PATIENCE_S",
)
"""Half a minute each: a busy test machine may stall for as long, Lambda does not. A soak waits as
long for each event that is lost, so it is not longer."""

SECRET = "text-that-no-line-may-repeat"

__all__ = [
    "be_patient",
    "be_patient_at_shutdown",
    "be_patient_at_start",
    "be_patient_in_reading",
    "break_module",
    "follow_clock",
    "forbid_import",
    "forbid_writing",
    "hang_import",
    "limit_descriptors",
    "replace",
    "take_all_descriptors",
    "tell_the_telemetry_port",
    "wait_for_a_call",
]


def break_module(place: str, *, times: int | None = None, error: str = "RuntimeError") -> None:
    """Let what is at `place` raise, always or the first few times."""
    owner, name = _find(place)
    works, calls = getattr(owner, name), count()
    kind: type[BaseException] = getattr(builtins, error)

    def broken(*arguments: Any, **keywords: Any) -> Any:
        if times is None or next(calls) < times:
            raise kind(SECRET)
        return works(*arguments, **keywords)

    setattr(owner, name, broken)


def be_patient() -> None:
    """Give what is under way the time that a busy test machine may need for it."""
    be_patient_at_start()
    for place in LIMITS:
        replace(place, PATIENCE_S)


def be_patient_at_start() -> None:
    """Open everything before the first /next, however long that takes."""
    for place in LIMITS_OF_START:
        replace(place, PATIENCE_S)
    replace("extension.platform.bootstrap:SLOW_SHARE", 0.0)


def be_patient_in_reading() -> None:
    """Let reading wait for an export, and the platform for reading, however slow the endpoint is.

    Imports telemetry before it registers.
    """
    for place in ("congestion:PATIENCE_S", "reader:RECEIVE_PATIENCE_S"):
        replace(f"extension.telemetry.{place}", READING_PATIENCE_S)


def be_patient_at_shutdown() -> None:
    """Wait longer for the platform's last events: a busy test machine is slower than Lambda."""
    longest_s: dict[str, float] = importlib.import_module(
        "extension.telemetry.export.flush"
    ).LAST_WAIT_S
    longest_s.update({each: LAST_PATIENCE_S for each, wait_s in longest_s.items() if wait_s})


def replace(place: str, value: object) -> None:
    """Put a value at `place`, which must be there: else nothing would be different."""
    owner, name = _find(place)
    getattr(owner, name)
    setattr(owner, name, value)


def forbid_import(name: str) -> None:
    """Let the import of a library fail as if it were not there."""
    sys.modules[name] = None  # type: ignore[assignment]  # how the import system spells it


def hang_import(name: str) -> None:
    """Let the import of a module never end, as on a CPU that is shared too thinly."""

    class Hangs(MetaPathFinder, Loader):
        def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
            return spec_from_loader(name, self) if fullname == name else None

        def exec_module(self, module: object) -> None:
            threading.Event().wait()

    sys.meta_path.insert(0, Hangs())


def forbid_writing() -> None:
    """Let every attempt to write to a file fail as it does on a read-only file system."""
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
    changes = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink"}

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        opens = event == "open" and isinstance(arguments[2], int) and arguments[2] & writing
        if event in changes or (opens and arguments[0] != os.devnull):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    sys.addaudithook(refuse)


def limit_descriptors(most: int) -> None:
    """Let the process have so many descriptors at once, the three standard ones included."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def wait_for_a_call(*, before_next: int) -> None:
    """Let one call of /next, from 1, wait until a call to AWS is under way.

    A function that asks for a value and does not wait may be slower to ask than we are to go on.
    """
    owner, name = _find("extension.parameters.parameters:Parameters.settle_calls")
    settle, calls = getattr(owner, name), count(1)

    async def settle_later(parameters: Any, *arguments: Any) -> Any:
        if next(calls) == before_next:
            while not parameters._clients.under_way._ends:  # noqa: ASYNC110
                await asyncio.sleep(POLL_S)
        return await settle(parameters, *arguments)

    setattr(owner, name, settle_later)


def tell_the_telemetry_port() -> None:
    """Print a line with the port that is bound for deliveries."""
    owner, name = _find("extension.platform.bootstrap:bind_and_register")
    bind_and_register = getattr(owner, name)

    def bind_and_print(*arguments: Any) -> Any:
        start = bind_and_register(*arguments)
        port = start.telemetry_socket.getsockname()[1]
        sys.stdout.write(json.dumps({"level": "DEBUG", "message": "bound", "port": port}) + "\n")
        sys.stdout.flush()
        return start

    setattr(owner, name, bind_and_print)


def take_all_descriptors() -> None:
    """Leave no descriptor when the first event is asked for: the sandbox has used them up."""
    owner, name = _find("extension.lifecycle:run")
    run = getattr(owner, name)

    def run_without(*arguments: Any, **keywords: Any) -> Any:
        _open_until_none_is_left()
        return run(*arguments, **keywords)

    setattr(owner, name, run_without)


def follow_clock(file: str) -> None:
    """Let the process's wall clock be ahead by the seconds that `file` holds at that moment."""
    descriptor = os.open(file, os.O_RDONLY)
    now = SystemClock.now

    def shifted(clock: SystemClock) -> Instant:
        true, ahead_s = now(clock), float(os.pread(descriptor, 32, 0))
        return Instant(
            wall_ns=true.wall_ns + round(ahead_s * NS_PER_S), monotonic_ns=true.monotonic_ns
        )

    SystemClock.now = shifted  # type: ignore[method-assign, assignment]  # the process's only clock


def _open_until_none_is_left() -> None:
    try:
        while True:
            os.open(os.devnull, os.O_RDONLY)
    except OSError:
        return


def _find(place: str) -> tuple[Any, str]:
    module, _, path = place.partition(":")
    owner: Any = importlib.import_module(module)
    *owners, name = path.split(".")
    for each in owners:
        owner = getattr(owner, each)
    return owner, name
