"""The command line of build_layer.sh."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, NoReturn

from layer.build import build
from layer.commands import named
from layer.errors import LayerError
from layer.interpreters import find_interpreter
from layer.order import ROOT, Order
from layer.target import ARCHITECTURES, COMING, VERSIONS

KNOWN = (*VERSIONS, *COMING)


def main(arguments: list[str]) -> int:
    """Build what the arguments say; returns the exit status."""
    try:
        build(_read(arguments), say=lambda line: print(line, flush=True))
    except LayerError as error:
        print(f"build_layer.sh: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"build_layer.sh: {error.filename or 'the build'}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


class _Parser(argparse.ArgumentParser):
    """One that answers a mistake with one line."""

    def error(self, message: str) -> NoReturn:
        raise LayerError(message)


def _read(arguments: list[str]) -> Order:
    parser = _Parser(
        prog="build_layer.sh",
        description="Build the Lambda layer: dist/lambda-dispatch-ARCH.zip and its SHA-256.",
        allow_abbrev=False,
    )
    for name, settings in _options().items():
        parser.add_argument(f"--{name}", **settings)
    chosen = parser.parse_args(arguments)
    standalone = chosen.standalone or chosen.interpreter is not None
    if standalone and chosen.python:
        parser.error("--python and --standalone exclude each other: the interpreter decides")
    return Order(
        architecture=ARCHITECTURES[chosen.arch],
        versions=chosen.python or (*VERSIONS, *filter(find_interpreter, COMING)),
        ships_source=chosen.source,
        standalone=standalone,
        interpreter=chosen.interpreter,
        glibc=chosen.glibc,
        local=chosen.local,
        requirements=chosen.requirements,
        output=chosen.output,
        defers=not chosen.no_deferral,
        compares=not chosen.no_comparison,
    )


def _options() -> dict[str, dict[str, Any]]:
    flag = {"action": "store_true"}
    return {
        "arch": {"choices": ARCHITECTURES, "default": "x86_64", "help": "default: x86_64"},
        "python": {
            "metavar": "LIST",
            "type": _versions,
            "help": f"Python versions; default: those of {','.join(KNOWN)} it can compile for",
        },
        "source": {**flag, "help": "keep versions it cannot compile for, as source"},
        "standalone": {**flag, "help": "carry an interpreter: for functions in any language"},
        "interpreter": {
            "metavar": "DIR",
            "type": named,
            "help": "carry this one (python-build-standalone); default: go or uv downloads one",
        },
        "glibc": {
            "metavar": "VERSION",
            "type": _glibc,
            "help": "what the image has; default: 2.34, for Python 3.11 2.26",
        },
        "local": {**flag, "help": "to try on this machine: no check against Lambda's images"},
        "requirements": {
            "metavar": "FILE",
            "type": named,
            "default": ROOT / "layer/requirements.txt",
            "help": "pinned packages; default: layer/requirements.txt",
        },
        "output": {
            "metavar": "DIR",
            "type": named,
            "default": Path("dist"),
            "help": "default: dist",
        },
        "no-deferral": {
            **flag,
            "help": "leave the packages' imports where they are (layer/deferred.py)",
        },
        "no-comparison": {**flag, "help": "do not measure what pip and zip alone would make"},
    }


def _versions(text: str) -> tuple[str, ...]:
    wanted = [part.strip() for part in text.split(",")]
    for version in wanted:
        if version not in KNOWN:
            raise argparse.ArgumentTypeError(f"{version!r} is not one of {', '.join(KNOWN)}")
    return tuple(version for version in KNOWN if version in wanted)


def _glibc(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    if not (major.isdecimal() and minor.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a version like 2.34")
    return int(major), int(minor)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
