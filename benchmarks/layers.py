"""Sizes and cold starts of finished layers, as the table of layer/README.md.

`python -m benchmarks.layers dist/*.zip` prints it, `--write` puts it into the README. A start is
the CPU time up to the first /next, as a multiple of what the same interpreter needs to start and
end: turns are interleaved, so a busy machine slows both. A layer for another machine is weighed.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from operator import truediv
from pathlib import Path
from statistics import median
from zipfile import ZipFile

from benchmarks.api import Api
from benchmarks.contenders import BOTH, PARAMETERS, ROOT, SANDBOX, TELEMETRY, modes
from benchmarks.layer import FLAGS, LAUNCHER, unpack
from benchmarks.process import Contender, started
from benchmarks.rows import take_turns
from layer.commands import named
from layer.errors import LayerError
from layer.fetched import fetch_with_go
from layer.interpreters import find_interpreter
from layer.target import this_machine

README = ROOT / "layer/README.md"
BEGIN, END = (
    "<!-- layers: python -m benchmarks.layers dist/*.zip --write -->\n",
    "<!-- /layers -->\n",
)
MODES = (TELEMETRY, PARAMETERS, BOTH)
TURNS = 15
BARE = "bare"
_HEAD = (
    "| Layer | Python | Zipped | Unzipped | Start: telemetry | parameters | both |\n"
    "| --- | --- | --- | --- | --- | --- | --- |\n"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, and keep it if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.layers")
    parser.add_argument("zips", nargs="+", type=named, metavar="ZIP")
    parser.add_argument("--write", action="store_true", help="into layer/README.md")
    options = parser.parse_args(arguments)
    table = _HEAD + "".join(line for archive in options.zips for line in lines(archive))
    print(table)
    if options.write:
        before, _, rest = README.read_text("utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        README.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", "utf-8")
    return 0


def lines(archive: Path) -> Iterator[str]:
    """Yield the rows of one layer: one for each Python that it can be started with here."""
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name, "opt")
        unpack(archive, tree)
        with ZipFile(archive) as packed:
            unzipped = sum(member.file_size for member in packed.infolist()) / 1e6
        size = f"{archive.stat().st_size / 1e6:.1f} MB | {unzipped:.1f} MB"
        found = {each: _interpreter(tree, each, Path(name)) for each in _versions(tree)}
        here = {version: program for version, program in found.items() if program}
        for version, program in here.items():
            starts = " | ".join(_starts(tree, program))
            yield f"| `{archive.name}` | {version} | {size} | {starts} |\n"
            size = " | "
        if not here:
            yield f"| `{archive.name}` | {', '.join(found)} | {size} | not measured here | | |\n"


def _versions(tree: Path) -> list[str]:
    found = [
        re.sub(r".*cpython-3(\d+)\.bin", r"3.\1", str(file))
        for file in tree.glob("lambda-dispatch/lib-*/code.*.bin")
    ]
    return sorted(found, key=lambda text: int(text.partition(".")[2]))


def _starts(tree: Path, interpreter: Path) -> list[str]:
    """Return the multiples for each mode."""
    with Api() as api:
        ours = modes(api, command=(f"{tree}/{LAUNCHER}",), path=str(interpreter.parent))
        turns = {mode: partial(_cpu_ms, ours[mode], api) for mode in MODES}
        taken = take_turns({BARE: partial(_bare_cpu_ms, interpreter), **turns}, turns=TURNS)
    ratios = (map(truediv, taken[mode], taken[BARE]) for mode in MODES)
    return [f"{median(each):.1f} ×" for each in ratios]


def _cpu_ms(contender: Contender, api: Api) -> float:
    return started(contender, api).cpu_ms


def _interpreter(tree: Path, version: str, folder: Path) -> Path | None:
    """Return the interpreter that the layer brings, or one of its version that runs here."""
    own = tree / "lambda-dispatch/python/bin/python3"
    if own.exists():
        return own if _runs(own) else None
    machine = this_machine()
    if machine is None or not any(tree.rglob(f"*-{platform.machine()}-linux-gnu.so")):
        return None
    if found := find_interpreter(version):
        return found
    try:
        return fetch_with_go(version, machine, folder=folder) / f"bin/python{version}"
    except LayerError:
        return None


def _runs(program: Path) -> bool:
    try:
        return subprocess.run([program, *FLAGS, "-c", ""], check=False).returncode == 0
    except OSError:  # made for another machine
        return False


def _bare_cpu_ms(interpreter: Path) -> float:
    """Return the CPU time of an interpreter that only starts."""
    command = [str(interpreter), *FLAGS, "-c", "import os; os._exit(0)"]
    _, _, used = os.wait4(os.posix_spawn(interpreter, command, SANDBOX), 0)
    return (used.ru_utime + used.ru_stime) * 1000


if __name__ == "__main__":
    sys.exit(main())
