"""Checks that a layer is what its build made of it: all of it, nothing changed, one release."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from layer.manifest import MANIFEST, fingerprint, read_manifest
from layer.verdict import Layer, Verdict, error, warning

_LAUNCHER = "extensions/lambda-dispatch"
_PROGRAMS = ("lambda-dispatch/python/bin/", "lambda-dispatch-env", "lambda-dispatch-tap")
_BYTECODE = (".pyc", ".bin")


def check_wholeness(layer: Layer) -> Iterator[Verdict]:
    """Yield what is missing, changed, or of another build."""
    if "lambda-dispatch/start.py" not in layer.files:
        yield error(
            "lambda-dispatch/start.py is missing: copy all of /opt, not its extensions alone"
        )
        return
    if len(layer.libraries) != 1:
        found = ", ".join(layer.libraries) or "none"
        say = error if not layer.libraries else warning
        yield say(f"one release has one folder lambda-dispatch/lib-*; here: {found}")
    for name, file in layer.files.items():
        if name.startswith(_PROGRAMS) and not file.is_program:
            yield error(f"{name} may not be run by everybody: chmod 755")
    if MANIFEST not in layer.files:
        yield warning(f"{MANIFEST} is missing: what else is, is unknown")
        return
    yield from _compare(layer)


def _compare(layer: Layer) -> Iterator[Verdict]:
    known = dict(read_manifest(layer.files[MANIFEST].read().decode()))
    if layer.launcher and _LAUNCHER in known:
        known[layer.launcher] = known.pop(_LAUNCHER)
    known.pop(_LAUNCHER if not layer.launcher else "", None)  # said already
    missing = [name for name in known if name not in layer.files]
    slow = [name for name in missing if name.endswith(_BYTECODE)]
    lost = [name for name in missing if not name.endswith(_BYTECODE)]
    if lost:
        yield error(f"{_several(lost)} missing: {_folders(lost)}")
    if slow and not lost:
        yield warning(
            f"bytecode of {_several(slow)} missing: they are compiled at every cold start"
        )
    changed = [
        name
        for name, digest in known.items()
        if name in layer.files and fingerprint(layer.files[name].read()) != digest
    ]
    for name in changed:
        yield from _judge_change(name, layer)


def _judge_change(name: str, layer: Layer) -> Iterator[Verdict]:
    """A source is not looked at where its bytecode is, which is not checked against it."""
    path = PurePosixPath(name)
    library = next((each for each in layer.libraries if name.startswith(f"{each}/")), "")
    places = (f"{path.parent}/__pycache__/{path.stem}.", f"{library}/code.")
    used = [other for other in sorted(layer.files) if other.startswith(places)]
    if path.suffix == ".py" and used:
        yield error(f"{name} was changed, without effect: delete {', '.join(used)}, too")
    elif path.suffix != ".py":
        yield warning(f"{name} was changed")


def _several(names: list[str]) -> str:
    return f"{len(names)} file is" if len(names) == 1 else f"{len(names)} files are"


def _folders(names: list[str]) -> str:
    """Name the places of files, few of many."""
    places = sorted({"/".join(name.split("/")[:4]) for name in names})
    return ", ".join(places[:5]) + (", …" if len(places) > 5 else "")
