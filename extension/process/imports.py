"""Makes imports faster, and runs them beside the event loop: a cold start pays for each of them."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from importlib.machinery import ModuleSpec

MOST_ATTEMPTS, PAUSE_S = 20, 0.5
"""To start the thread: the function may have taken all for a moment. Importing in the event loop
instead would keep it from requesting /next."""

CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def resume_garbage_collection() -> None:
    """Undo the `gc.disable()` of `__main__`; objects made so far by imports are never examined."""
    gc.freeze()
    gc.enable()


@contextmanager
def no_certificates(environ: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """Import aiohttp within this context, or its two TLS contexts read all certificates.

    The contexts that aiohttp keeps then trust no one. Each https request brings a TLS context of
    its own (`telemetry.export`), which is only built where the endpoint is https.
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

    After `give_way` it imports in a thread of its own, at a low priority, and the loop runs
    meanwhile. Not from the beginning: memory allocation in a thread costs a tenth more, and on a
    fast machine the loop can wait for a module.
    """

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None

    async def load(self, *names: str) -> None:
        """Import modules, so that later `import` statements find them loaded."""
        for name in names:
            if self._thread is None:
                _import(name)
                await asyncio.sleep(0)
            else:
                await (await self._begin(self._thread, name))

    async def _begin(self, thread: ThreadPoolExecutor, name: str) -> asyncio.Future[None]:
        """Begin to import in a thread; raises RuntimeError if there is none for ten seconds."""
        begin = partial(asyncio.get_running_loop().run_in_executor, thread, _import, name)
        for _ in range(MOST_ATTEMPTS - 1):
            with suppress(RuntimeError):
                return begin()
            await asyncio.sleep(PAUSE_S)
        return begin()

    def give_way(self) -> None:
        """Import in a thread from now on: the function needs the CPU, and the loop must go on."""
        if self._thread is None:
            from extension.process.priority import give_way  # noqa: PLC0415  # rarely needed

            self._thread = ThreadPoolExecutor(1, thread_name_prefix="imports", initializer=give_way)


def _import(name: str) -> None:
    with no_certificates():
        import_module(name)


def is_compiled(spec: ModuleSpec | None) -> bool:
    """Return whether a module was loaded from bytecode; compiling takes ten times as long."""
    return spec is None or spec.cached is None or os.path.exists(spec.cached)  # noqa: PTH110  # pathlib costs
