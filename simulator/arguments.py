"""How one argument of the command line is read: text in, value out, or an ArgumentTypeError."""

from __future__ import annotations

import json
import os
import re
import shlex
from argparse import ArgumentTypeError
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from simulator.aws.seeds import Seed
from simulator.samples import sample_event, sample_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.aws.seeds import Kind

_JSON_WORDS = frozenset({"null", "true", "false"})

_Number = TypeVar("_Number", int, float)


FUNCTION_FORM = "FOLDER:MODULE.FUNCTION or FILE.py:FUNCTION"


def function(text: str) -> tuple[Path, str]:
    """The folder of the code, and the handler as Lambda's configuration has it, or none."""
    path, _, handler = text.rpartition(":")
    if text and Path(text).is_dir():  # Path("") is the current folder
        return Path(text), ""
    if not (path and handler):
        raise ArgumentTypeError(f"{text or 'the empty name'} should be {FUNCTION_FORM}")
    code = Path(path)
    if code.suffix != ".py":
        return code, handler
    if not code.is_file():
        raise ArgumentTypeError(f"there is no file {code}")
    if "." in code.stem:
        raise ArgumentTypeError(f"{code.name} is no module: its name has a dot")
    return code.parent, f"{code.stem}.{handler}"


def command(text: str) -> tuple[str, ...]:
    """Words as a shell splits them."""
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise ArgumentTypeError(f"{text} cannot be split into words: {error}") from None
    if not words:
        raise ArgumentTypeError("should be a command")
    return words


def event(text: str) -> object:
    """Any JSON, @FILE that holds it, or the name of a sample."""
    if text in sample_names():
        return sample_event(text)
    if re.fullmatch(r"[a-z][a-z0-9_.]+", text) and text not in _JSON_WORDS:
        known = ", ".join(sample_names())
        problem = f"{text} is neither JSON nor one of the samples: {known}"
        raise ArgumentTypeError(f"{problem}{_hint(text)}")
    source = f"{text} " if text.startswith("@") else ""
    try:
        return json.loads(_content(text), parse_constant=_refuse_constant)
    except OSError as error:
        raise ArgumentTypeError(f"{source}cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ArgumentTypeError(f"{source}is not JSON: {error}{_hint(text)}") from None
    except RecursionError:
        raise ArgumentTypeError(f"{source}is nested too deeply") from None


def seed(kind: Kind) -> Callable[[str], Seed]:
    """NAME=VALUE or NAME=@FILE; what stands for the value is in no message."""

    def read(text: str) -> Seed:
        name, _, value = text.partition("=")
        if not (name and value):
            raise ArgumentTypeError("should be NAME=VALUE or NAME=@FILE")
        try:
            return Seed(kind=kind, name=name, value=_content(value))
        except OSError as error:
            raise ArgumentTypeError(f"the file for {name}: {error.strerror}") from None
        except ValueError:
            raise ArgumentTypeError(f"the file for {name} is not text in UTF-8") from None

    return read


def variable(text: str) -> tuple[str, str]:
    """NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ArgumentTypeError(f"{text} should be NAME=VALUE")
    return name, value


def report_file(text: str) -> Path:
    """A file that can be written, found out before anything runs."""
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise ArgumentTypeError(f"{text!r} should be a file in a folder that is there")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ArgumentTypeError(f"{text!r} may not be written")
    return path


def word(text: str) -> str:
    """What the name of a function or a region may be made of."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise ArgumentTypeError(f"{text!r} should be letters, digits, - and _")
    return text


def header(text: str) -> str:
    """The value of an HTTP header."""
    if not (text.isascii() and text.isprintable()):
        raise ArgumentTypeError(f"{text!r} should be one line of ASCII")
    return text


def number(low: _Number, high: _Number) -> Callable[[str], _Number]:
    """A number of the kind of its bounds, which it may reach."""

    def read(text: str) -> _Number:
        try:
            value = type(low)(text)
        except ValueError:
            kind = {int: "whole number", float: "number"}[type(low)]
            raise ArgumentTypeError(f"{text} should be a {kind}") from None
        if not low <= value <= high:  # as it is for NaN
            raise ArgumentTypeError(f"{text} should be from {low:g} to {high:.15g}")
        return value

    return read


def _content(text: str) -> str:
    return Path(text[1:]).read_text("utf-8") if text.startswith("@") else text


def _hint(text: str) -> str:
    """Say how a file is named, if the text is the name of one."""
    with suppress(OSError, ValueError):  # too long, or with a null character
        return f"; if you mean the file, write @{text}" if Path(text).is_file() else ""
    return ""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is Python's, not JSON's")
