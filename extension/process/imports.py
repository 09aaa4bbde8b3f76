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
    """Imports modules one after the other, with the event loop running in between.

    Once it gives way it imports in a thread of its own, at a low priority, and the loop runs
    meanwhile. Not from the beginning: what a thread allocates costs a tenth more, and where nothing
    is slow the loop can wait for a module.
    """

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None

    async def load(self, *names: str) -> None:
        """Import modules; the `import` statements that follow find them."""
        for name in names:
            if self._thread is None:
                _import(name)
                await asyncio.sleep(0)
            else:
                await asyncio.get_running_loop().run_in_executor(self._thread, _import, name)

    def give_way(self) -> None:
        """From now on leave the CPU to the function, and the loop to whoever needs it."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(
                1, thread_name_prefix="imports", initializer=_lower_priority
            )


def _import(name: str) -> None:
    with no_certificates():
        import_module(name)


def _lower_priority() -> None:
    """Lower the priority of this thread: on Linux it has one, whatever POSIX says."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
    except OSError:
        return


def is_compiled(spec: ModuleSpec | None) -> bool:
    """Tell whether a module came from bytecode; compiling it takes ten times as long."""
    return spec is None or spec.cached is None or os.path.exists(spec.cached)  # noqa: PTH110  # pathlib costs
