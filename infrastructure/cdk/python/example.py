"""A stack with a function that has lambda-dispatch beside it.

To see its template: cdk synth --app "python example.py".
"""

from __future__ import annotations

from aws_cdk import App, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from lambda_dispatch import LambdaDispatch

app = App()
stack = Stack(app, "Shop")
key = secretsmanager.Secret.from_secret_name_v2(stack, "Key", "shop/key")
telemetry = logs.LogGroup(stack, "Telemetry", removal_policy=RemovalPolicy.DESTROY)

dispatch = LambdaDispatch(
    stack,
    "Dispatch",
    layer_arn="arn:aws:lambda:eu-central-1:111122223333:layer:lambda-dispatch-standalone:1",
    cloud_watch=telemetry,
    signals=["traces", "logs", "metrics"],
    secrets=[key],
)

checkout = lambda_.Function(
    stack,
    "Checkout",
    runtime=lambda_.Runtime.NODEJS_22_X,
    handler="index.handler",
    code=lambda_.Code.from_inline("exports.handler = async () => 'hello';"),
)
dispatch.attach_to(checkout)
app.synth()
