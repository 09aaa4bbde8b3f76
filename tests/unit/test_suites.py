"""The runner of CI: what it reads in the output of pytest and pip, and what a hanging test does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import pytest_xdist_auto_num_workers
from tests.interpreters import OLDEST, find_interpreters, probe
from tests.suites import closing_line, lacks_wheel, run_suite

ROOT = Path(__file__).parents[2]

HANGS = """
import asyncio

async def test_that_hangs():
    await asyncio.Event().wait()

def test_that_passes():
    pass
"""

ENDS = """
import os

def test_that_ends():
    if "PYTEST_XDIST_WORKER" in os.environ:
        os._exit(1)
"""

FAILS_ONCE = """
from pathlib import Path

def test_that_fails_once():
    seen = Path(__file__).with_suffix(".seen")
    first, _ = not seen.exists(), seen.touch()
    assert not first

def test_that_passes():
    pass
"""


@pytest.fixture(autouse=True)
def _without_hypothesis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its import is most of what a run of two tests costs."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")


def test_hanging_test_fails_by_its_name_and_the_run_goes_on(tmp_path: Path) -> None:
    """A test over the limit is one failure among the others' results."""
    (tmp_path / "test_it.py").write_text(HANGS)
    command = f"-m pytest -c {ROOT / 'pyproject.toml'} -o timeout=2 -p no:cacheprovider test_it.py"
    done = subprocess.run(
        [sys.executable, *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "::test_that_hangs - Failed: Timeout" in done.stdout
    assert closing_line(done.stdout).startswith("1 failed, 1 passed in")


@pytest.mark.parametrize("text", ["abc", "-1"])
def test_seconds_of_fuzzing_that_are_no_number_are_an_error(text: str) -> None:
    """One line names the variable, and nothing is run."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/fuzz"],
        cwd=ROOT,
        env={**os.environ, "FUZZ_SECONDS": text},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    wanted = f"ERROR: FUZZ_SECONDS must be a number of seconds, like 60: {text!r}"
    assert (done.stdout + done.stderr).strip() == wanted


def test_every_test_has_a_limit(pytestconfig: pytest.Config) -> None:
    """The settings name one, and one that ends the run: later than any mark of a test."""
    first, last = (float(pytestconfig.getini(f"{each}timeout")) for each in ("", "faulthandler_"))
    sources = (file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    marks = [int(each) for text in sources for each in re.findall(r"mark\.timeout\((\d+)", text)]
    assert 0 < first <= max(marks) < last
    assert pytestconfig.getini("faulthandler_exit_on_timeout")


def test_what_failed_is_run_once_more_alone(tmp_path: Path) -> None:
    """A second success is a success, and the closing line shows both runs."""
    (tmp_path / "test_it.py").write_text(FAILS_ONCE)
    outcome = run_suite(
        "name", Path(sys.prefix), [str(tmp_path)], options=(), cache=tmp_path / "cache"
    )
    assert outcome.passed
    first, again = outcome.closing.split("; once more, alone: ")
    assert first.startswith("1 failed, 1 passed")
    assert again.startswith("1 passed in")


def test_what_fails_twice_fails(tmp_path: Path) -> None:
    """The second run decides."""
    (tmp_path / "test_it.py").write_text("def test_it():\n    assert False\n")
    outcome = run_suite(
        "name", Path(sys.prefix), [str(tmp_path)], options=(), cache=tmp_path / "cache"
    )
    assert not outcome.passed


def test_run_that_ends_early_is_a_failure(tmp_path: Path) -> None:
    """A list of failures that an earlier run left does not stand in for this one's."""
    test, cache = tmp_path / "test_it.py", tmp_path / "cache"
    test.write_text("def test_it():\n    assert False\n")
    run_suite("name", Path(sys.prefix), [str(tmp_path)], options=(), cache=cache)
    test.write_text("import os\ndef test_it():\n    pass\ndef test_end():\n    os._exit(1)\n")
    outcome = run_suite("name", Path(sys.prefix), [str(tmp_path)], options=(), cache=cache)
    assert not outcome.passed
    assert outcome.closing.startswith("ended without a closing line in ")
    assert "test_it.py" in outcome.closing


def test_test_that_ends_its_worker_fails_by_its_name(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Others may not have run, so it does not help that the test passes when it is run alone."""
    (tmp_path / "test_it.py").write_text(ENDS)
    outcome = run_suite("name", Path(sys.prefix), [str(tmp_path)], cache=tmp_path / "cache")
    assert re.search(r"^FAILED \S+::test_that_ends\b", capfd.readouterr().out, re.MULTILINE)
    assert not outcome.passed


@pytest.mark.parametrize(
    ("output", "package"),
    [
        ("ERROR: No matching distribution found for rotel==1.0\n", "rotel==1.0"),
        ("WARNING: Retrying (Retry(total=4\nERROR: No matching distribution found for a==1\n", ""),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n", ""),
    ],
)
def test_only_a_missing_wheel_skips_a_python(output: str, package: str) -> None:
    """Neither does a registry out of reach, nor a hash that is wrong."""
    assert lacks_wheel(output) == package


def test_interpreters_are_found_once_per_version(tmp_path: Path) -> None:
    """What is on PATH comes first; what does not run, as a shim may not, is passed over."""
    for folder, name in (("shims", "python3.99"), ("other", "python3.98")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("#!/bin/sh\nexit 127\n")
        (tmp_path / folder / name).chmod(0o755)
    path = f"{tmp_path / 'shims'}:{tmp_path / 'other'}"
    versions = [each.version for each in find_interpreters({"PATH": path})]
    assert versions == sorted(set(versions))
    assert all(OLDEST <= version < (3, 98) for version in versions)


def test_found_interpreters_are_what_they_are_said_to_be() -> None:
    """The name is that of the version, and a virtual environment is not taken for a Python."""
    found = find_interpreters()
    assert all(probe(each.path) == each for each in found)
    assert probe(Path(sys.executable)) is None or sys.prefix == sys.base_prefix


def test_one_process_more_than_cores_runs_tests() -> None:
    """Most end-to-end tests wait, and leave the cores to others."""
    counting = pytest_xdist_auto_num_workers()
    next(counting)
    with pytest.raises(StopIteration) as end:
        counting.send(2)
    assert end.value.value == 3
