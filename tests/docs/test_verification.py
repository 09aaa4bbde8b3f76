"""The experiments for a real account: deployed to a local one, judged by a local Lambda."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from extension import __version__
from simulator.aws.endpoints import AwsEndpoints, Trouble
from tests.docs.pages import ROOT
from tests.fake_aws import FakeAws
from tests.launchers import TAP_WRAPPER
from tests.layer.zips import write_layer
from tests.sandbox import running
from verification.__main__ import main
from verification.account import filled
from verification.experiments import EXPERIMENTS, Answer, Experiment, Observed

CODE = ROOT / "verification/function"
NEEDS_LAMBDA = ("baseline", "cold-start")
"""What only Lambda's own lines can answer."""
BY_NAME = {each.name: each for each in EXPERIMENTS}


def local(event: Mapping[str, Any], *, secret: str) -> dict[str, Any]:
    """Return the event as it is sent in AWS; the local Lambda has no limit of memory."""
    sent: dict[str, Any] = json.loads(json.dumps(event).replace("SECRET", secret))
    if "megabytes" in sent:
        return {"raise": "no memory"}
    return sent


async def observe(experiment: Experiment, *, folder: Path) -> Observed:
    """Run an experiment in the local Lambda, in front of a local AWS."""
    trouble = Trouble(denied=set(experiment.denied))
    async with AwsEndpoints(trouble=trouble) as aws, FakeAws() as secrets:
        aws.log_groups.put("/lambda-dispatch/verification")
        secrets.put_secret("verification", "correct-horse-battery-staple")
        places = {"REGION": "eu-central-1", "SUFFIX": "amazonaws.com",
                  "GROUP": "/lambda-dispatch/verification"}  # fmt: skip
        environment = {
            **{name: filled(value, places) for name, value in experiment.variables.items()},
            **aws.environment,
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": secrets.url,
            "NO_PROXY": "127.0.0.1,localhost",
        }
        if "AWS_LAMBDA_EXEC_WRAPPER" in environment:
            environment["AWS_LAMBDA_EXEC_WRAPPER"] = str(TAP_WRAPPER)
        async with running(
            folder, environment=environment, code=CODE, handler="handler.handler", timeout_s=10.0
        ) as stage:
            answers = []
            for event in experiment.events:
                answer = await stage.function.invoke(local(event, secret="verification"))
                error = "" if answer.status == "success" else "Unhandled"
                answers.append(Answer(error, json.loads(answer.payload or b"null")))
        return Observed(answers, [line.text for line in stage.lines])


@pytest.mark.parametrize("name", [each for each in BY_NAME if each not in NEEDS_LAMBDA])
async def test_the_local_aws_answers_as_expected(name: str, tmp_path: Path) -> None:
    """An experiment that finds something else in AWS has found a difference to what is tested."""
    observed = await observe(BY_NAME[name], folder=tmp_path)
    findings = list(BY_NAME[name].look(observed))
    assert [each for each in findings if not each.as_expected] == []
    assert findings


def test_durations_are_read_from_the_lines_of_lambda() -> None:
    """A median of the cold starts; warm invocations have no init."""
    line = "REPORT RequestId: 1\tDuration: 2.5 ms\tBilled Duration: 203 ms\tMemory Size: 256 MB\t"
    cold = [f"{line}Max Memory Used: 90 MB\tInit Duration: {ms} ms" for ms in (210.5, 200.1, 190)]
    [durations, _] = BY_NAME["cold-start"].look(Observed([], [*cold, f"{line}Max Memory Used: 9"]))
    assert durations.as_expected
    assert durations.found == "median 200 ms of 210, 200, 190"


def test_a_runtime_beside_the_tap_is_noticed() -> None:
    """Lambda's own port, or no answer at all, is not what the experiment expects."""
    for payload in ({"runtime_api": "169.254.100.1:9001"}, None):
        [way, *_] = BY_NAME["tap"].look(Observed([Answer("", payload)], []))
        assert not way.as_expected


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An account on loopback, whose Lambda answers without running anything."""
    started = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    started.start()
    host, port = started.get_host_and_port()
    url = f"http://{host}:{port}"
    urllib.request.urlopen(f"{url}/moto-api/reset", data=b"").close()
    settings = json.dumps({"lambda": {"use_docker": False}}).encode()
    urllib.request.urlopen(f"{url}/moto-api/config", data=settings).close()
    for name, value in (
        ("AWS_ENDPOINT_URL", url),
        ("AWS_ACCESS_KEY_ID", "nobody"),
        ("AWS_SECRET_ACCESS_KEY", "nothing"),
        ("NO_PROXY", "127.0.0.1"),
    ):
        monkeypatch.setenv(name, value)
    yield url
    started.stop()


def left() -> dict[str, int]:
    """Return how much of each kind the account has."""
    client = {name: boto3.client(name, region_name="eu-central-1")
              for name in ("lambda", "logs", "iam", "secretsmanager")}  # fmt: skip
    versions = client["lambda"].list_layer_versions(LayerName="lambda-dispatch-verification")
    return {
        "functions": len(client["lambda"].list_functions()["Functions"]),
        "versions": len(versions["LayerVersions"]),
        "roles": len(client["iam"].list_roles()["Roles"]),
        "groups": len(client["logs"].describe_log_groups()["logGroups"]),
        "secrets": len(client["secretsmanager"].list_secrets()["SecretList"]),
    }


NOTHING = {"functions": 0, "versions": 0, "roles": 0, "groups": 0, "secrets": 0}


def test_a_run_leaves_nothing_behind(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It deploys, runs each experiment, writes what it found, and removes everything."""
    layer, page = write_layer(tmp_path, version=__version__), tmp_path / "report.md"
    slept: list[float] = []
    arguments = ["--layer", str(layer), "--report", str(page), "--region", "eu-central-1"]
    assert main(arguments, sleep=slept.append) == 0
    assert left() == NOTHING
    assert "is removed" in capsys.readouterr().out
    written = page.read_text()
    assert [name for name in BY_NAME if f"\n## {name}\n" not in written] == []
    assert f"lambda-dispatch {__version__}, x86_64, eu-central-1" in written
    # This Lambda runs nothing, so no line of the extension is there: that is reported.
    assert "| export | traces accepted by AWS | **no** | 0 |" in written
    assert 360 in slept


def test_what_a_run_has_left_is_removed(server: str, tmp_path: Path) -> None:
    """By its prefix alone, in another process, and a second time without complaint."""
    layer = str(write_layer(tmp_path, version=__version__))

    def stop(_seconds: float) -> None:
        raise KeyboardInterrupt

    arguments = ["--layer", layer, "--report", str(tmp_path / "report.md")]
    with pytest.raises(KeyboardInterrupt):
        main(arguments, sleep=stop)
    assert left() == NOTHING
    assert main([*arguments, "--remove"]) == 0


def test_what_a_run_has_left_is_removed_without_a_layer(server: str, tmp_path: Path) -> None:
    """The zip may be gone by then, as after `make clean`."""
    assert main(["--layer", str(tmp_path / "gone.zip"), "--remove"]) == 0


@pytest.mark.parametrize(
    ("option", "problem"),
    [("--layer", "the name is empty"), ("--report", "'' should be a file in a folder that is")],
)
def test_an_empty_name_is_refused(
    option: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is created: it would mean the current folder."""
    with pytest.raises(SystemExit):
        main([option, "", "--list"])
    assert f"argument {option}: {problem}" in capsys.readouterr().err


def test_an_unknown_experiment_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is created, and with those that there are."""
    with pytest.raises(SystemExit):
        main(["--only", "export", "secrets"])
    complaint = capsys.readouterr().err
    assert "argument --only: invalid choice: 'secrets'" in complaint
    assert "'cold-start'" in complaint


def test_the_page_lists_every_experiment() -> None:
    """With its question and what is expected."""
    page = (ROOT / "docs/verify-on-aws.md").read_text()
    missing = [each.name for each in EXPERIMENTS
               if f"| `{each.name}` | {each.question} | {each.expected} |" not in page]  # fmt: skip
    assert missing == []
