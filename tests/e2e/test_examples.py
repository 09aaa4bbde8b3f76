"""The examples in each language: they read a secret, log and fail, and all of it arrives."""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from simulator.intake import Intake
from tests.build_cache import locked
from tests.e2e.runtimes import functions
from tests.fake_aws import FakeAws
from tests.launchers import ROOT, Launch, from_layer, patient_to_the_last
from tests.layer.built import released_layer
from tests.sandbox import Stage, running

GREETING, KEY = "hello", "correct-horse-battery-staple"
EXAMPLES = ROOT / "examples"
pytestmark = pytest.mark.timeout(functions.WITH_BUILDS_S)


def python() -> Mapping[str, Any]:
    """Run it as it stands."""
    return {"code": EXAMPLES / "function", "handler": "handler.handler"}


def node() -> Mapping[str, Any]:
    """Run it under the client that the tests of runtimes have installed."""
    [program, client, _] = functions.node()["runtime"]
    command = (program, client, "index.handler")
    return {"code": EXAMPLES / "node", "handler": "index.handler", "runtime": command}


def java() -> Mapping[str, Any]:
    """Compile it against what its pom.xml names, which the runtime client brings."""
    [program, *options, _, path, client, _] = functions.java()["runtime"]
    source = EXAMPLES / "java/src/main/java/example/Handler.java"
    with locked("runtimes/java-example") as folder:
        compiler = ("javac", "--release", "17", "-Xlint:all", "-d", folder, "-cp", path, source)
        done = subprocess.run(list(map(str, compiler)), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    handler = "example.Handler::handleRequest"
    command = (program, *options, "-cp", f"{folder}:{path}", client, handler)
    return {"code": folder, "handler": handler, "runtime": command}


def go() -> Mapping[str, Any]:
    """Build it with the modules that its go.mod names."""
    program = shutil.which("go")
    if program is None:
        raise functions.NotHereError("this machine has no go")
    source = EXAMPLES / "go"
    with locked("runtimes/go-example") as folder:
        fetched = subprocess.run([program, "mod", "download"], cwd=source, check=False)
        if fetched.returncode:
            raise functions.NotHereError("go cannot fetch")
        command = [program, "build", "-buildvcs=false", "-o", str(folder / "bootstrap"), "."]
        done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    bootstrap = (str(folder / "bootstrap"),)
    return {"code": folder, "handler": "bootstrap", "runtime": bootstrap}


LANGUAGES: Mapping[str, tuple[Callable[[], Mapping[str, Any]], str]] = {
    "python": (python, "ValueError"),
    "node": (node, "RangeError"),
    "java": (java, "java.lang.IllegalStateException"),
    "go": (go, "errorString"),
}
"""How each is built, and the type of the error that it is asked for."""


def build(language: str) -> Mapping[str, Any]:
    """Return how an example is run; skips where its tools are missing."""
    try:
        return LANGUAGES[language][0]()
    except functions.NotHereError as missing:
        pytest.skip(f"{language}: {missing}")


async def check(language: str, launch: Launch, folder: Path) -> Stage:
    """Greet twice, then fail: all of it arrives, and the secret is in none of it."""
    settings, error_type = build(language), LANGUAGES[language][1]
    async with FakeAws() as aws, Intake() as intake:
        aws.put_parameter("/demo/greeting", GREETING)
        aws.put_secret("demo/api-key", KEY)
        environment = {**aws.environment, "DISPATCH_POST_URI": intake.url,
                       "DISPATCH_SIGNALS": "traces,logs"}  # fmt: skip
        async with running(folder, environment=environment, launch=launch, **settings) as stage:
            first, second, third = await stage.invoke({}, {}, {"fail": True})
    assert (first.status, second.status, third.status) == ("success", "success", "error")
    signature = hmac.digest(KEY.encode(), GREETING.encode(), hashlib.sha256).hex()
    for answer, cache in ((first, "MISS"), (second, "HIT")):
        body = json.loads(answer.payload)
        assert (body["greeting"], body["signature"]) == (GREETING, signature)
        assert [each["cache"] for each in body["gets"]] == [cache, cache]
    failed = [span for span in intake.spans if span.kind == "SERVER" and span.status == "ERROR"]
    assert [span.attributes["error.type"] for span in failed] == [error_type]
    bodies = [record.body for record in intake.logs]
    assert sum("settings read" in str(body) for body in bodies) == 3
    assert sum("greeting with" in str(body) for body in bodies) == 3
    assert not any(KEY in str(each) for each in (*intake.spans, *intake.logs))
    assert not any(KEY.encode() in request.body for request in intake.requests)
    return stage


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_example_works(language: str, tmp_path: Path) -> None:
    """Beside the extension as it is in the checkout."""
    stage = await check(language, patient_to_the_last, tmp_path)
    assert stage.complaints == []


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "python"])
async def test_the_example_works_beside_the_layer(language: str, tmp_path: Path) -> None:
    """The standalone layer of a release, which brings its own Python."""
    layer = released_layer()
    if layer is None:
        pytest.skip("the interpreter of the layer cannot be fetched")
    await check(language, from_layer(layer), tmp_path)


def test_each_example_has_its_template() -> None:
    """A folder that is copied can be deployed, but for the shop, which runs in the local Lambda."""
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir()} - {"shop"}
    assert len(folders) == len(LANGUAGES)
    assert [each for each in folders if not (EXAMPLES / each / "template.yaml").is_file()] == []
