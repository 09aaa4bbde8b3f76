"""`python -m simulator --cloudwatch`: a local X-Ray and CloudWatch take the telemetry."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import pytest

from tests.simulator.command import ROOT, run
from tests.simulator.test_surroundings import AT_ITS_EASE

if TYPE_CHECKING:
    from pathlib import Path

_NOTHING = "def handler(event, context):\n    return sorted(__import__('os').environ)\n"
_SEARCH_OFF = (
    "400 InvalidRequestException: The OTLP API is supported with CloudWatch Logs as a Trace "
    "Segment Destination."
)
_DENIED = (
    "403 AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/function-role/function"
    " is not authorized to perform: xray:PutTraceSegments on resource: * because no identity-based "
    "policy allows the xray:PutTraceSegments action"
)
# Registers, sends one span as any SDK would, and stays until the end.
_EXTENSION = """#!{python}
import os, sys, time, urllib.request
sys.path.insert(0, {root!r})
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.session import Session
from tests.simulator.aws.messages import span, spans

API = f"http://{{os.environ['AWS_LAMBDA_RUNTIME_API']}}/2020-01-01/extension"

def call(path, headers, body=None):
    request = urllib.request.Request(API + path, headers=headers, data=body)
    return urllib.request.urlopen(request)

body = b'{{"events": ["INVOKE", "SHUTDOWN"]}}'
name = {{"Lambda-Extension-Name": "sender"}}
own = call("/register", name, body).headers["Lambda-Extension-Identifier"]
body = spans(span(at_ns=time.time_ns())).SerializeToString()
url = os.environ["DISPATCH_POST_URI"] + "/v1/traces"
request = AWSRequest("POST", url, {{"Content-Type": "application/x-protobuf"}}, body)
region = os.environ["AWS_REGION"]
SigV4Auth(Session().get_credentials(), "xray", region).add_auth(request)
sent = urllib.request.Request(url, headers=dict(request.headers), data=body)
try:
    urllib.request.urlopen(sent)
except urllib.error.HTTPError as error:
    print(error.status, flush=True)
while b"SHUTDOWN" not in call("/event/next", {{"Lambda-Extension-Identifier": own}}).read():
    pass
"""


@pytest.fixture
def app(tmp_path: Path) -> str:
    """A function that answers with the names of its variables."""
    (tmp_path / "app.py").write_text(_NOTHING)
    return f"{tmp_path / 'app.py'}:handler"


@pytest.fixture
def extensions(tmp_path: Path) -> str:
    """An extension that sends a span by the name of AWS."""
    path = tmp_path / "extensions" / "sender"
    path.parent.mkdir()
    path.write_text(_EXTENSION.format(python=sys.executable, root=str(ROOT)))
    path.chmod(0o755)
    return str(path.parent)


async def test_extension_reaches_aws_by_its_names(app: str, extensions: str) -> None:
    """Proxy, certificates and keys are in its environment; what arrived is reported."""
    result = await run("--function", app, "--cloudwatch", "--extensions", extensions)

    assert (result.code, result.errors) == (0, "")
    assert result.output.splitlines()[-1] == (
        "cloudwatch: 1 span, 0 log records, 0 points, 0 objects in dead-letters"
    )


@pytest.mark.parametrize(
    ("option", "refusal"),
    [
        (
            ("--no-transaction-search",),
            _SEARCH_OFF,
        ),
        (
            ("--deny", "xray:PutTraceSegments"),
            _DENIED,
        ),
    ],
)
async def test_refusals_are_told(
    app: str, extensions: str, option: tuple[str, ...], refusal: str
) -> None:
    """Each kind once, with AWS's words."""
    result = await run("--function", app, "--cloudwatch", "--extensions", extensions, *option)

    *_, counts, why = result.output.splitlines()
    assert (result.code, result.errors) == (0, "")
    assert counts.startswith("cloudwatch: 0 spans")
    assert why == f"cloudwatch: 1 × xray /v1/traces: {refusal}"


async def test_lambda_dispatch_is_led_there_alone(app: str) -> None:
    """The function beside it keeps its own way to the internet."""
    result = await run(*AT_ITS_EASE, "--function", app, "--cloudwatch")

    assert result.code == 0
    assert re.search(r"^cloudwatch: [1-9]\d* spans", result.output, re.M)
    [answer] = [line for line in result.output.splitlines() if line.startswith("=> success")]
    names = json.loads(answer[answer.index("[") :])
    assert "LOCAL_AWS_CA_BUNDLE" in names
    assert "HTTPS_PROXY" not in names
    assert "SSL_CERT_FILE" not in names


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--deny", "s3:PutObject"], "--deny and --no-transaction-search are for --cloudwatch"),
        (["--no-transaction-search"], "--deny and --no-transaction-search are for --cloudwatch"),
        (
            ["--cloudwatch", "--report", "out.html"],
            "telemetry goes either to --report or to --cloudwatch",
        ),
    ],
)
async def test_options_that_make_no_sense(app: str, arguments: list[str], problem: str) -> None:
    """One line says which."""
    result = await run("--function", app, *arguments)

    assert (result.code, result.output) == (2, "")
    assert problem in result.errors
