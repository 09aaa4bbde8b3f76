"""What holds for every test."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import skips
from tests.fuzz.budget import fuzz_s

MARKS = Path("/tmp"), ".lambda_dispatch-*"  # what a start leaves for the next one
_MARKS_BEFORE = pytest.StashKey[set[Path]]()

# A test run is no matter of luck: always the same examples, and no example fails for the
# machine's pace. `--hypothesis-profile default` draws new ones.
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")


def pytest_configure() -> None:
    """Refuse a FUZZ_SECONDS that is no number with one line, before a test is collected."""
    fuzz_s()


@pytest.hookimpl(optionalhook=True, wrapper=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Return one worker more than there are cores: an end-to-end test mostly waits."""
    return (yield) + 1


def pytest_sessionstart(session: pytest.Session) -> None:
    """Note the marks that no test of this run has left, and let SIGINT interrupt what it starts.

    A shell starts what runs in the background with SIGINT ignored, and its children inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    session.config.stash[_MARKS_BEFORE] = _marks()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove the marks of sandboxes that tests have killed, for ports are used again.

    The process that starts the workers does it, after the last of them has ended.
    """
    if not hasattr(session.config, "workerinput"):
        before = session.config.stash[_MARKS_BEFORE]
        for mark in _marks() - before:
            mark.unlink(missing_ok=True)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """End with what was skipped and what would make it run."""
    yield
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = [each.longrepr[2].removeprefix("Skipped: ") for each in skipped]
    if reasons:
        terminalreporter.section("skipped, and what would make it run")
        for line in skips.listed(reasons):
            terminalreporter.write_line(line)


def _marks() -> set[Path]:
    folder, name = MARKS
    return set(folder.glob(name))
