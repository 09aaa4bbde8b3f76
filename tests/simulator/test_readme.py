"""The examples of the simulator's README run as they stand."""

from __future__ import annotations

import re
from inspect import signature
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox import free_port
from tests.scripted.stage import Stage
from tests.scripted.steps import INVOKE_AND_SHUTDOWN, STAY, register
from tests.simulator.command import ROOT

if TYPE_CHECKING:
    from pathlib import Path

README = (ROOT / "simulator" / "README.md").read_text()
SOURCE = """
import os, urllib.request

def handler(event, context):
    return f"hello {event['name']}"

def reads_the_secret(event, context):
    port = os.environ["PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"]
    url = f"http://localhost:{port}/secretsmanager/get?secretId=shop/key"
    token = {"X-Aws-Parameters-Secrets-Token": os.environ["AWS_SESSION_TOKEN"]}
    urllib.request.urlopen(urllib.request.Request(url, headers=token)).read()
"""


@pytest.mark.parametrize("example", re.findall(r"^```python\n(.+?)^```", README, re.M | re.S))
async def test_example_passes(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function and an extension are where it says; only the port is another."""
    stage = Stage.build(tmp_path, extensions={"one": [register("one", INVOKE_AND_SHUTDOWN), *STAY]})
    stage.function.rename(tmp_path / "src")
    (tmp_path / "src" / "app.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    exec(example.replace("27730", str(free_port())), namespace)
    [test] = [it for name, it in namespace.items() if name.startswith("test_")]

    await test(**{name: tmp_path / name for name in signature(test).parameters})
