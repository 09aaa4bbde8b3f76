"""Says of a finished layer what would go wrong on Lambda: `python -m layer.check FILE|FOLDER`.

It takes a zip, the folder that was zipped, or the root of an image's file system, and prints a line
for each fault. Exit status: 0 nothing would go wrong, 1 something would, 2 it cannot be read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from layer.commands import counted, named
from layer.contents import Contents, read_contents
from layer.errors import LayerError
from layer.fit import check_fit
from layer.verdict import Layer, Verdict, error, warning
from layer.wholeness import check_wholeness

_START = "lambda-dispatch/start.py"
_LAUNCHER_SAYS = b'"extension": "lambda-dispatch"'


def check(contents: Contents) -> Iterator[Verdict]:
    """Yield what is wrong, the worst first."""
    top = _top(contents)
    if top is None:
        yield error(f"no lambda-dispatch in it: neither an extensions/ of ours nor {_START}")
        return
    if top != contents.top:
        meant = (
            "the root of the image must hold opt/extensions"
            if contents.image
            else "Lambda unpacks it into /opt"
        )
        yield error(f"nested: extensions/ and lambda-dispatch/ are in {top or './'}; {meant}")
    files = {
        name.removeprefix(top): file
        for name, file in contents.files.items()
        if name.startswith(top)
    }
    layer = Layer(files=files, launcher=_launcher(contents, top), image=contents.image)
    yield from _check_launcher(layer, unix=contents.unix)
    yield from check_wholeness(layer)
    yield from check_fit(layer)


def _top(contents: Contents) -> str | None:
    """Return the path below which the layer is, the shortest of several."""
    tops = [name.removesuffix(_START) for name in contents.files if name.endswith(_START)]
    tops += [
        name.rpartition("extensions/")[0]
        for name, file in contents.files.items()
        if "/" not in name.rpartition("extensions/")[2]
        and "extensions/" in name
        and _LAUNCHER_SAYS in file.read()
    ]
    return min(tops, key=len, default=None)


def _launcher(contents: Contents, top: str) -> str:
    """Return the launcher's path in the layer, "" for none; users may rename it."""
    folder = f"{top}extensions/"
    for name, file in contents.files.items():
        if name.startswith(folder) and _LAUNCHER_SAYS in file.read():
            return name.removeprefix(top)
    return ""


def _check_launcher(layer: Layer, *, unix: bool) -> Iterator[Verdict]:
    if not layer.launcher:
        yield error("no launcher: extensions/ must hold lambda-dispatch, or Lambda starts nothing")
        return
    file = layer.files[layer.launcher]
    if not unix:
        yield error("the zip holds no rights: it was made on Windows, and Lambda runs no such file")
    elif not file.is_program:
        yield error(f"{layer.launcher} may not be run by everybody: chmod 755")
    text = file.read()
    if b"\r" in text:
        yield error(
            f"{layer.launcher} has line ends of Windows: no kernel finds its `#!/bin/sh\\r`"
        )
    elif not text.startswith(b"#!/bin/sh\n"):
        yield error(f"{layer.launcher} does not begin with #!/bin/sh")
    if layer.launcher.count("/") > 1:
        yield warning(
            f"{layer.launcher} is not directly in extensions/: Lambda does not look there"
        )


def main(arguments: list[str]) -> int:
    """Print what is wrong; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m layer.check", description=__doc__)
    parser.add_argument("path", type=named, metavar="FILE|FOLDER", help="zip, folder, image's root")
    path: Path = parser.parse_args(arguments).path
    try:
        verdicts = list(check(read_contents(path)))
    except (LayerError, OSError) as failure:
        print(f"layer.check: {failure}", file=sys.stderr)
        return 2
    for verdict in verdicts:
        print(f"{verdict.level}: {verdict.text}")
    errors = [verdict for verdict in verdicts if verdict.level == "error"]
    warnings = counted(len(verdicts) - len(errors), "warning")
    print(f"{path}: {counted(len(errors), 'error')}, {warnings}")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
