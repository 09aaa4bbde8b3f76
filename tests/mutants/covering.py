"""Which test runs which lines of the project, kept in .cache until either changes."""

from __future__ import annotations

import _thread
import hashlib
import pickle
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from mmap import mmap
from pathlib import Path
from types import FrameType
from typing import Any

MOST_LINES = 1024
"""Of a module."""

START_THREAD = _thread.start_new_thread

Lines = dict[str, int]
"""For each file a number whose bits are the lines."""


@dataclass(slots=True, kw_only=True)
class Ran:
    """What a test ran, and how long that took while it was watched, in seconds."""

    test: str
    takes_s: float
    lines: Lines = field(default_factory=dict)


class Watch:
    """Notes the lines that run between `begin` and `end`, in every thread and in forks, too.

    A mutant is put in place before a test forks, so the fork has it. What is noted is in memory
    that forks share; another program that a test starts is not watched, and has no mutant. A thread
    that a fixture has started for several tests goes on being watched.
    """

    def __init__(self, root: Path) -> None:
        files = sorted((root / "extension").rglob("*.py"))
        self._places = {str(file): at * MOST_LINES for at, file in enumerate(files)}
        self._names = [str(file.relative_to(root)) for file in files]
        self._ran = mmap(-1, max(len(files), 1) * MOST_LINES)

    def begin(self) -> None:
        """Note lines from now on."""
        self._ran[:] = bytes(len(self._ran))
        threading.settrace(self._called)
        # `threading` has its own name for it, and starts its threads without this.
        _thread.start_new_thread = self._start_thread  # type: ignore[assignment]
        sys.settrace(self._called)

    def end(self) -> Lines:
        """Return the lines, with files as they are named in the project."""
        sys.settrace(None)
        _thread.start_new_thread = START_THREAD
        threading.settrace(None)
        lines: Lines = {}
        for name, place in zip(self._names, self._places.values(), strict=True):
            ran = self._ran[place : place + MOST_LINES]
            if any(ran):
                lines[name] = sum(1 << line for line, has_run in enumerate(ran) if has_run)
        return lines

    def _start_thread(self, run: Callable[..., object], arguments: tuple[Any, ...]) -> int:
        """Start a thread that is watched, though `threading` does not know of it."""

        def watched(*given: Any) -> None:
            sys.settrace(self._called)
            run(*given)

        return START_THREAD(watched, arguments)

    def _called(self, frame: FrameType, event: str, argument: object) -> Any:
        del event, argument
        place = self._places.get(frame.f_code.co_filename)
        if place is None:
            return None
        ran = self._ran
        ran[place + frame.f_lineno] = 1

        def line(frame: FrameType, event: str, argument: object) -> Any:
            del argument
            if event == "line":
                ran[place + frame.f_lineno] = 1
            return line

        return line


class Coverage:
    """The tests of each line."""

    def __init__(self, ran: Iterable[Ran]) -> None:
        self._of_file: dict[str, list[Ran]] = {}
        self._in: dict[str, list[Ran]] = {}
        for each in ran:
            self._in.setdefault(each.test.partition("::")[0], []).append(each)
            for file in each.lines:
                self._of_file.setdefault(file, []).append(each)

    def tests_of(self, file: str, lines: Iterable[int]) -> list[Ran]:
        """Return the tests that run one of the lines, those named after the module first."""
        wanted = sum(1 << line for line in lines)
        found = (each for each in self._of_file.get(file, ()) if each.lines[file] & wanted)
        return _nearest_first(found, file)

    def tests_of_file(self, file: str, *, near: Iterable[str] = ()) -> list[Ran]:
        """Return the tests that run anything of a module, and those in the files `near` it."""
        found = {each.test: each for each in self._of_file.get(file, ())}
        found |= {each.test: each for tests in near for each in self._in.get(tests, ())}
        return _nearest_first(found.values(), file)


def _nearest_first(tests: Iterable[Ran], file: str) -> list[Ran]:
    name = f"/test_{Path(file).stem}.py:"
    return sorted(tests, key=lambda each: (name not in each.test, each.takes_s))


class Kept:
    """What each file of tests ran, kept until that file or one that it ran changes."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root, self._folder = root, folder
        self._hashes: dict[str, str] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def read(self, tests: str) -> list[Ran] | None:
        """Return what a file of tests ran, None if that is not known any more."""
        kept_at = self._kept_at(tests)
        if not kept_at.exists():
            return None
        files, ran = pickle.loads(kept_at.read_bytes())
        is_same = all(self._hash(file) == known for file, known in files.items())
        return list(ran) if is_same else None

    def write(self, tests: str, ran: list[Ran]) -> None:
        """Keep what a file of tests ran."""
        files = {file: self._hash(file) for each in ran for file in each.lines}
        self._kept_at(tests).write_bytes(pickle.dumps((files, ran)))

    def _kept_at(self, tests: str) -> Path:
        return self._folder / f"{self._hash(tests)}.pickle"

    def _hash(self, file: str) -> str:
        """Return the hash of a file's name and content, and of its name alone if it is gone."""
        if file not in self._hashes:
            at = self._root / file
            content = at.read_bytes() if at.exists() else b""
            self._hashes[file] = hashlib.sha256(file.encode() + content).hexdigest()[:20]
        return self._hashes[file]
