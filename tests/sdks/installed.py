"""The SDKs of four languages and the function in each, installed once into .cache.

Versions are pinned where each language pins them (hashes, lock files, go.sum); a changed pin or a
changed function is installed into a folder of its own. Ruby's packages are in no registry that
this project reaches.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from tests.build_cache import built, locked

ROOT = Path(__file__).parents[2]
FUNCTIONS = ROOT / "tests" / "functions" / "sdks"
PYTHON_REQUIREMENTS = ROOT / "requirements" / "python-sdk.txt"
INSTALL_S = 240
PROGRAM = "bootstrap"
JAVA_RUNTIME = (
    "aws-lambda-java-core-",
    "aws-lambda-java-runtime-",
    "aws-lambda-java-serial",
    "utils-",
)


class NotInstalledError(Exception):
    """Why a function cannot run here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SdkFunction:
    """How a function with an SDK is started.

    Attributes:
        command: The runtime's command, with `{handler}` for the handler.
        code: Its folder.
        handlers: The handler for each kind of event that needs one of its own; "" for all others.
        environment: What the language needs to be set up at all.
    """

    command: tuple[str, ...]
    code: Path
    handlers: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)


@cache
def installed(language: str) -> SdkFunction:
    """Return a function that is ready to run; raises NotInstalledError with the reason."""
    source = FUNCTIONS / language.partition("-")[0]
    files = [Path(__file__), PYTHON_REQUIREMENTS, *sorted(source.iterdir())]
    content = b"".join(path.read_bytes() for path in files if path.is_file())
    name = f"sdks/{source.name}-{hashlib.sha256(content).hexdigest()[:16]}"
    return LANGUAGES[language](source, name)


@cache
def why_not(language: str) -> str:
    """Return why a function cannot run here; empty when it can."""
    try:
        installed(language)
    except NotInstalledError as error:
        return str(error)
    return ""


def _python(source: Path, name: str) -> SdkFunction:
    """Run under `opentelemetry-instrument`, in an environment that is not the project's."""

    def install(folder: Path) -> None:
        base = Path(getattr(sys, "_base_executable", sys.executable))
        _run([str(base), "-m", "venv", "--without-pip", str(folder)], folder)
        pip = [sys.executable, "-m", "pip", "--python", _python_of(folder), "install", "--quiet"]
        _run(
            [*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(PYTHON_REQUIREMENTS)],
            folder,
        )

    folder = built(name, install)
    instrument = str(folder / "bin" / "opentelemetry-instrument")
    return SdkFunction(
        command=(instrument, _python_of(folder), "-m", "awslambdaric", "{handler}"),
        code=source,
        handlers={"": "app.handler"},
        environment={"PYTHONPATH": str(source), "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
    )


def _node(source: Path, name: str) -> SdkFunction:
    node, npm = _found("node"), _found("npm")

    def install(folder: Path) -> None:
        shutil.copytree(source, folder, dirs_exist_ok=True)
        _run([npm, "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"], folder)

    folder = built(name, install)
    return SdkFunction(
        command=(node, "--require", "./tracing.js", "runtime.js"),
        code=folder,
        handlers={"": "app.handler"},
    )


def _java(source: Path, name: str) -> SdkFunction:
    """Run beside the agent, as Lambda does: its client alone is on the class path.

    The client loads the function and its libraries out of the function's folder itself.
    """
    java, javac, maven = _found("java"), _found("javac"), _found("mvn")

    def install(folder: Path) -> None:
        pom, jars = str(source / "pom.xml"), f"-DoutputDirectory={folder / 'lib'}"
        copy = "dependency:copy-dependencies"
        with locked("maven"):  # of the repository in the home directory
            _run([maven, "--quiet", "--batch-mode", "--file", pom, copy, jars], folder)
        _run([javac, "-d", str(folder), "-cp", "lib/*", str(source / "Orders.java")], folder)
        (folder / "runtime").mkdir()
        for jar in (folder / "lib").iterdir():
            if jar.name.startswith("opentelemetry-javaagent-"):
                jar.rename(folder / "agent.jar")
            elif jar.name.startswith(JAVA_RUNTIME):
                jar.rename(folder / "runtime" / jar.name)

    folder = built(name, install)
    main = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"
    start = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-javaagent:agent.jar")
    return SdkFunction(
        command=(java, *start, "-cp", "runtime/*", main, "{handler}"),
        code=folder,
        handlers={
            "": "Orders",
            "http": "Orders$Http",
            "rest": "Orders$Rest",
            "queue": "Orders$Queue",
        },
        environment={"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"},
    )


def _java_image(source: Path, name: str) -> SdkFunction:
    """Run as in an image with everything on one class path."""
    function = _java(source, name)
    everything = (part.replace("runtime/*", "runtime/*:.:lib/*") for part in function.command)
    return replace(function, command=tuple(everything))


def _go(source: Path, name: str) -> SdkFunction:
    go = _found("go")

    def install(folder: Path) -> None:
        _run([go, "build", "-buildvcs=false", "-o", str(folder / PROGRAM), "."], source)

    folder = built(name, install)
    return SdkFunction(command=(str(folder / PROGRAM),), code=folder, handlers={"": PROGRAM})


LANGUAGES: Mapping[str, Callable[[Path, str], SdkFunction]] = {
    "python": _python,
    "node": _node,
    "java": _java,
    "java-image": _java_image,
    "go": _go,
}


def _python_of(environment: Path) -> str:
    return str(environment / "bin" / "python")


def _found(program: str) -> str:
    found = shutil.which(program)
    if not found:
        raise NotInstalledError(f"needs {program}")
    return found


def _run(command: Sequence[str], folder: Path) -> None:
    """Run a step of an installation; raises NotInstalledError with the last it said."""
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            command, cwd=folder, env=dict(os.environ), capture_output=True, text=True,
            timeout=INSTALL_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NotInstalledError(f"{name}: not within {INSTALL_S} s") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise NotInstalledError(f"{name}: {lines[-1] if lines else done.returncode}")
