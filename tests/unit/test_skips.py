"""The end of a run: what was skipped, and what would make it run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import skips

ROOT = Path(__file__).parents[2]
TESTS = """
import pytest

@pytest.mark.parametrize("number", range(2))
def test_that_is_skipped(number):
    pytest.skip("cargo is not installed")

def test_that_passes():
    pass
"""


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("cargo is not installed", "install cargo"),
        (
            "npm cannot fetch: sh -c ./build\n./build: 4: exec: autoreconf: not found\nerror",
            "install autoreconf",
        ),
        ("takes minutes: LAYER_TESTS=all python", "LAYER_TESTS=all python"),
        ("the interpreter for arm64 cannot be fetched", "install Go"),
        ("no arm64 system can be had here: no word", "an x86_64 machine with apt-get"),
        ("the collector needs go", "install go"),
        ("Go: this machine has no go and no cargo", "install go and no cargo"),
        ("AWS's emulator: needs root to mount in a namespace of its own", "run as root on Linux"),
        (
            "rotel does not run: error: libpython3.12.so.1.0: no file",
            "a Python built with libpython3.12.so",
        ),
        ("AWS's emulator: there is no emulator for riscv64", "an x86_64 or arm64 machine"),
        ("there is a Python 3.15 here", "a machine without Python 3.15"),
        ("node: npm error network request failed", "see the reason: a tool"),
        ("rotel has no wheel for 3.14", "one of the Pythons that requirements/rotel.txt"),
        ("chromium is not here (apt-get install it)", "apt-get install chromium, as root"),
    ],
)
def test_a_reason_has_a_remedy(reason: str, remedy: str) -> None:
    """The list says what to install or how to run, not only why."""
    assert skips.remedy(reason).startswith(remedy)


def test_reasons_are_listed_once_the_most_frequent_first() -> None:
    """Each with the number of tests that did not run for it."""
    first, second = skips.listed(["no IPv6", "node is not installed", "node is not installed"])
    assert first.split() == ["2", "node", "is", "not", "installed", "→", "install", "node"]
    assert second.startswith("   1 no IPv6")


def test_what_a_tool_has_printed_takes_one_line() -> None:
    """Its beginning is shown, and what differs behind that makes no second entry of it."""
    printed = "npm cannot fetch: error\n" + "sh: 4: exec: autoreconf: not found\n" * 9
    [line] = skips.listed([f"{printed} at 03:55", f"{printed} at 04:00"])
    assert line.startswith("   2 npm cannot fetch: error sh: 4: exec: autoreconf: not found sh:")
    assert line.endswith("…  →  install autoreconf")


def test_every_reason_of_a_test_is_known() -> None:
    """A skip without a remedy would be one that nobody ever makes run."""
    calls = re.compile(r'(?:pytest\.skip\(|skipif\(.*reason=)f?"([^"{]{4,})"')
    reasons = {
        reason
        for file in (ROOT / "tests").rglob("*.py")
        if "unit" not in file.relative_to(ROOT).parts or "platform" in file.parts
        for reason in calls.findall(file.read_text())
    }
    assert {each for each in reasons if skips.remedy(each) == skips.ASK_THE_TEST} == set()


def test_a_run_ends_with_the_list(tmp_path: Path) -> None:
    """After everything else that pytest tells, where it is seen."""
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "conftest.py").write_text(
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from tests.conftest import pytest_terminal_summary\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    *_, title, line, closing = done.stdout.strip().splitlines()
    assert "skipped, and what would make it run" in title
    assert line == "   2 cargo is not installed  →  install cargo"
    assert "1 passed, 2 skipped" in closing
