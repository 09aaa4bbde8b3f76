"""What makes imports faster leaves no trace."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from extension.process.imports import (
    Importer,
    is_compiled,
    no_certificates,
    resume_garbage_collection,
)
from extension.process.priority import NICE

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("before", [{}, {"SSL_CERT_FILE": "/etc/mine.pem"}])
def test_certificates_are_hidden_during_the_import_only(before: dict[str, str]) -> None:
    """The user's own variables are restored, even if an import fails."""
    environ = dict(before)
    with pytest.raises(ImportError), no_certificates(environ):  # noqa: PT012  # what is inside counts
        assert environ["SSL_CERT_FILE"] == os.devnull
        raise ImportError
    assert environ == before


def test_aiohttps_own_contexts_trust_no_one() -> None:
    """Imported this way, aiohttp reads no certificates; a request with its context would fail."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from extension.process.imports import no_certificates\n"
        "with no_certificates(): import aiohttp.connector as connector\n"
        "assert connector._SSL_CONTEXT_VERIFIED.cert_store_stats()['x509'] == 0\n"
        "assert connector._SSL_CONTEXT_VERIFIED.verify_mode.name == 'CERT_REQUIRED'\n"
    )
    subprocess.run([sys.executable, "-I", "-c", program, str(ROOT)], check=True)


def test_garbage_is_collected_again() -> None:
    """After the imports the collector runs, and skips the objects that they made."""
    gc.disable()
    gc.unfreeze()
    resume_garbage_collection()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    gc.unfreeze()


MODULE = """\
import asyncio, os, threading
thread = threading.current_thread().name
priority = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
certificates = os.environ.get("SSL_CERT_FILE")
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Modules that say how they were imported."""
    monkeypatch.syspath_prepend(tmp_path)
    names = [f"told_{number}_{tmp_path.name.replace('-', '_')}" for number in range(3)]
    for name in names:
        (tmp_path / f"{name}.py").write_text(MODULE)
    return names


async def test_modules_are_imported_beside_the_event_loop_from_some_time_on(
    modules: list[str],
) -> None:
    """Before that in its own thread, which goes on in between; without certificates in either."""
    importer, turns = Importer(), 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await importer.load(*modules[:2])
    assert turns >= 2
    importer.give_way()
    thread = importer._thread
    importer.give_way()
    assert importer._thread is thread
    await importer.load(modules[2])
    counting.cancel()
    first, _, last = (sys.modules[name] for name in modules)
    assert first.thread == threading.main_thread().name
    assert last.thread.startswith("imports")
    assert last.priority in (NICE, first.priority)
    assert {first.certificates, last.certificates} == {os.devnull}
    assert thread is not None
    thread.shutdown()


@pytest.mark.parametrize("failures", [0, 3, 19, 20])
async def test_without_a_thread_an_import_waits_for_one(
    modules: list[str], monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    """For ten seconds; the event loop goes on meanwhile, and imports nothing itself."""
    start, pauses = threading.Thread.start, list[float]()
    refusals = iter(range(failures))

    def start_if_any_is_left(thread: threading.Thread) -> None:
        for _ in refusals:
            raise RuntimeError("can't start new thread")
        start(thread)

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(threading.Thread, "start", start_if_any_is_left)
    monkeypatch.setattr("extension.process.imports.asyncio.sleep", sleep)
    importer = Importer()
    importer.give_way()
    if failures == 20:
        with pytest.raises(RuntimeError):
            await importer.load(modules[0])
        assert modules[0] not in sys.modules
        assert sum(pauses) == pytest.approx(9.5)
    else:
        await importer.load(modules[0])
        assert sys.modules[modules[0]].thread.startswith("imports")
        assert len(pauses) == failures
    assert importer._thread is not None
    importer._thread.shutdown()


async def test_what_an_import_raises_is_not_repeated(modules: list[str], tmp_path: Path) -> None:
    """Also where it is what a thread that cannot be started raises."""
    (tmp_path / f"{modules[0]}.py").write_text("raise RuntimeError('broken')")
    importer = Importer()
    importer.give_way()
    with pytest.raises(RuntimeError, match="broken"):
        await importer.load(modules[0])
    assert importer._thread is not None
    importer._thread.shutdown()


@pytest.mark.parametrize(("name", "is_there"), [("a.pyc", True), ("b.pyc", False)])
def test_a_module_was_compiled_before_if_its_bytecode_is_there(
    tmp_path: Path, name: str, *, is_there: bool
) -> None:
    """One that has none needs none."""
    (tmp_path / "a.pyc").touch()
    spec = ModuleSpec("a", loader=None)
    assert is_compiled(None)
    assert is_compiled(spec)
    spec.cached = str(tmp_path / name)
    assert is_compiled(spec) is is_there
