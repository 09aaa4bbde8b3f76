"""The variables by which AWS is reached."""

from __future__ import annotations

from extension.process.frozen import Frozen
from extension.settings.kinds import aws_endpoint, external_id, pem_file, switch, text
from extension.settings.variable import variable


class AwsConfig(Frozen):
    """How AWS is reached; of the variables of AWS's SDKs these are used, and no others."""

    region: str = variable(
        "AWS_REGION", text(), default="", meaning="the region; Lambda sets it to the function's"
    )
    default_region: str = variable(
        "AWS_DEFAULT_REGION", text(), default="", meaning="the region, if `AWS_REGION` is unset"
    )
    endpoint: str = variable(
        "AWS_ENDPOINT_URL",
        aws_endpoint(),
        default="",
        meaning="endpoint of all services in place of AWS's own",
    )
    ssm_endpoint: str = variable(
        "AWS_ENDPOINT_URL_SSM",
        aws_endpoint(),
        default="",
        meaning="endpoint of Parameter Store, before `AWS_ENDPOINT_URL`",
    )
    secrets_manager_endpoint: str = variable(
        "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        aws_endpoint(),
        default="",
        meaning="endpoint of Secrets Manager, before `AWS_ENDPOINT_URL`",
    )
    sts_endpoint: str = variable(
        "AWS_ENDPOINT_URL_STS",
        aws_endpoint(),
        default="",
        meaning="endpoint of STS, which is asked for the credentials of a `roleArn`, likewise",
    )
    s3_endpoint: str = variable(
        "AWS_ENDPOINT_URL_S3",
        aws_endpoint(),
        default="",
        meaning="endpoint of dead letters' bucket, before `AWS_ENDPOINT_URL`",
    )
    ignore_endpoints: bool = variable(
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        switch(),
        default=False,
        meaning="true: the five endpoints above are not used",
    )
    role_external_id: str = variable(
        "DISPATCH_ROLE_EXTERNAL_ID",
        external_id(),
        default="",
        meaning="the external id for a `roleArn` whose trust policy requires one",
    )
    use_fips: bool = variable(
        "AWS_USE_FIPS_ENDPOINT", switch(), default=False, meaning="true: AWS's FIPS endpoints"
    )
    use_dualstack: bool = variable(
        "AWS_USE_DUALSTACK_ENDPOINT",
        switch(),
        default=False,
        meaning="true: AWS's endpoints for IPv4 and IPv6",
    )
    ca_bundle: str = variable(
        "AWS_CA_BUNDLE",
        pem_file(),
        default="",
        meaning="authorities trusted for AWS",
    )
    requests_ca_bundle: str = variable(
        "REQUESTS_CA_BUNDLE",
        pem_file(),
        default="",
        meaning="likewise, if `AWS_CA_BUNDLE` is unset",
    )
    ssl_cert_file: str = variable(
        "SSL_CERT_FILE",
        pem_file(),
        default="",
        meaning="likewise, if both are unset; for https exports, too",
    )
