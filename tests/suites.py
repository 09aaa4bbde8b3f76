"""Every test with one Python, the fast ones with every other: `python3 -m tests.suites`.

Rule of the module: the standard library alone, for it also sets up what the tests need. What
failed is run once more, one test after the other: on a shared machine everything may stand still
for longer than a test waits.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.interpreters import Interpreter, find_interpreters

TESTS_FAILED = 1
"""Pytest's exit status when tests failed; any other but 0 says that the run itself went wrong."""

SIDE_BY_SIDE = (
    "-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder", "--max-worker-restart", "1",
)  # fmt: skip
"""A worker for each core and one more (`tests.conftest`). The tests of a file run in the same one,
for many share something that is slow to start. In their order the shortest files, unit tests, come
last, so that no worker is left with a long one. xdist runs a test that ended its worker again as
often as it may."""

WORKER_ENDED = re.compile(r"^worker '\w+' crashed while running", re.MULTILINE)
"""Then other tests may not have run, and that the failed ones pass a second time proves nothing."""

AGAIN = ("--last-failed", "--last-failed-no-failures=none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one suite came to: whether it passed, and its closing line."""

    suite: str
    passed: bool
    closing: str


def main() -> int:
    """Run what was asked for, print the closing lines of all suites, fail if one failed."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.suites", description=__doc__)
    parser.add_argument("--fast", nargs="+", required=True, help="folders of the fast tests")
    parser.add_argument("--venv", type=Path, default=Path(".venv"), help="of the first Python")
    parser.add_argument("--others-only", action="store_true", help="not the first Python")
    chosen = parser.parse_args()
    # The variables of the make that called this are not meant for those that are called here.
    for variable in ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"):
        os.environ.pop(variable, None)
    outcomes = _run_all(chosen.fast, venv=chosen.venv, others_only=chosen.others_only)
    print("", *(f"{each.suite}: {each.closing}" for each in outcomes), sep="\n", flush=True)
    return int(not all(each.passed for each in outcomes))


def _run_all(fast: Sequence[str], *, venv: Path, others_only: bool) -> list[Outcome]:
    subprocess.run(["make", "ready", f"VENV={venv}", f"PYTHON={sys.executable}"], check=True)
    first = _version(venv)
    others = [each for each in find_interpreters() if each.name != first]
    whole = [] if others_only else [run_suite(f"Python {first}, every test", venv, ())]
    return whole + [_run_fast(each, fast) for each in others]


def _run_fast(interpreter: Interpreter, fast: Sequence[str]) -> Outcome:
    suite, venv = f"Python {interpreter.name}, fast tests", Path(f".venv-{interpreter.name}")
    status, output = _stream(["make", "ready", f"VENV={venv}", f"PYTHON={interpreter.path}"])
    if status == 0:
        return run_suite(suite, venv, fast)
    if package := lacks_wheel(output):
        return Outcome(suite=suite, passed=True, closing=f"skipped, {package} has no wheel for it")
    return Outcome(suite=suite, passed=False, closing="could not be set up")


def run_suite(
    suite: str,
    venv: Path,
    paths: Sequence[str],
    *,
    options: Sequence[str] = SIDE_BY_SIDE,
    cache: Path | None = None,
) -> Outcome:
    """Run pytest in an environment, and what failed once more, alone; `cache` keeps what failed."""
    print(f"\n{suite}", flush=True)
    # A run that ends early leaves no list of what failed; an older one must not stand in for it.
    cache = cache or venv.absolute() / ".pytest_cache"
    pytest = [str(venv / "bin/python"), "-m", "pytest", "--color=no", "-o", f"cache_dir={cache}"]
    status, output = _stream([*pytest, *options, "--cache-clear", *paths])
    closing = closing_line(output)
    if status == TESTS_FAILED and not WORKER_ENDED.search(output):
        print(f"\n{suite}: once more what failed", flush=True)
        status, output = _stream([*pytest, *AGAIN, *paths])
        closing += f"; once more, alone: {closing_line(output)}"
    return Outcome(suite=suite, passed=status == 0, closing=closing)


def closing_line(output: str) -> str:
    """Return what pytest's last line says, or that there is none and which file was the last."""
    if lines := re.findall(r"^=+ (.* in [0-9.]+s.*?) =+$", output, re.MULTILINE):
        return str(lines[-1])
    files = re.findall(r"^(\S+\.py)\b", output, re.MULTILINE)
    return f"ended without a closing line in {files[-1] if files else 'no file'}"


def lacks_wheel(output: str) -> str:
    """Return the requirement that pip found no wheel of; empty when something else went wrong.

    A registry that cannot be reached also ends in "No matching distribution", after retries.
    """
    missing = re.search(r"No matching distribution found for (\S+)", output)
    return missing[1] if missing and "Retrying" not in output else ""


def _version(venv: Path) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([venv / "bin/python", "-c", code], capture_output=True, check=True)
    return answer.stdout.decode().strip()


def _stream(command: Sequence[str]) -> tuple[int, str]:
    """Run a command, print what it prints as it comes, and return its exit status and output."""
    output = bytearray()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        while chunk := os.read(process.stdout.fileno(), 65_536):
            output += chunk
            os.write(sys.stdout.fileno(), chunk)
    return process.returncode, output.decode(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
