"""Imports made quicker, and beside the event loop: a cold start pays for all of them."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec

NICE = 10
"""Priority of imports beside a function that runs: it gets nine tenths of the CPU it can use."""

CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def resume_garbage_collection() -> None:
    """Look for garbage again, which `__main__` stopped, but not among what the imports made."""
    gc.freeze()
    gc.enable()


@contextmanager
def no_certificates(environ: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """Import aiohttp inside: it builds two TLS contexts, each of which reads all certificates.

    aiohttp keeps those contexts, and they trust nobody: every https request of ours brings a
    context of its own (`export.tls`), and only who posts to https pays for one.
    """
    before = {name: environ.get(name) for name in CERTIFICATE_VARIABLES}
    environ.update(dict.fromkeys(CERTIFICATE_VARIABLES, os.devnull))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                environ.pop(name, None)
            else:
                environ[name] = value


class Importer:
    """Imports modules in a thread of its own, one after the other, while the event loop runs."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="imports")
        self._thread_id = 0
        self._gives_way = False

    async def load(self, *names: str) -> None:
        """Import modules; the `import` statements that follow find them."""
        for name in names:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._import, name)

    def give_way(self) -> None:
        """From now on import at a low priority, for the function runs, too."""
        self._gives_way = True
        if self._thread_id:
            _lower_priority(self._thread_id)

    def _import(self, name: str) -> None:
        if not self._thread_id:
            self._thread_id = threading.get_native_id()
            if self._gives_way:
                _lower_priority(self._thread_id)
        with no_certificates():
            import_module(name)


def _lower_priority(thread_id: int) -> None:
    """Lower the priority of one thread: on Linux that is possible, whatever POSIX says."""
    try:
        os.setpriority(os.PRIO_PROCESS, thread_id, NICE)
    except OSError:
        return


def is_compiled(spec: ModuleSpec | None) -> bool:
    """Tell whether a module came from bytecode; compiling it takes ten times as long."""
    return spec is None or spec.cached is None or os.path.exists(spec.cached)  # noqa: PTH110  # pathlib costs
