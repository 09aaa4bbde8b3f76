"""Which mutants are run, in an order that a seed decides, and which tests are about a module."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import CodeType

from tests.mutants.mutations import Mutant, mutants_of

Line = tuple[str, int]

MOST_NEAR = 30
"""Files of tests for a module: what nearly all import takes too long to watch in all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A mutant of a module: the one with this number among all of the module's."""

    file: str
    number: int
    mutant: Mutant

    @property
    def module(self) -> str:
        """Return the name by which it is imported."""
        return self.file.removesuffix(".py").replace("/", ".")

    def runs_at_import(self, root: Path) -> bool:
        """Return whether its function is called when the module is imported."""
        top = ast.parse((root / self.file).read_text()).body
        calls = (
            node
            for each in top
            if not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            for node in ast.walk(each)
            if isinstance(node, ast.Call)
        )
        return any(ast.unparse(each.func) == self.mutant.function for each in calls)

    def code(self, root: Path) -> CodeType:
        """Return the code of the whole module with the change."""
        path = root / self.file
        for number, (_, compiled) in enumerate(mutants_of(path.read_text(), path=str(path))):
            if number == self.number:
                return compiled()
        raise LookupError(self.file, self.number)


def choose(
    root: Path, paths: Iterable[str], *, seed: str, lines: Collection[Line] | None = None
) -> list[Chosen]:
    """Return all mutants of folders and files, or those on certain lines, shuffled."""
    chosen = [
        Chosen(file=file, number=number, mutant=mutant)
        for file in _modules(root, paths)
        for number, (mutant, _) in enumerate(mutants_of((root / file).read_text(), path=file))
        if lines is None or any((file, line) in lines for line in mutant.lines)
    ]
    return sorted(chosen, key=lambda each: _drawn(f"{seed} {each.file} {each.mutant.text}"))


def _modules(root: Path, paths: Iterable[str]) -> list[str]:
    found = (
        file
        for path in paths
        for file in (
            sorted((root / path).rglob("*.py")) if (root / path).is_dir() else [root / path]
        )
    )
    return [str(each.relative_to(root)) for each in found if each.name != "__init__.py"]


def _drawn(text: str) -> bytes:
    return sha256(text.encode()).digest()


def changed_lines(root: Path, commit: str) -> set[Line]:
    """Return the lines of the extension that differ from a commit, none if it is unknown."""
    git = subprocess.run(
        ["git", "diff", "--unified=0", "--no-color", commit, "--", "extension"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines: set[Line] = set()
    file = ""
    for line in git.stdout.splitlines():
        if line.startswith("+++ b/"):
            file = line.removeprefix("+++ b/")
        elif hunk := re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line):
            first, count = int(hunk[1]), int(hunk[2] or 1)
            lines.update((file, each) for each in range(first, first + count))
    return lines


def near_tests(root: Path, lines: Iterable[Line], *, suites: Sequence[str]) -> list[str]:
    """Return the files of tests that are named after a changed module, or import it."""
    modules = {file.removesuffix(".py").replace("/", ".") for file, _ in lines}
    files = [file for suite in suites for file in sorted((root / suite).rglob("test_*.py"))]
    contents = {file: file.read_text() for file in files}
    near: dict[Path, None] = {}
    for module in sorted(modules):
        name = f"test_{module.rpartition('.')[2]}.py"
        imports = re.compile(_import_of(module), re.MULTILINE)
        named = [file for file in files if file.name == name]
        others = [file for file, content in contents.items() if imports.search(content)]
        near |= dict.fromkeys([*named, *others][:MOST_NEAR])
    return [str(file.relative_to(root)) for file in near]


def _import_of(module: str) -> str:
    package, _, name = module.rpartition(".")
    return rf"^from {re.escape(module)} import|^from {re.escape(package)} import .*\b{name}\b"
