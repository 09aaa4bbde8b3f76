"""One function in each language, built for its own runtime client where the machine can.

Sources lie in tests/functions/runtimes, what is built from them in .cache. A tool that is missing
or a client that cannot be fetched skips a language; a function that does not compile fails.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.build_cache import locked

ROOT = Path(__file__).parents[3]
FUNCTIONS = ROOT / "tests" / "functions" / "runtimes"
BUILD_S = 1000
"""Longest command of a build: on a machine that does much else a first one takes ten minutes."""

WITH_BUILDS_S = 1080
"""Longest test that builds, or waits for another process that does; `faulthandler_timeout` in
pyproject.toml is longer."""

NODE_CLIENT = "aws-lambda-ric@3.3.0"
JAVA_CLIENT = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"
JAVA_OPTIONS = (
    "--add-opens=java.base/java.io=ALL-UNNAMED",  # else it cannot write to the framed descriptor
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
)

Settings = Mapping[str, Any]
"""How the simulator starts a function."""


class NotHereError(Exception):
    """A tool or a runtime client is not to be had on this machine."""


def python() -> Settings:
    """Run under awslambdaric, which the tests require anyway."""
    return {"code": FUNCTIONS, "handler": "app.handler"}


def node() -> Settings:
    """Install aws-lambda-ric, which compiles a part of itself."""
    [found, npm] = _tools("node", "npm")
    with locked("runtimes/node") as folder:
        client = folder / "node_modules" / "aws-lambda-ric"
        if not (client / "dist" / "rapid-client.node").is_file():
            _fetch(npm, "install", "--no-save", "--prefix", folder, NODE_CLIENT, within=FUNCTIONS)
    command = (found, str(client / "bin" / "index.mjs"), "app.handler")
    return {"code": FUNCTIONS, "handler": "app.handler", "runtime": command}


def streaming_node() -> Settings:
    """Install it without that part: what a streaming function needs is written in JavaScript."""
    [found, npm] = _tools("node", "npm")
    with locked("runtimes/streaming-node") as folder:
        client = folder / "node_modules" / "aws-lambda-ric"
        if not client.is_dir():
            options = ("--no-save", "--ignore-scripts", "--prefix", folder)
            _fetch(npm, "install", *options, NODE_CLIENT, within=FUNCTIONS)
        compiled = client / "dist" / "rapid-client.node"
        compiled.mkdir(exist_ok=True)
        (compiled / "index.js").write_text("module.exports = {};")
    command = (found, str(client / "bin" / "index.mjs"), "app.handler")
    environment = {"AWS_LAMBDA_NODEJS_USE_ALTERNATIVE_CLIENT_1": "true"}
    return {
        "code": FUNCTIONS,
        "handler": "app.handler",
        "runtime": command,
        "environment": environment,
    }


def java() -> Settings:
    """Fetch the runtime interface client, compile the function."""
    source, files = FUNCTIONS / "java", sorted((FUNCTIONS / "java" / "function").glob("*.java"))
    [found, javac, mvn] = _tools("java", "javac", "mvn")
    with locked("runtimes/java") as folder:
        copy = ("dependency:copy-dependencies", f"-DoutputDirectory={folder / 'jars'}")
        with locked("maven"):  # of the repository in the home directory
            _fetch(mvn, "--quiet", "--batch-mode", *copy, within=source)
        path = f"{folder / 'classes'}:{folder / 'jars'}/*"
        _build(javac, "-d", folder / "classes", "-cp", path, *files, within=source)
    handler = "function.Handler"
    command = (found, *JAVA_OPTIONS, "-cp", path, JAVA_CLIENT, handler)
    return {"code": folder, "handler": handler, "runtime": command}


def go() -> Settings:
    """Build with aws-lambda-go."""
    source = FUNCTIONS / "go"
    [found] = _tools("go")
    with locked("runtimes/go") as folder:
        built = folder / "bootstrap"
        _fetch(found, "mod", "download", within=source)
        _build(found, "build", "-buildvcs=false", "-o", built, ".", within=source)
    return _alone(built)


def rust() -> Settings:
    """Build with lambda_runtime."""
    source = FUNCTIONS / "rust"
    [cargo] = _tools("cargo")
    with locked("runtimes/rust") as target:
        _fetch(cargo, "fetch", "--quiet", within=source)
        _build(cargo, "build", "--quiet", "--target-dir", target, within=source)
    return _alone(target / "debug" / "function")


LANGUAGES: Mapping[str, Callable[[], Settings]] = {
    "python": python,
    "java": java,
    "go": go,
    "rust": rust,
    "node": node,
}
"""In the order of the time that they take to build."""


def _alone(program: Path) -> Settings:
    """Run a program that is its own runtime."""
    return {"code": program.parent, "handler": "bootstrap", "runtime": (str(program),)}


def _tools(*names: str) -> list[str]:
    found = {name: shutil.which(name) for name in names}
    if missing := [name for name, path in found.items() if not path]:
        raise NotHereError(f"this machine has no {' and no '.join(missing)}")
    return [str(path) for path in found.values()]


def _fetch(*command: str | Path, within: Path) -> None:
    done = _run(command, within)
    if done.returncode:
        raise NotHereError(f"{Path(command[0]).name} cannot fetch: {done.stdout[-300:]}")


def _build(*command: str | Path, within: Path) -> None:
    done = _run(command, within)
    assert done.returncode == 0, done.stdout


def _run(command: tuple[str | Path, ...], within: Path) -> subprocess.CompletedProcess[str]:
    """Run a command; what it has started ends with it, and leaves the folder to the next try."""
    arguments = list(map(str, command))
    with subprocess.Popen(
        arguments, cwd=within, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            output, _ = process.communicate(timeout=BUILD_S)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(arguments, process.returncode, output)
