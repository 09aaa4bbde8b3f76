"""The modules that the built layer has loaded when it asks for the first event, in each mode.

`python -m tests.layer.loaded_modules` writes them to loaded_modules.txt, a module and its modes a
line, after a change that is meant to load more, or less. Run it with Python 3.11: which modules
the standard library has differs from one version to the next.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGUSR1

from extension.process.clock import SystemClock
from layer.sandbox import GETS, Sandbox, open_sandbox
from tests.layer.built import INTERPRETER, LayerTree, built_layer
from tests.waiting import PATIENCE_S

LISTED = Path(__file__).with_name("loaded_modules.txt")

UNSET = {
    "telemetry": ("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "DISPATCH_SIGNALS"),
    "parameters": ("DISPATCH_POST_URI", "DISPATCH_SIGNALS"),
    "both": ("DISPATCH_SIGNALS",),
}
"""By mode: the variables that a sandbox has, and its function has not set."""

PROGRAM = """
import _signal, os, sys
library, told, port = sys.argv[1:]

def tell(*_):
    with open(told + ".part", "w") as file:
        file.write("\\n".join(sys.modules))
    os.rename(told + ".part", told)

_signal.signal(_signal.SIGUSR1, tell)
sys.path.append(library)
import code_file
code_file.install(library)
from extension.platform import bootstrap
bootstrap.BUDGET_S, bootstrap.SLOW_SHARE = 1000.0, 0.0  # however slow the machine is
bootstrap.DEFAULT_CACHE_PORT = int(port)  # which another process may have
from extension.__main__ import main
main()
"""
"""What start.py does, in a process that names its modules when it gets a signal."""

_REQUEST = {"requestId": "5e0ca5e0-0000-4000-8000-000000000001"}


@dataclass
class Run:
    """A layer that has asked for its first event."""

    process: subprocess.Popen[bytes]
    sandbox: Sandbox
    told: Path

    def modules(self) -> set[str]:
        """Return what is loaded now."""
        self.told.unlink(missing_ok=True)
        self.process.send_signal(SIGUSR1)
        clock = SystemClock()
        began = clock.now()
        while not self.told.exists():
            assert self.process.poll() is None, "the layer has ended"
            assert clock.now().since(began) < PATIENCE_S, "the layer does not answer"
        return set(self.told.read_text().split())

    def invoke(self, mode: str) -> None:
        """Play an invocation with everything that the mode is for, up to the next /next."""
        self.sandbox.tell("INVOKE", invokedFunctionArn="arn:aws:lambda:x:1:function:f", **_REQUEST)
        if mode != "telemetry":
            for path, wanted in GETS.items():
                assert wanted in self.sandbox.get(path)
        if mode != "parameters":
            metrics = {"durationMs": 1.0, "producedBytes": 1}
            self.sandbox.deliver("platform.start", {"version": "$LATEST", **_REQUEST})
            self.sandbox.deliver("function", "a line")
            done = {"status": "success", "metrics": metrics, **_REQUEST}
            self.sandbox.deliver("platform.runtimeDone", done)
        self.sandbox.wait_for_next()
        assert mode == "parameters" or self.sandbox.exported["traces"]


@contextmanager
def running(layer: LayerTree, mode: str) -> Iterator[Run]:
    """Start the layer in a mode, up to its first /next."""
    with open_sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        environment = sandbox.environment(path="/usr/bin:/bin")
        port = environment["PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"]
        for name in UNSET[mode]:
            del environment[name]
        environment["DISPATCH_FLUSH"] = "end"
        told = Path(folder, "told")
        process = subprocess.Popen(
            [INTERPRETER / "python3", "-I", "-S", "-B", "-c", PROGRAM, layer.library, told, port],
            env=environment,
        )
        try:
            sandbox.wait_for_next()
            yield Run(process, sandbox, told)
        finally:
            process.kill()
            process.wait()


def listed() -> Mapping[str, set[str]]:
    """Return the modules of each mode, as they are listed."""
    rows = [line.split() for line in LISTED.read_text().splitlines()]
    return {mode: {name for name, *modes in rows if mode in modes} for mode in UNSET}


def _write() -> None:
    layer = built_layer()
    loaded = {}
    for mode in UNSET:
        with running(layer, mode) as run:
            loaded[mode] = run.modules()
    names = sorted(set().union(*loaded.values()))
    rows = (" ".join([name, *(mode for mode in UNSET if name in loaded[mode])]) for name in names)
    LISTED.write_text("".join(f"{row}\n" for row in rows))


if __name__ == "__main__":
    _write()
