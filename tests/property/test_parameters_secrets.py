"""No secret, token or query leaves by any other way than the answer that was asked for."""

from __future__ import annotations

import asyncio
import io
import json
from contextlib import redirect_stderr, redirect_stdout
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extension.aws.errors import UpstreamError
from tests.doubles import DictSource
from tests.running_cache import GET_PARAMETER, GET_SECRET, RunningCache

SETTINGS = {
    "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL": "DEBUG",
    "DISPATCH_CACHE_PREFETCH": "secretsmanager:n,ssm+decrypt:p,ssm:nope",
}

# Long enough never to occur by accident in a log line.
secrets = st.text(min_size=12, max_size=60).map(lambda text: f"s3cr3t{text}")
tokens = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=60).map(
    lambda text: f"t0k3n{text}"
)


async def _drive(secret: str, token: str, *, batch: bool) -> list[str]:
    """Take a secret through every path there is; return the log's lines."""
    source = DictSource(values={"n": secret, "j": json.dumps({"k": secret}), "p": secret})
    environ = SETTINGS | {"AWS_SESSION_TOKEN": token, "DISPATCH_CACHE_BATCH": str(batch)}
    spelled = quote(secret, safe="")
    async with RunningCache(environ, open_source=lambda: source) as cache:

        def fail(*_: object, **__: object) -> None:
            raise ValueError(secret)

        cache.parameters.hooks.on_value = fail
        targets = [
            f"{GET_SECRET}?secretId=n",
            f"{GET_SECRET}?secretId=n&raw=true",
            f"{GET_SECRET}?secretId=j&jsonKey=k",
            f"{GET_SECRET}?secretId=j&jsonKey={spelled}",
            f"{GET_SECRET}?secretId=nope&foo={spelled}",
            f"{GET_SECRET}?password={spelled}",
            f"{GET_SECRET}?secretId=n&raw={spelled}",
            f"{GET_PARAMETER}?name=p&withDecryption=true&refresh=true&foo={spelled}",
            f"/systemsmanager/parameters/getByPath?path=p&withDecryption=true&x={spelled}",
            f"/{spelled}",
        ]
        for target in targets:
            await cache.get(target)
            await cache.get(target, token=token + "x")
            await cache.request("POST", target)
        for error in (
            UpstreamError("ThrottlingException", message=secret, transient=True),
            UpstreamError("AccessDeniedException", message=secret),
            RuntimeError(secret),
        ):
            source.error = error
            cache.clock.advance(400)
            for target in targets:
                await cache.get(target, Accept="application/json")
        for raw in (
            f"GET {GET_SECRET}?x={spelled} HTTP/1.1\r\nbad {spelled}\r\n\r\n",
            f"{spelled} HTTP/1.1\r\n\r\n",
            f"GET /?{spelled}\r\n\r\n",
        ):
            await cache.send_raw(raw.encode())
    return cache.log.lines


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(secret=secrets, token=tokens, batch=st.booleans())
def test_nothing_secret_is_written(
    secret: str, token: str, batch: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither log nor standard output nor standard error hold secret, token or query."""
    with redirect_stdout(io.StringIO()) as output, redirect_stderr(output):
        lines = asyncio.run(_drive(secret, token, batch=batch))
    written = "\n".join(lines) + output.getvalue()
    assert lines
    for hidden in (secret, token, quote(secret, safe=""), json.dumps(secret)[1:-1], "secretId="):
        assert hidden not in written
    assert output.getvalue() == caplog.text == ""
