"""Every log message of the extension is documented with its cause and remedy, and exists."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "operation.md"
BLOCK = re.compile(r"<!-- messages -->\n(.*)<!-- /messages -->", re.DOTALL)
LEVELS = {"debug": "DEBUG", "info": "INFO", "warning": "WARN", "error": "ERROR"}
ROW = re.compile(r"^\| `([^`]+)` \| ([A-Z]+(?: or [A-Z]+)*) \| (.+?) \| (.+?) \|$", re.M)


def documented() -> dict[str, set[str]]:
    """Return the levels of each message in the table."""
    block = BLOCK.search(DOCUMENT.read_text())
    assert block is not None
    rows = ROW.findall(block[1])
    assert len(rows) == block[1].count("\n") - 2  # its heading and the line below that
    return {message: set(levels.split(" or ")) for message, levels, _, _ in rows}


def written() -> dict[str, set[str]]:
    """Return the levels of each message that the code writes."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for level, message in (*in_python(), *in_the_launcher()):
        found[message].add(level)
    return dict(found)


def in_python() -> Iterator[tuple[str, str]]:
    """Yield level and message of each call that writes a line."""
    for path in (ROOT / "extension").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=value, attr=level),
                    args=[ast.Constant(value=str(message)), *_],
                ) if level in LEVELS and is_log(value):
                    yield LEVELS[level], message
                case ast.Call(func=ast.Attribute(value=value, attr=level)) if (
                    level in LEVELS and is_log(value)
                ):
                    yield LEVELS[level], f"no constant: {ast.unparse(node)}"
                case ast.Call(
                    func=ast.Name(id="_log"), args=[ast.Constant(value=str(message)), *_]
                ):
                    yield "ERROR", message


def is_log(value: ast.expr) -> bool:
    """Return whether what a method is called on is a log."""
    return ast.unparse(value).endswith("log")


def in_the_launcher() -> Iterator[tuple[str, str]]:
    """Yield the same of the scripts that start the extension or the runtime."""
    wrappers = ("lambda-dispatch-env", "lambda-dispatch-tap")
    for name in ("start.py", "extensions/lambda-dispatch", "environment.py", *wrappers):
        path = ROOT / "layer" / name
        yield from re.findall(r'(?:\b|_)say\(?\s*"?([A-Z]+)"?,? "([^"]+)"', path.read_text())


def test_every_message_is_documented() -> None:
    """The table lists each message with the levels that it has in the code, and no other."""
    assert documented() == written()


def test_the_table_is_in_order() -> None:
    """A message is found by the eye."""
    assert list(documented()) == sorted(documented())
