"""The commands that the documents name exist, and have the options that they are called with."""

from __future__ import annotations

import functools
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from tests.docs.pages import DOCUMENTS, ROOT, blocks

OF_THE_CLI = {"query", "output", "region", "profile", "zip-file"}
"""Options that no parameter of a call has: those of every command, and the file of a layer."""

OF_THE_CLI_ALONE = ("cloudformation deploy", "configure export-credentials")

PROGRAM = re.compile(r"(?:PYTHON=\S+ )?(?:\S*/)?python3? -m ([\w.]+)(.*)", re.S)
OUR_MODULES = ("benchmarks", "extension", "layer", "simulator", "tests", "verification")


def commands() -> Iterator[tuple[Path, str]]:
    """Yield each command of the documents: in blocks for the shell, and in their text."""
    for document in DOCUMENTS:
        for block in blocks(document):
            if block.language in ("sh", "console"):
                code = re.sub(r"^\$ ", "", block.code, flags=re.M)
                joined = re.sub(r"\\\n\s*", " ", code)
                yield from ((document, line) for line in joined.splitlines() if line)
        text = re.sub(r"^ *```.*?^ *```$", "", document.read_text(), flags=re.M | re.S)
        yield from ((document, each) for each in re.findall(r"`([^`\n]+ [^`\n]+)`", text))


COMMANDS = sorted(set(commands()))


def named(pattern: str) -> list[tuple[str, str]]:
    """Return name and arguments of the commands that a pattern finds."""
    found = (re.search(pattern, line, re.S) for _, line in COMMANDS)
    return sorted({(match[1], match[2]) for match in found if match})


def test_commands_are_found() -> None:
    """Of each kind: the AWS CLI, our modules, and the build."""
    assert len(named(r"\baws ([a-z-]+ [a-z-]+)\b(.*)")) > 3
    modules = {module for module, _ in named(PROGRAM.pattern)}
    assert {"simulator", "layer.publish", "layer.check", "verification"} <= modules
    assert len(named(r"(\./build_layer\.sh)( [^`]*)")) > 3


def options(arguments: str) -> set[str]:
    """Return the names of long options, up to the next command."""
    own = re.split(r" [|&;]+ |\)", arguments, maxsplit=1)[0]
    return {word[2:].partition("=")[0] for word in shlex.split(own) if word.startswith("--")}


@pytest.mark.parametrize(("call", "arguments"), named(r"\baws ([a-z-]+ [a-z-]+)\b(.*)"))
def test_the_aws_cli_has_the_call(call: str, arguments: str) -> None:
    """Its operation exists, with a parameter for each option."""
    service, operation = call.split()
    if call in OF_THE_CLI_ALONE:
        return
    model = botocore.session.get_session().get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    assert operation in names
    shape = model.operation_model(names[operation]).input_shape
    members = {xform_name(name, "-") for name in shape.members} if shape else set()
    assert options(arguments) <= members | OF_THE_CLI


@functools.cache
def explained(*command: str) -> str:
    """Return what a command explains of itself."""
    done = subprocess.run(
        [*command, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("module", "arguments"),
    [each for each in named(PROGRAM.pattern) if each[0].split(".")[0] in OUR_MODULES],
)
def test_the_module_has_the_options(module: str, arguments: str) -> None:
    """It can be run, and its help explains each option."""
    path = ROOT / module.replace(".", "/")
    assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()
    if wanted := options(arguments):
        text = explained(sys.executable, "-m", module)
        assert [each for each in wanted if f"--{each}" not in text] == []


@pytest.mark.parametrize(
    "arguments", sorted({each for _, each in named(r"(\./build_layer\.sh)( [^`]*)")})
)
def test_the_build_has_the_options(arguments: str) -> None:
    """Whatever it is called with, its help explains."""
    text = explained("./build_layer.sh")
    assert [each for each in options(arguments) if f"--{each}" not in text] == []
