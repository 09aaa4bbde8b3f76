"""How a block of code is checked without being run, by its language.

A checker returns what is wrong with the code, empty if nothing is; it raises NotHereError where
the machine lacks the tool. A language without a checker has no place in the documentation.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import tempfile
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml  # type: ignore[import-untyped]  # comes with cfn-lint

TOP_LEVEL_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
INSTRUCTIONS = frozenset(
    ("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "FROM", "LABEL", "RUN", "USER", "WORKDIR")
)


class NotHereError(Exception):
    """The machine has no such tool."""


def problem(language: str, code: str) -> str:
    """Return what is wrong with a block."""
    checker = CHECKERS.get(language)
    return checker(code) if checker else f"no checker for {language!r}"


def _shell(code: str) -> str:
    return _tool("sh", "-n", given=code)


def _console(code: str) -> str:
    """Check the commands of a transcript: what follows the prompt, and its continued lines."""
    commands = re.findall(r"^\$ ((?:.*\\\n)*.*)$", code, re.M)
    return _shell("\n".join(commands)) if commands else "no line begins with a prompt"


def _python(code: str) -> str:
    try:
        compile(code, "block", "exec", flags=TOP_LEVEL_AWAIT, dont_inherit=True)
    except SyntaxError as error:
        return str(error)
    return ""


def _json(code: str) -> str:
    try:
        json.loads(code)
    except ValueError as error:
        return str(error)
    return ""


class _AnyTag(yaml.SafeLoader):  # type: ignore[misc]
    """Reads the tags of CloudFormation, too."""


def _construct(loader: yaml.SafeLoader, _tag: str, node: yaml.Node) -> object:
    match node:
        case yaml.SequenceNode():
            return loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            return loader.construct_mapping(node, deep=True)
        case _:
            return loader.construct_scalar(node)


_AnyTag.add_multi_constructor("!", _construct)


def _yaml(code: str) -> str:
    try:
        yaml.load(code, Loader=_AnyTag)
    except yaml.YAMLError as error:
        return str(error)
    return ""


def _toml(code: str) -> str:
    try:
        tomllib.loads(code)
    except tomllib.TOMLDecodeError as error:
        return str(error)
    return ""


def _xml(code: str) -> str:
    try:
        ET.fromstring(code)
    except ET.ParseError as error:
        return str(error)
    return ""


def _javascript(code: str) -> str:
    return _tool("node", "--check", "FILE", given=code, name="block.mjs")


def _java(code: str) -> str:
    found = re.search(r"public (?:final )?(?:class|record|interface) (\w+)", code)
    if found is None:
        return "no public class"
    return _tool("javac", "-proc:none", "-d", "FOLDER", "FILE", given=code, name=f"{found[1]}.java")


def _go(code: str) -> str:
    return _tool("gofmt", "-l", "-e", given=code)


def _ruby(code: str) -> str:
    return _tool("ruby", "-wc", given=code, expected="Syntax OK")


def _php(code: str) -> str:
    return _tool("php", "--syntax-check", "FILE", given=code, name="block.php")


def _hcl(code: str) -> str:
    return _tool("terraform", "fmt", "-check", "-diff", "-", given=code)


def _dockerfile(code: str) -> str:
    lines = re.sub(r"\\\n", " ", code).splitlines()
    unknown = [line for line in lines if line.strip() and line[0] != "#" and
               line.split()[0] not in INSTRUCTIONS]  # fmt: skip
    return "\n".join(unknown)


def _mermaid(code: str) -> str:
    """Check a flowchart as far as ours go: boxes with quoted texts, and arrows between them."""
    first, *lines = code.strip().splitlines()
    box, arrow = r'\w+\["[^"]+"\]', r"\w+ (?:-->|-\. [^.]+(?:\.[^.]+)* \.->) \w+"
    unknown = [line for line in lines if not re.fullmatch(rf" *(?:{box}|{arrow})", line)]
    return "\n".join(unknown) if first == "flowchart LR" else first


def _text(_code: str) -> str:
    return ""


CHECKERS: Mapping[str, Callable[[str], str]] = {
    "sh": _shell,
    "console": _console,
    "python": _python,
    "json": _json,
    "yaml": _yaml,
    "toml": _toml,
    "xml": _xml,
    "js": _javascript,
    "java": _java,
    "go": _go,
    "ruby": _ruby,
    "php": _php,
    "hcl": _hcl,
    "dockerfile": _dockerfile,
    "mermaid": _mermaid,
    "text": _text,
    "": _text,
}


def _tool(*command: str, given: str, name: str = "", expected: str = "") -> str:
    """Run a tool on the code, by standard input or in a file; return what it complains about."""
    program = shutil.which(command[0])
    if program is None:
        raise NotHereError(f"{command[0]} is not installed")
    with tempfile.TemporaryDirectory() as folder:
        if name:
            Path(folder, name).write_text(given)
        places = {"FILE": str(Path(folder, name)), "FOLDER": folder}
        done = subprocess.run(
            [program, *(places.get(word, word) for word in command[1:])],
            input=None if name else given, capture_output=True, text=True, check=False,
        )  # fmt: skip
    accepted = done.returncode == 0 and (name or done.stdout.strip() == expected)
    return "" if accepted else f"{done.stdout}{done.stderr}" or "refused"
