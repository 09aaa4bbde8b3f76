"""What the launcher runs: the extension or, where it cannot be imported, the launcher once more.

Arguments: the launcher's path and this interpreter's, by which the launcher knows what has failed.
Understood by every Python 3, because the one that is found may be older than the extension's.
"""
# An old Python does not know the __future__ import, and importing pathlib takes 10 ms.
# ruff: noqa: I002, PTH100, PTH120, PTH123, PTH208

import os
import sys

HOME = os.path.dirname(os.path.abspath(__file__))
LAUNCHER = sys.argv[1] if len(sys.argv) > 1 else HOME + "/../extensions/lambda-dispatch"
PYTHON = sys.argv[2] if len(sys.argv) > 2 else sys.executable


def plain(text: str) -> str:
    """Return a text that JSON can hold as it is."""
    return " ".join(text.replace('"', "'").replace("\\", "/").split())


def say(level: str, message: str, cause: str) -> None:
    """Write a line of our log."""
    line = '{{"extension": "lambda-dispatch", "level": "{}", "message": "{}", "cause": "{}"}}\n'
    sys.stdout.write(line.format(level, message, plain(cause)))
    sys.stdout.flush()


def find_library() -> str:
    """Return the folder of our modules and packages.

    Its name holds the build, so that two releases in one tree never share bytecode or sources;
    the file `build` is that of the release that was unpacked last, as this file is.
    """
    found = sorted(name for name in os.listdir(HOME) if name.startswith("lib-"))
    if not found:
        raise ImportError("no folder lib-* in " + HOME)
    if len(found) == 1:
        return HOME + "/" + found[0]
    with open(HOME + "/build") as file:
        chosen = "lib-" + file.read().strip()
    say("WARN", "two releases attached", f"{chosen} runs; in {HOME} are {found}")
    return HOME + "/" + chosen


def step_aside(error: BaseException) -> None:
    """Have the launcher try the next interpreter, or else stand in; its line says why."""
    cause = "Python {}.{}: {}".format(*sys.version_info[:2], error)
    os.execv("/bin/sh", ["/bin/sh", LAUNCHER, "--after", PYTHON, plain(cause)])


def load():  # type: ignore[no-untyped-def]  # the types to name are not imported yet
    """Return the extension's entry point."""
    if sys.version_info < (3, 11):  # noqa: UP036  # any Python may have been found
        raise ImportError("the extension needs 3.11 or newer")
    library = find_library()
    sys.path.append(library)  # after the standard library, which is asked for more
    import code_file  # type: ignore[import-not-found]  # noqa: PLC0415  # of the library

    code_file.install(library)
    from extension.__main__ import main  # noqa: PLC0415  # not with an older Python

    return main


try:
    main = load()  # type: ignore[no-untyped-call]  # see above
except BaseException as error:  # noqa: BLE001  # whatever it is, the function must live
    step_aside(error)
else:
    main()
