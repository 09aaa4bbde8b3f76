"""A pytest session that runs chosen tests in forks of itself: everything is imported only once.

Rule of the module: the session's own process runs no test, so that each fork begins alike.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from tests.mutants.changing import ChangedAtImport, Functions, NotLoadedError
from tests.mutants.chosen import Chosen, near_tests
from tests.mutants.covering import Coverage, Kept, Ran, Watch
from tests.mutants.forks import Task, run_tasks

SUITES = ("tests/unit", "tests/runtimes", "tests/property", "tests/contract", "tests/security")
"""Tests that run the code in their own process; the fuzzers' examples take too long."""

IGNORED = (
    "tests/unit/simulator", "tests/unit/test_benchmarks.py", "tests/unit/test_build_cache.py",
    "tests/unit/test_contracts.py", "tests/unit/test_readme.py", "tests/unit/test_skips.py",
    "tests/unit/test_suites.py", "tests/unit/mutants",
    "tests/security/test_build.py", "tests/security/test_receiver_door.py",
)  # fmt: skip
"""Those that are about something else than the extension's code, or take too long."""

OPTIONS = (
    "-q", "--capture=sys", "-p", "no:cacheprovider", "-p", "no:xdist", "--timeout=30",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",
    *(f"--ignore={each}" for each in IGNORED),
)  # fmt: skip

NOTICED, SURVIVED, NOT_LOADED, NOT_RUN = 1, 29, 30, 31
"""What a fork says of a mutant with its exit status; one that ends the process is noticed."""


MOST_S = 40.0
"""Of tests for one mutant, as they take while they are watched: those named after its module first,
then the quickest. So a survivor may be noticed by a slower one."""


class Session:
    """A plugin: in the place of running tests it does `work` with those that were collected."""

    def __init__(self, work: Callable[[Session], None]) -> None:
        self._work = work
        self.items: dict[str, pytest.Item] = {}
        self._failed = False

    def pytest_collection(self) -> None:
        """Look for no smaller example: that there is one is enough."""
        settings.register_profile(
            "mutants",
            settings.get_profile("repeatable"),
            phases=(Phase.explicit, Phase.generate),
            database=None,
        )
        settings.load_profile("mutants")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Do the work, then say that the tests have run."""
        self.items = {each.nodeid: each for each in session.items}
        session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # one for all forks
        gc.collect()
        self._work(self)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Notice a failure."""
        self._failed |= report.failed

    def run(self, tests: Sequence[str]) -> int:
        """Run tests up to the first that fails; in a fork only."""
        chosen = [self.items[each] for each in tests if each in self.items]
        self._failed = False
        for item, following in zip(chosen, [*chosen[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self._failed:
                return NOTICED
        return SURVIVED

    def watch(self, root: Path, kept: Kept, *, jobs: int) -> Iterator[Ran]:
        """Yield what each test runs; those that fail are left out."""
        files = list(dict.fromkeys(each.partition("::")[0] for each in self.items))
        unknown = [each for each in files if kept.read(each) is None]
        tasks = ((file, Task(run=partial(self._watch_file, root, kept, file))) for file in unknown)
        for at, (file, status) in enumerate(run_tasks(tasks, jobs=jobs), start=1):
            print(f"\r{at} of {len(unknown)} files of tests", end="", file=sys.stderr, flush=True)
            if status != 0:
                print(f"\n{file} could not be watched", file=sys.stderr, flush=True)
        for file in files:
            yield from kept.read(file) or ()

    def _watch_file(self, root: Path, kept: Kept, file: str) -> int:
        ran, watch = [], Watch(root)
        for test in [each for each in self.items if each.partition("::")[0] == file]:
            began = _cpu_s()
            watch.begin()
            outcome = self.run([test])
            lines = watch.end()
            if outcome == SURVIVED:
                ran.append(Ran(test=test, takes_s=_cpu_s() - began, lines=lines))
        kept.write(file, ran)
        return 0

    def mutate(
        self, root: Path, chosen: Sequence[Chosen], ran: Iterator[Ran], *, jobs: int, minutes: float
    ) -> Iterator[tuple[int, int | None, list[Ran]]]:
        """Yield the number of each mutant, its outcome, and its tests."""
        coverage, functions = Coverage(ran), Functions(root)
        tests: dict[int, list[Ran]] = {}
        gc.freeze()
        until = time.monotonic() + 60 * minutes

        def tasks() -> Iterator[tuple[int, Task]]:
            for number, each in enumerate(chosen):
                if time.monotonic() > until:
                    return
                tests[number] = coverage.tests_of(each.file, each.mutant.lines)
                yield number, self._task(root, each, functions, tests[number])

        for number, outcome in run_tasks(tasks(), jobs=jobs):
            found = tests.pop(number)
            if outcome == NOT_LOADED:
                found = found or self._about(root, chosen[number], coverage)
            yield number, outcome, [replace(each, lines={}) for each in soonest(found)]

    def _about(self, root: Path, chosen: Chosen, coverage: Coverage) -> list[Ran]:
        """Return the tests for a change in what runs at import: those that import it count, too."""
        near = near_tests(root, [(chosen.file, 0)], suites=SUITES)
        return coverage.tests_of_file(chosen.file, near=near)

    def _task(self, root: Path, chosen: Chosen, functions: Functions, tests: Sequence[Ran]) -> Task:
        tests = soonest(tests)

        def run() -> int:
            path = root / chosen.file
            old = compile(path.read_text(), str(path), "exec", dont_inherit=True)
            try:
                functions.change(old, chosen.code(root))
            except NotLoadedError:
                return NOT_LOADED
            if tests:
                return self.run([each.test for each in tests])
            return NOT_LOADED if chosen.runs_at_import(root) else NOT_RUN

        return bounded(run, tests)


def soonest(tests: Sequence[Ran]) -> list[Ran]:
    """Return the first tests, which together take not much more than `MOST_S`."""
    chosen: list[Ran] = []
    total_s = 0.0
    for each in tests:
        if total_s + each.takes_s > MOST_S and chosen:
            break
        chosen.append(each)
        total_s += each.takes_s
    return chosen


def bounded(run: Callable[[], int], tests: Sequence[Ran]) -> Task:
    """Return a task that takes several times what its tests do, and no longer."""
    usual_s = sum(each.takes_s for each in tests)
    return Task(run=run, cpu_s=15 + 3 * usual_s, wall_s=60 + 5 * usual_s)


def run_fresh(root: Path, chosen: Chosen, tests: Sequence[Ran]) -> Task:
    """Return a task that imports everything itself, with the change: for what runs at import."""
    names = [each.test for each in tests]

    class Only:
        @staticmethod
        def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
            wanted = {name: at for at, name in enumerate(names)}
            found = {each.nodeid for each in items}
            # The change may be in a test's name, where that has a value of the module.
            renamed = {_without_values(name) for name in names if name not in found}
            items[:] = sorted(
                (
                    each
                    for each in items
                    if each.nodeid in wanted or _without_values(each.nodeid) in renamed
                ),
                key=lambda each: wanted.get(each.nodeid, len(wanted)),
            )

    def run() -> int:
        if not names:
            return NOT_RUN
        ChangedAtImport(chosen.module, root / chosen.file, chosen.code(root)).install()
        files = list(dict.fromkeys(each.partition("::")[0] for each in names))
        return int(pytest.main(["-x", *OPTIONS, *files], plugins=[Only()])) or SURVIVED

    return bounded(run, tests)


def _without_values(name: str) -> str:
    """Return a test's name without what it is parametrized with."""
    return name.partition("[")[0]


def _cpu_s() -> float:
    """Return the CPU that was used, and a tenth of what was waited."""
    times = os.times()
    return times.user + times.system + times.children_user + 0.1 * times.elapsed
