"""What is started and measured: a bare interpreter, the eager reference, ours in each mode."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.api import Api
from benchmarks.process import NS_PER_MS, Contender

ROOT = Path(__file__).resolve().parent.parent

FLAGS = ("-I",)
PROGRAM = (
    f"import sys; sys.path.insert(0, {str(ROOT)!r}); from extension.__main__ import main; main()"
)
SOURCE = (sys.executable, *FLAGS, "-c", PROGRAM)
EAGER_COMMAND = (sys.executable, *FLAGS, str(ROOT / "benchmarks" / "eager.py"))

BARE = "bare interpreter"
EAGER = "eager"
TELEMETRY = "telemetry only"
PARAMETERS = "parameters only"
BOTH = "both"

SANDBOX = {
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "AWS_LAMBDA_FUNCTION_NAME": "function",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
}

SECURE = "https://otlp.example.com"
"""An endpoint like those of most users, which a start prepares for; nothing is sent to it."""

DEFAULT_PORT = 2773
"""Telemetry alone is meant by setting no variable of the cache, and its port is one."""


def eager(api: Api) -> Contender:
    """Return the reference: everything imported and built before registering."""
    return Contender(command=EAGER_COMMAND, environ=_environ(api))


def modes(
    api: Api, *, command: Sequence[str] = SOURCE, path: str = "", endpoint: str = ""
) -> dict[str, Contender]:
    """Return ours in each mode; `path` is in PATH before what Lambda has there.

    Telemetry goes to `api`, unless there is another `endpoint`.
    """
    environ = _environ(api)
    if path:
        environ["PATH"] = f"{path}:{environ['PATH']}"
    exporting = {
        "DISPATCH_POST_URI": endpoint or f"http://{api.address}",
        "DISPATCH_FLUSH": "end",
    }
    port = free_port()
    caching = {"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(port)}
    return {
        TELEMETRY: Contender(
            command=command, environ=environ | exporting, exports=True, port=DEFAULT_PORT
        ),
        PARAMETERS: Contender(command=command, environ=environ | caching, port=port),
        BOTH: Contender(
            command=command, environ=environ | exporting | caching, exports=True, port=port
        ),
    }


def bare_ms(flags: Sequence[str] = FLAGS) -> float:
    """Return the wall time of an interpreter that only starts: it leaves out its own end."""
    command = (sys.executable, *flags, "-c", "import os; os._exit(0)")
    began_ns = time.perf_counter_ns()
    subprocess.run(command, env=SANDBOX, check=True)
    return (time.perf_counter_ns() - began_ns) / NS_PER_MS


def free_port() -> int:
    """Return a port without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _environ(api: Api) -> dict[str, str]:
    return {**SANDBOX, "AWS_LAMBDA_RUNTIME_API": api.address}
