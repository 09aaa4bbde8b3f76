"""What the documents say to type or to deploy is right as far as that shows without an account."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from layer.modules import NEEDED
from layer.order import ROOT
from layer.prune import SERVICES
from layer.smoke import smoke_test
from tests.layer.built import INTERPRETER, LayerTree

CLOUDWATCH = ROOT / "docs/cloudwatch.md"
TEMPLATE = ROOT / "examples/function/template.yaml"
TEMPLATES = [*sorted((ROOT / "examples").glob("*/template.yaml")),
             *sorted((ROOT / "infrastructure").glob("*/template.yaml"))]  # fmt: skip
LAYER_ARN = "arn:aws:lambda:eu-central-1:123456789012:layer:lambda-dispatch:7"


def block(language: str) -> str:
    """Return the code block in this language of the layer's README."""
    text = (ROOT / "layer/README.md").read_text()
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return str(found)


def table(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading of the layer's README."""
    text = (ROOT / "layer/README.md").read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_the_variables_that_get_through_are_those_of_the_launcher() -> None:
    """Every pattern of its allow list is in the table, and no other."""
    launcher = (ROOT / "layer/extensions/lambda-dispatch").read_text()
    branches = launcher.split("case $name in", 1)[1].split("esac", 1)[0]
    allowed = set(re.findall(r"\b[A-Z][A-Z_]+\*?[A-Z_]*", re.sub(r"#.*|command.*", "", branches)))
    listed = {
        name for row in table("Which variables reach the extension") for name in row[0].split(", ")
    }
    listed = {name.strip("`") for name in listed if name.startswith("`")}
    assert {name for name in allowed if len(name) > 1} - {"A", "Z"} == {
        name.split("`")[0] for name in listed
    }


def test_the_modules_that_a_part_needs_are_those_that_are_checked() -> None:
    """The table says what `layer.check` looks for."""
    rows = table("Which modules Python needs")
    assert {part: tuple(re.findall(r"`(\w+)`", names)) for part, names in rows} == NEEDED


IMPORTS = {
    "the process": "extension.app",
    "telemetry": "extension.telemetry.opening, extension.telemetry.listener, "
    "extension.telemetry.otlp.exporter",
    "telemetry with metrics": "extension.telemetry.otlp.metrics",
    "parameters": "extension.parameters.parameters, extension.aws.clients",
}


@pytest.mark.parametrize("part", NEEDED)
def test_a_part_imports_the_modules_that_it_is_said_to_need(part: str) -> None:
    """What it no longer imports has to leave the table."""
    program = f"import sys, json, {IMPORTS[part]}; print(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(NEEDED[part]) <= set(json.loads(done.stdout))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_the_template_passes_the_linter(template: Path) -> None:
    """Without an error or a warning."""
    linter = Path(sys.prefix) / "bin/cfn-lint"
    if not linter.exists():
        pytest.skip("cfn-lint is not installed")
    done = subprocess.run([linter, template], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_template_allows_what_the_extension_calls() -> None:
    """Its actions are those that the README names."""
    pattern = r"\b(?:ssm|secretsmanager|kms):(?!ViaService)[A-Z]\w+"
    allowed = set(re.findall(pattern, TEMPLATE.read_text()))
    assert allowed == set(re.findall(pattern, (ROOT / "layer/README.md").read_text()))
    assert {action.split(":")[0] for action in allowed} - {"kms"} <= set(SERVICES)


def test_the_template_allows_what_cloudwatch_needs() -> None:
    """Its actions are those of the guide, but for the group, which the template brings itself."""
    pattern = r"\b(?:xray|logs|cloudwatch):[A-Z]\w+"
    allowed = set(re.findall(pattern, TEMPLATE.read_text()))
    [block] = re.findall(r"^```yaml\n(- Effect.*?)^```$", CLOUDWATCH.read_text(), re.M | re.S)
    assert allowed == set(re.findall(pattern, block)) - {"logs:CreateLogGroup"}
    assert "Type: AWS::Logs::LogGroup" in TEMPLATE.read_text()


def test_the_terraform_text_is_well_formed() -> None:
    """Terraform parses it and would not change its form."""
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("terraform is not installed")
    done = subprocess.run(
        [terraform, "fmt", "-check", "-diff", "-"],
        input=block("hcl"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


class FakeLambda(HTTPServer):
    """Lambda's control plane for two calls; keeps what was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calls: list[tuple[str, str, dict[str, Any]]] = []


class _Handler(BaseHTTPRequestHandler):
    def _serve(self) -> None:
        assert isinstance(self.server, FakeLambda)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls.append((self.command, self.path, json.loads(body)))
        answer = json.dumps({"LayerVersionArn": LAYER_ARN, "FunctionName": "my-function"}).encode()
        self.send_response(201 if self.command == "POST" else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_PUT = _serve  # noqa: N815  # the base class's names

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


def test_the_publishing_lines_publish_the_zip_and_set_it_on_the_function(
    layer_tree: LayerTree, tmp_path: Path
) -> None:
    """As they stand in the README, through the AWS CLI, which checks every parameter."""
    if shutil.which("aws") is None:
        pytest.skip("the AWS CLI is not installed")
    (tmp_path / "dist").mkdir()
    shutil.copy(layer_tree.zip, tmp_path / "dist/lambda-dispatch-x86_64.zip")
    with FakeLambda() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        account = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "NO_PROXY": "127.0.0.1",
        }
        subprocess.run(
            ["/bin/sh", "-eu", "-c", block("sh")],
            cwd=tmp_path,
            env={**os.environ, **account},
            capture_output=True,
            check=True,
        )
        server.shutdown()
    [publish, update] = server.calls
    assert publish[:2] == ("POST", "/2018-10-31/layers/lambda-dispatch/versions")
    assert base64.b64decode(publish[2]["Content"]["ZipFile"]) == layer_tree.zip.read_bytes()
    assert publish[2]["CompatibleArchitectures"] == ["x86_64"]
    assert update[:2] == ("PUT", "/2015-03-31/functions/my-function/configuration")
    assert update[2]["Layers"] == [LAYER_ARN]
    assert list(update[2]["Environment"]["Variables"]) == ["DISPATCH_POST_URI"]


def test_the_container_recipe_unpacks_a_layer_that_runs(
    layer_tree: LayerTree, tmp_path: Path
) -> None:
    """Its RUN line, with other paths than those of an image."""
    [line] = re.findall(r"^RUN (.*)$", block("dockerfile"), re.MULTILINE)
    places = {"/layer.zip": str(layer_tree.zip), "/opt": str(tmp_path / "opt")}
    command = re.sub(r"/layer\.zip|/opt", lambda found: places[found[0]], line)
    command = command.replace("python ", f"{sys.executable} ", 1)
    subprocess.run(["/bin/sh", "-eu", "-c", command], check=True)
    smoke_test(tmp_path / "opt", interpreter=INTERPRETER / "python3")
