"""The variables of the cache."""

from __future__ import annotations

from extension.process.frozen import Frozen
from extension.settings.kinds import choice, fraction, port, regions, switch, text, whole
from extension.settings.variable import variable

PREFETCHED = "a comma list of ssm:NAME, ssm+decrypt:NAME, secretsmanager:ID"
"""What DISPATCH_CACHE_PREFETCH allows."""


class ParametersConfig(Frozen):
    """The localhost cache; those without `DISPATCH_` are AWS's own extension's."""

    enabled: bool = variable(
        "DISPATCH_CACHE",
        switch(),
        default=True,
        meaning="false: no cache and no port, for instance beside AWS's extension",
    )
    own_port: int = variable(
        "DISPATCH_CACHE_PORT",
        port(),
        default=2773,
        meaning="port of the cache, before `PARAMETERS_SECRETS_EXTENSION_HTTP_PORT`",
    )
    cache_enabled: bool = variable(
        "PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED",
        switch(),
        default=True,
        meaning="false: every GET goes to AWS",
    )
    cache_size: int = variable(
        "PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE",
        whole(0, 1000, clamp=True),
        default=1000,
        unit="entries",
        meaning="most entries kept, parameters and secrets together; 0: no cache",
    )
    http_port: int = variable(
        "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT",
        port(),
        default=2773,
        meaning="port of the cache on localhost; AWS's extension reads it, too",
    )
    max_connections: int = variable(
        "PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS",
        whole(1),
        default=3,
        unit="connections",
        meaning="most calls under way to each AWS service, in one region and as one role",
    )
    secrets_manager_timeout_ms: int = variable(
        "SECRETS_MANAGER_TIMEOUT_MILLIS",
        whole(0),
        default=0,
        unit="ms",
        meaning="longest a call may take, retries included; 0: 5000",
    )
    ssm_timeout_ms: int = variable(
        "SSM_PARAMETER_STORE_TIMEOUT_MILLIS",
        whole(0),
        default=0,
        unit="ms",
        meaning="longest a call may take, retries included; 0: 5000",
    )
    secrets_manager_ttl_s: int = variable(
        "SECRETS_MANAGER_TTL",
        whole(0),
        default=300,
        unit="s",
        meaning="how long a secret is fresh; 0: every GET goes to AWS",
    )
    ssm_ttl_s: int = variable(
        "SSM_PARAMETER_STORE_TTL",
        whole(0),
        default=300,
        unit="s",
        meaning="how long a parameter is fresh; 0: every GET goes to AWS",
    )
    ttl_limit_s: int = variable(
        "DISPATCH_CACHE_TTL_LIMIT_SECONDS",
        whole(1),
        default=300,
        unit="s",
        meaning="highest TTL accepted; a higher one is limited to it",
    )
    max_stale_s: int = variable(
        "DISPATCH_CACHE_MAX_STALE_SECONDS",
        whole(0),
        default=3600,
        unit="s",
        meaning="how long past its TTL a value is served while AWS fails; 0: never",
    )
    ttl_jitter: float = variable(
        "DISPATCH_CACHE_TTL_JITTER",
        fraction(0, 0.5),
        default=0.1,
        meaning="share of the TTL by which entries expire earlier, at random",
    )
    refresh_ahead: float = variable(
        "DISPATCH_CACHE_REFRESH_AHEAD",
        fraction(0, 0.9),
        default=0.2,
        meaning="last share of the TTL, in which a GET has its entry renewed; 0: never",
    )
    negative_ttl_s: int = variable(
        "DISPATCH_CACHE_NEGATIVE_TTL",
        whole(0, 60, clamp=True),
        default=0,
        unit="s",
        meaning="how long AWS is not asked again for what it does not have; 0: every GET asks",
    )
    rotation: bool = variable(
        "DISPATCH_SECRETS_ROTATION",
        switch(),
        default=False,
        meaning="true: a secret is fresh until its next rotation at most; needs DescribeSecret",
    )
    ready: str = variable(
        "DISPATCH_CACHE_READY",
        choice("init", "invoke"),
        default="init",
        meaning="invoke: refuse GETs until the first invocation, as AWS's extension does",
    )
    errors: str = variable(
        "DISPATCH_CACHE_ERRORS",
        choice("text", "json"),
        default="text",
        meaning="json: errors as a JSON body with code and message; a 401 stays text",
    )
    prefetch: str = variable(
        "DISPATCH_CACHE_PREFETCH",
        text(PREFETCHED),
        default="",
        meaning="what is fetched during init",
    )
    batch: bool = variable(
        "DISPATCH_CACHE_BATCH",
        switch(),
        default=False,
        meaning="true: parameters missed at once share a GetParameters call",
    )
    decrypt: bool = variable(
        "DISPATCH_CACHE_DECRYPT",
        switch(),
        default=False,
        meaning="true: parameters are decrypted unless a GET says `withDecryption=false`",
    )
    secrets_regions: tuple[str, ...] = variable(
        "DISPATCH_SECRETS_REGIONS",
        regions(),
        default=(),
        meaning="regions with replicas of the secrets, in the order in which they are asked",
    )
    env_on_error: str = variable(
        "DISPATCH_ENV_ON_ERROR",
        choice("fail", "keep"),
        default="fail",
        meaning="keep: start the function although a `{{resolve:…}}` reference has no value",
    )
    env_next: str = variable(
        "DISPATCH_ENV_NEXT",
        text("any text"),
        default="",
        meaning="another wrapper, which `/opt/lambda-dispatch-env` starts with the command line",
    )
    """These two are read by layer/lambda-dispatch-env; here they are checked and documented."""
