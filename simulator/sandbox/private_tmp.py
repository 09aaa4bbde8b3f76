"""A `/tmp` that belongs to one sandbox: it survives resets and ends with the sandbox.

A thread enters a mount namespace in which a new folder is mounted on /tmp, and starts all
processes, which inherit the namespace. That takes Linux and the right to mount (root, also inside
`unshare --map-root-user --mount`); without it the processes share the machine's /tmp.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from simulator.settings import FunctionSettings

_Result = TypeVar("_Result")
_Arguments = ParamSpec("_Arguments")

TMP = Path("/tmp")  # the folder that Lambda promises
_ROOT = Path(__file__).resolve().parents[2]
_ENTRY = re.compile(rf"{TMP}/([^/:\s]+)")

# From <sched.h> and <sys/mount.h>.
_CLONE_FS, _CLONE_NEWNS = 0x200, 0x20000
_MS_BIND, _MS_REC, _MS_SLAVE = 0x1000, 0x4000, 0x80000


class PrivateTmp:
    """The folder, and the thread that starts processes in front of it.

    Attributes:
        is_private: Whether /tmp is the sandbox's own; otherwise it is the machine's.
    """

    def __init__(self, visible: Iterable[str]) -> None:
        """Make the folder; `visible` names entries of the machine's /tmp that stay visible."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox")
        self._folder = Path(tempfile.mkdtemp(prefix="sandbox-tmp-"))
        self._folder.chmod(0o1777)
        try:
            self.run(_enter, self._folder, sorted(visible))
            self.is_private = True
        except OSError:
            self.is_private = False

    def run(
        self,
        call: Callable[_Arguments, _Result],
        *args: _Arguments.args,
        **kwargs: _Arguments.kwargs,
    ) -> _Result:
        """Call a function where the sandbox's processes are started, and return its result."""
        return self._thread.submit(call, *args, **kwargs).result()

    def close(self) -> None:
        """Remove the folder; the namespace ends with the last process in it."""
        self._thread.shutdown()
        # Nothing is mounted here outside of the namespace: only what the sandbox wrote is removed.
        shutil.rmtree(self._folder, ignore_errors=True)


def visible_entries(settings: FunctionSettings) -> set[str]:
    """Return the entries of the machine's /tmp that the settings name, or that run the code."""
    paths = [settings.code, settings.extensions or "", Path.cwd(), _ROOT]
    paths += [sys.executable, sys.prefix, sys.base_prefix, *sys.path]
    texts = [*map(os.path.abspath, paths), *map(os.path.realpath, paths)]
    texts += [*(settings.runtime or ()), *settings.environment.values()]
    names = {name for text in texts for name in _ENTRY.findall(text)}
    return {name for name in names if (TMP / name).exists()}


def _enter(folder: Path, visible: list[str]) -> None:
    """Mount the folder on /tmp for this thread and all processes it starts."""
    if sys.platform != "linux":
        raise OSError("mount namespaces need Linux")
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.unshare(_CLONE_FS | _CLONE_NEWNS))
    # First of all: from here on nothing that is mounted reaches the machine.
    _check(libc.mount(None, b"/", None, _MS_REC | _MS_SLAVE, None))
    for name in visible:
        target = folder / name
        target.mkdir() if (TMP / name).is_dir() else target.touch()
        _bind(libc, TMP / name, target)
    _bind(libc, folder, TMP)


def _bind(libc: ctypes.CDLL, source: Path, target: Path) -> None:
    _check(libc.mount(os.fsencode(source), os.fsencode(target), None, _MS_BIND | _MS_REC, None))


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
