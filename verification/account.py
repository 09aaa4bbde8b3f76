"""What the experiments make in an account, by one prefix, and remove again.

Rule of the module: whatever is made is named by the prefix, so that `remove` finds all of it, also
after a run that was interrupted.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from layer.contents_of_zip import FinishedLayer
from layer.publish import known_runtimes, publish
from verification.experiments import Answer, Experiment, Observed

HANDLER = Path(__file__).parent / "function" / "handler.py"
TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole",
         "Principal": {"Service": "lambda.amazonaws.com"}}  # fmt: skip
ACTIONS = (
    "cloudwatch:PutMetricData",
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "secretsmanager:GetSecretValue",
    "xray:PutTraceSegments",
)
"""What the role of the function may do."""

ROLE_S, SETTLE_S, LAST_LINE_S = 15, 120, 900
"""How long a role takes to be known, a function to be ready, a sandbox to end."""


class Account:
    """One Region of an account, and what has been made there."""

    def __init__(
        self, *, region: str, prefix: str, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        session = boto3.session.Session(region_name=region)
        self.region, self.prefix = region, prefix
        self.partition = session.get_partition_for_region(region)
        self._sleep = sleep
        self._lambda, self._logs = session.client("lambda"), session.client("logs")
        self._iam, self._secrets = session.client("iam"), session.client("secretsmanager")
        self._layer_arn, self._role_arn = "", ""

    @property
    def group(self) -> str:
        """The log group of exports."""
        return f"/lambda-dispatch/{self.prefix}"

    def create(self, layer: FinishedLayer) -> None:
        """Make the layer, the secret, the log group, the role and the function."""
        self._layer_arn = publish(layer, region=self.region, permission={}, name=self.prefix)
        self._secrets.create_secret(Name=self.prefix, SecretString=f"correct-horse-{self.prefix}")
        self._logs.create_log_group(logGroupName=self.group)
        policy = {"Version": "2012-10-17", "Statement": [TRUST]}
        role = self._iam.create_role(
            RoleName=self.prefix, AssumeRolePolicyDocument=json.dumps(policy)
        )
        self._role_arn = role["Role"]["Arn"]
        self._allow()
        self._sleep(ROLE_S)
        self._lambda.create_function(
            FunctionName=self.prefix,
            Runtime=known_runtimes(self._lambda, layer)[-1],
            Role=self._role_arn,
            Handler="handler.handler",
            Code={"ZipFile": _zipped(HANDLER)},
            Architectures=[layer.architecture],
            Timeout=10,
            MemorySize=256,
            TracingConfig={"Mode": "Active"},
        )
        self._settle()

    def run(self, experiment: Experiment) -> Observed:
        """Run an experiment in sandboxes of its own, and return what came of it."""
        if experiment.denied:
            self._allow(denied=experiment.denied)
            self._sleep(ROLE_S)
        began_ms = int(time.time() * 1000)
        answers = []
        for number in range(experiment.cold_starts):
            self._configure(experiment, {"EXPERIMENT": f"{experiment.name}-{number}"})
            for index, event in enumerate(experiment.events):
                self._sleep(experiment.pause_s if index else 0)
                answers.append(self._invoke(event))
        # Another configuration ends the sandboxes of this one, which then write their last lines.
        self._configure(experiment, {"EXPERIMENT": "over"})
        lines = self._lines(experiment, since_ms=began_ms)
        if experiment.denied:
            self._allow()
        return Observed(answers, lines)

    def remove(self) -> list[str]:
        """Remove everything with the prefix; return what could not be removed."""
        left = []
        for what, call, arguments in self._removals():
            try:
                call(**arguments)
            except ClientError as error:
                if error.response["Error"]["Code"] not in ABSENT:
                    left.append(f"{what}: {error}")
        return left

    def _removals(self) -> Iterator[tuple[str, Callable[..., Any], dict[str, Any]]]:
        """Yield what is to be removed, how, and by which name."""
        name, role = self.prefix, {"RoleName": self.prefix}
        yield "function", self._lambda.delete_function, {"FunctionName": name}
        for group in (f"/aws/lambda/{name}", self.group):
            yield group, self._logs.delete_log_group, {"logGroupName": group}
        secret = {"SecretId": name, "ForceDeleteWithoutRecovery": True}
        yield "secret", self._secrets.delete_secret, secret
        yield "policy", self._iam.delete_role_policy, {**role, "PolicyName": "experiments"}
        yield "role", self._iam.delete_role, role
        for each in self._lambda.list_layer_versions(LayerName=name)["LayerVersions"]:
            version = {"LayerName": name, "VersionNumber": each["Version"]}
            yield "layer", self._lambda.delete_layer_version, version

    def _allow(self, *, denied: tuple[str, ...] = ()) -> None:
        allowed = [action for action in ACTIONS if action not in denied]
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": allowed, "Resource": "*"},
                *({"Effect": "Deny", "Action": each, "Resource": "*"} for each in denied),
            ],
        }
        self._iam.put_role_policy(
            RoleName=self.prefix, PolicyName="experiments", PolicyDocument=json.dumps(policy)
        )

    def _configure(self, experiment: Experiment, more: Mapping[str, str]) -> None:
        suffix = "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"
        places = {"REGION": self.region, "SUFFIX": suffix, "GROUP": self.group}
        variables = {name: filled(value, places) for name, value in experiment.variables.items()}
        self._lambda.update_function_configuration(
            FunctionName=self.prefix,
            Layers=[self._layer_arn] if experiment.has_layer else [],
            Environment={"Variables": {**variables, **more}},
        )
        self._settle()

    def _settle(self) -> None:
        """Wait until the function has its configuration."""
        for _ in range(SETTLE_S):
            found = self._lambda.get_function_configuration(FunctionName=self.prefix)
            states = (found.get("State", "Active"), found.get("LastUpdateStatus", "Successful"))
            if states == ("Active", "Successful"):
                return
            self._sleep(1)
        raise TimeoutError(f"{self.prefix} does not become active")

    def _invoke(self, event: Mapping[str, Any]) -> Answer:
        text = json.dumps(event).replace("SECRET", self.prefix)
        answer = self._lambda.invoke(FunctionName=self.prefix, Payload=text.encode())
        payload = answer["Payload"].read()
        with suppress(ValueError):
            payload = json.loads(payload)
        return Answer(answer.get("FunctionError", ""), payload)

    def _lines(self, experiment: Experiment, *, since_ms: int) -> list[str]:
        """Return the function's lines when its sandboxes have ended, or it takes too long."""
        lines: list[str] = []
        for waited_s in range(0, LAST_LINE_S, 15):
            pages = self._logs.get_paginator("filter_log_events").paginate(
                logGroupName=f"/aws/lambda/{self.prefix}", startTime=since_ms
            )
            with suppress(self._logs.exceptions.ResourceNotFoundException):
                lines = [event["message"] for page in pages for event in page["events"]]
            if not experiment.has_layer and waited_s:
                break
            if Observed([], lines).ends >= experiment.cold_starts:
                break
            self._sleep(15)
        return lines


ABSENT = ("ResourceNotFoundException", "NoSuchEntity")


def filled(text: str, places: Mapping[str, str]) -> str:
    """Return a setting with what depends on the account."""
    for name, value in places.items():
        text = text.replace(name, value)
    return text


def _zipped(path: Path) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.write(path, path.name)
    return content.getvalue()
