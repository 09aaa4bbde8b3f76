"""Change one thing at a time and run the tests of its line: `python -m tests.mutants FOLDER …`.

A mutant that no test notices shows a test that is missing, or code that does nothing. Each runs in
a fork of a process that has imported everything; what a test starts as another process has the
unchanged code. Nothing in the project's folders is changed. A survivor that behaves as the code
does is listed in equivalent.toml, with the reason.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import pickle
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.mutants.chosen import Chosen, changed_lines, choose, near_tests
from tests.mutants.covering import Kept, Ran
from tests.mutants.forks import BROKEN, run_tasks
from tests.mutants.report import Fate, Report
from tests.mutants.session import NOT_LOADED, OPTIONS, SUITES, Session, run_fresh

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache/mutants"
LOG = CACHE / "session.log"
SESSION_SHARE = 0.8
"""Of the time; the rest is for changes of what runs when a module is imported."""

LIBRARIES = (
    "aiohttp", "botocore.session", "cryptography.x509", "hypothesis", "moto",
    "opentelemetry.sdk.metrics", "opentelemetry.sdk.trace",
)  # fmt: skip


def main() -> int:
    """Print each survivor, and a table of the folders."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("paths", nargs="*", default=["extension"], help="folders or modules")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--minutes", type=float, default=55.0, help="no mutant begins after that")
    parser.add_argument("--seed", default="0", help="in which order the mutants are run")
    parser.add_argument("--changed-since", metavar="COMMIT", help="only lines changed since then")
    arguments = parser.parse_args()
    if missing := [path for path in arguments.paths if not (ROOT / path).exists()]:
        parser.error(f"no such file or folder in {ROOT.name}: {', '.join(missing)}")
    os.chdir(ROOT)
    suites: Sequence[str] = SUITES
    lines = None
    if arguments.changed_since is not None:
        lines = changed_lines(ROOT, arguments.changed_since)
        suites = near_tests(ROOT, lines, suites=SUITES)
        if not lines or not suites:
            print("No line of extension/ was changed that a test is about: no mutants to run.")
            return 0
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.freeze()
    chosen = choose(ROOT, arguments.paths, seed=arguments.seed, lines=lines)
    report = Report(chosen)
    at_import = []
    until = time.monotonic() + 60 * arguments.minutes
    for number, outcome, tests in _in_session(suites, chosen, arguments):
        if outcome == NOT_LOADED:
            at_import.append((chosen[number], run_fresh(ROOT, chosen[number], tests)))
        else:
            report.add(chosen[number], Fate.of(outcome))
    in_time = takewhile(lambda _: time.monotonic() < until, at_import)
    for each, outcome in run_tasks(in_time, jobs=arguments.jobs):
        report.add(each, Fate.of(outcome))
    report.print(seed=arguments.seed)
    return 0


def _in_session(
    suites: Sequence[str], chosen: Sequence[Chosen], arguments: argparse.Namespace
) -> Iterator[tuple[int, int | None, list[Ran]]]:
    """Yield what becomes of each mutant in a pytest session, which is a fork of this process."""
    CACHE.mkdir(parents=True, exist_ok=True)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        status = BROKEN
        try:
            with os.fdopen(writing, "wb") as out:
                status = _session(suites, chosen, arguments, out)
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as results:
        while (result := _next(results)) is not None:
            yield result
    if os.waitpid(child, 0)[1]:
        print(f"The session failed: see {LOG}", flush=True)


def _session(
    suites: Sequence[str], chosen: Sequence[Chosen], arguments: argparse.Namespace, out: BinaryIO
) -> int:
    def work(session: Session) -> None:
        ran = session.watch(ROOT, Kept(ROOT, CACHE), jobs=arguments.jobs)
        for result in session.mutate(
            ROOT, chosen, ran, jobs=arguments.jobs, minutes=SESSION_SHARE * arguments.minutes
        ):
            pickle.dump(result, out)
            out.flush()

    os.dup2(os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
    return int(pytest.main([*OPTIONS, *suites], plugins=[Session(work)]))


def _next(results: BinaryIO) -> tuple[int, int | None, list[Ran]] | None:
    try:
        result: tuple[int, int | None, list[Ran]] = pickle.load(results)
    except EOFError:
        return None
    return result


if __name__ == "__main__":
    sys.exit(main())
