"""Secrets that were seen to leave: our own, and those of a snapshot."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from urllib.parse import quote

from simulator.aws import LocalAws
from simulator.intake import Intake
from tests.sandbox import running
from tests.waiting import until

SECRET = "aB3&xY<9>kLmN0pQ"
KEY = "key-of/our+own=1234"
HEADER = "static-header-5678"
GET_SECRET = "/secretsmanager/get?secretId=shop%2Fkey"


def sent(intake: Intake) -> str:
    """Return all that was posted."""
    return b"\n".join(request.body for request in intake.requests).decode("utf-8", "replace")


async def test_the_environment_is_printed(tmp_path: Path) -> None:
    """`print(os.environ)` tells neither AWS's credentials nor the headers of exports."""
    async with Intake() as intake:
        environment = {
            "DISPATCH_POST_URI": intake.url,
            "DISPATCH_SIGNALS": "traces,logs",
            "DISPATCH_POST_HEADERS": f"authorization=Bearer {HEADER}",
            "AWS_SECRET_ACCESS_KEY": KEY,
        }
        async with running(tmp_path, environment=environment) as stage:
            await stage.function.invoke({"print": [repr(environment), quote(KEY), "and this"]})
    assert "and this" in sent(intake)
    assert "[REDACTED:AWS_SECRET_ACCESS_KEY]" in sent(intake)
    assert "[REDACTED:DISPATCH_POST_HEADERS#authorization]" in sent(intake)
    for secret in (KEY, quote(KEY), HEADER):
        assert secret not in sent(intake)


async def test_the_answer_of_the_cache_is_printed(tmp_path: Path) -> None:
    """It writes `&<>` as numbers, and a function that prints it does not parse it."""
    async with Intake() as intake, LocalAws() as aws:
        await aws.put_secret("shop/key", value=SECRET)
        for form in ("otlp", "json"):
            environment = {
                **aws.environment, "DISPATCH_POST_URI": intake.url, "DISPATCH_FORMAT": form
            }  # fmt: skip
            async with running(tmp_path / form, environment=environment) as stage:
                answer = await stage.function.invoke({"get": [GET_SECRET]})
                [[status, _, body]] = json.loads(answer.payload)
                assert status == 200
                await stage.function.invoke({"print": [f"answer: {body}", body]})
    assert sent(intake).count("[REDACTED:shop/key]") >= 4
    assert "kLmN0pQ" not in sent(intake)


async def test_a_secret_of_a_snapshot_is_printed(tmp_path: Path) -> None:
    """It was read before the snapshot alone: the extension reads it again after the restore."""
    async with Intake() as intake, LocalAws() as aws:
        await aws.put_secret("shop/key", value=SECRET)
        environment = {
            **aws.environment,
            "DISPATCH_POST_URI": intake.url,
            "DISPATCH_SIGNALS": "traces,logs",
            "EARLY_PATH": GET_SECRET,
        }
        async with running(
            tmp_path,
            environment=environment,
            handler="snapshot.handler",
            initialization_type="snap-start",
        ) as stage:
            end = tmp_path / "end"
            first = {"until": str(end), "sleep": 0.5}
            invocation = asyncio.create_task(stage.function.invoke(first))
            await until(lambda: len(aws.calls) == 2)
            end.touch()
            await invocation
            await stage.function.invoke({"print": [f"invoked with {SECRET}"]})
        assert len(aws.calls) == 2
    assert "loaded with [REDACTED:shop/key] by [REDACTED:AWS_SESSION_TOKEN]" in sent(intake)
    assert "invoked with [REDACTED:shop/key]" in sent(intake)
    assert "kLmN0pQ" not in sent(intake)
