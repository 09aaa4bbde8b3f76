"""A CDK construct: the layer, and what the functions that it is attached to need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm
from constructs import Construct


class LambdaDispatch(Construct):
    """Attach it to functions with `attach_to`.

    Args:
        layer_arn: ARN of a published layer; or `layer_zip`.
        layer_zip: A zip of `./build_layer.sh`, which becomes a layer of the stack.
        architecture: What the zip is for; x86_64 unless it is named.
        endpoint: Where telemetry goes; without it, and without `cloud_watch`, there is none.
        signals: Of traces, logs and metrics.
        headers: Headers of exports, such as `api-key=${secretsmanager:vendor#key}`.
        cloud_watch: Log group of a back end in AWS itself: traces go to X-Ray, logs and metrics to
            CloudWatch.
        secrets: Secrets that functions read, the endpoint's key included.
        parameters: Parameters that functions read.
        environment: Further variables.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        layer_arn: str = "",
        layer_zip: str = "",
        architecture: lambda_.Architecture = lambda_.Architecture.X86_64,
        endpoint: str = "",
        signals: Sequence[str] = ("traces",),
        headers: str = "",
        cloud_watch: logs.ILogGroup | None = None,
        secrets: Sequence[secretsmanager.ISecret] = (),
        parameters: Sequence[ssm.IParameter] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._cloud_watch, self._secrets, self._parameters = cloud_watch, secrets, parameters
        self.layer = self._make_layer(layer_arn, layer_zip, architecture)
        if cloud_watch:
            stack = Stack.of(self)
            endpoint = f"https://xray.{stack.region}.{stack.url_suffix}"
        wanted = {
            "DISPATCH_POST_URI": endpoint,
            "DISPATCH_SIGNALS": ",".join(signals) if endpoint else "",
            "DISPATCH_POST_HEADERS": headers,
            "DISPATCH_LOG_GROUP": cloud_watch.log_group_name if cloud_watch else "",
        }
        given = {name: value for name, value in wanted.items() if value}
        self._environment = {**given, **(environment or {})}

    def attach_to(self, target: lambda_.Function) -> None:
        """Attach the layer, and set variables and permissions."""
        target.add_layers(self.layer)
        for name, value in self._environment.items():
            target.add_environment(name, value)
        for each in (*self._secrets, *self._parameters):
            each.grant_read(target)
        if self._cloud_watch:
            target.add_to_role_policy(
                iam.PolicyStatement(
                    actions=["xray:PutTraceSegments", "cloudwatch:PutMetricData"], resources=["*"]
                )
            )
            self._cloud_watch.grant_write(target)

    def _make_layer(
        self, arn: str, path: str, architecture: lambda_.Architecture
    ) -> lambda_.ILayerVersion:
        if arn:
            return lambda_.LayerVersion.from_layer_version_arn(self, "Layer", arn)
        if not path:
            raise ValueError("LambdaDispatch needs layer_arn or layer_zip")
        return lambda_.LayerVersion(
            self,
            "Layer",
            code=lambda_.Code.from_asset(path),
            compatible_architectures=[architecture],
            description="OpenTelemetry traces of every invocation, and a cache for parameters "
            "and secrets",
            license="Apache-2.0",
        )
