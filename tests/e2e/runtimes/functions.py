"""One function in each language, built for its own runtime client where the machine can.

Sources lie in tests/functions/runtimes, what is built from them in .cache. A tool that is missing
or a client that cannot be fetched skips a language; a function that does not compile fails.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
FUNCTIONS = ROOT / "tests" / "functions" / "runtimes"
BUILT = ROOT / ".cache" / "runtimes"
BUILD_S = 600

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
    folder = BUILT / "node"
    client = folder / "node_modules" / "aws-lambda-ric"
    if not (client / "dist" / "rapid-client.node").is_file():
        _fetch(npm, "install", "--no-save", "--prefix", folder, NODE_CLIENT, within=FUNCTIONS)
    command = (found, str(client / "bin" / "index.mjs"), "app.handler")
    return {"code": FUNCTIONS, "handler": "app.handler", "runtime": command}


def java() -> Settings:
    """Fetch the runtime interface client, compile the function."""
    source, folder = FUNCTIONS / "java", BUILT / "java"
    [found, javac, mvn] = _tools("java", "javac", "mvn")
    jars = f"-DoutputDirectory={folder / 'jars'}"
    _fetch(mvn, "--quiet", "--batch-mode", "dependency:copy-dependencies", jars, within=source)
    path = f"{folder / 'classes'}:{folder / 'jars'}/*"
    files = sorted((source / "function").glob("*.java"))
    _build(javac, "-d", folder / "classes", "-cp", path, *files, within=source)
    handler = "function.Handler"
    command = (found, *JAVA_OPTIONS, "-cp", path, JAVA_CLIENT, handler)
    return {"code": folder, "handler": handler, "runtime": command}


def go() -> Settings:
    """Build with aws-lambda-go."""
    source, built = FUNCTIONS / "go", BUILT / "go" / "bootstrap"
    [found] = _tools("go")
    _fetch(found, "mod", "download", within=source)
    _build(found, "build", "-buildvcs=false", "-o", built, ".", within=source)
    return _alone(built)


def rust() -> Settings:
    """Build with lambda_runtime."""
    source, target = FUNCTIONS / "rust", BUILT / "rust"
    [cargo] = _tools("cargo")
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
    return subprocess.run(
        list(map(str, command)), cwd=within, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, text=True, timeout=BUILD_S, check=False,
    )  # fmt: skip
