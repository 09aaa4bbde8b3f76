"""The command of a replay: what it takes from its arguments and variables, says, and returns."""

from __future__ import annotations

import asyncio
import gzip
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

import pytest

from extension.process.ids import Ids
from extension.process.log import Log
from extension.replay import __main__ as module
from extension.replay.__main__ import (
    INTERRUPTED,
    NO_CREDENTIALS,
    UsageError,
    _parser,
    main,
    replay,
    settings_of,
)
from extension.settings.config import Config
from extension.telemetry.export.log_stream import LogStream
from extension.telemetry.export.target import build_targets
from simulator.aws.endpoints import AwsEndpoints
from simulator.aws.endpoints.bucket import StoredObject
from simulator.aws.endpoints.encryption import Encryption
from simulator.intake import Intake
from simulator.intake.replies import Reply
from tests.doubles import LogLines, ManualClock
from tests.posted_requests import spans

FOLDER = "year=2026/month=01/day=01/hour=12/minute=00"
BUCKET = {"DISPATCH_DEAD_LETTERS": "s3://letters/lost", "AWS_REGION": "eu-central-1"}
ENDPOINT = {"DISPATCH_POST_URI": "http://collector.example:4318"}


def settings(environ: Mapping[str, str], *words: str) -> Config:
    """Return what the command reads."""
    return settings_of(_parser().parse_args(words), environ)


def test_arguments_stand_before_variables() -> None:
    """They name another bucket, and the endpoint of all signals."""
    own = {"DISPATCH_TRACES_URI": "http://traces.example:4318"}
    telemetry = settings({**BUCKET, **ENDPOINT, **own}).telemetry
    assert telemetry.dead_letters == "s3://letters/lost"
    assert telemetry.uri_of("logs") == ENDPOINT["DISPATCH_POST_URI"]
    assert telemetry.uri_of("traces") == own["DISPATCH_TRACES_URI"]
    words = ("s3://others", "--to", "http://other.example")
    telemetry = settings({**BUCKET, **ENDPOINT, **own}, *words).telemetry
    assert telemetry.dead_letters == "s3://others"
    assert {telemetry.uri_of(each) for each in ("traces", "logs")} == {"http://other.example"}


def test_all_signals_are_sent_whatever_the_function_sends() -> None:
    """A file of any of them may lie there, and all of them are OTLP."""
    limited = {"DISPATCH_SIGNALS": "logs", "DISPATCH_FORMAT": "json"}
    telemetry = settings({**BUCKET, **ENDPOINT, **limited}).telemetry
    assert (telemetry.signals, telemetry.format) == (("traces", "logs", "metrics"), "otlp")


@pytest.mark.parametrize(
    ("missing", "cause"),
    [
        ("DISPATCH_DEAD_LETTERS", "no bucket: name it as s3://BUCKET/PREFIX"),
        ("DISPATCH_POST_URI", "no endpoint: name it with --to, or set DISPATCH_POST_URI"),
        ("AWS_REGION", "no region: set AWS_REGION to that of the bucket"),
    ],
)
def test_a_setting_that_is_missing_is_named(missing: str, cause: str) -> None:
    """With what can be done."""
    given = {**BUCKET, **ENDPOINT}
    del given[missing]
    with pytest.raises(UsageError, match=cause):
        settings(given)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DISPATCH_DEAD_LETTERS", "letters"),
        ("DISPATCH_POST_URI", "collector"),
        ("DISPATCH_LOGS_URI", "collector"),
        ("AWS_ENDPOINT_URL_S3", "minio"),
    ],
)
def test_a_setting_that_cannot_be_used_ends_the_command(variable: str, value: str) -> None:
    """Nothing is sent to a place that was not meant; what is of no use here does not matter."""
    settings({**BUCKET, **ENDPOINT, "DISPATCH_CACHE_PORT": "x"})
    with pytest.raises(UsageError, match=variable):
        settings({**BUCKET, **ENDPOINT, variable: value})


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (("letters", "--to", "http://h"), "letters names no bucket"),
        (("s3://b/lost",), "s3://b/lost names no bucket; allowed: s3://BUCKET or s3://BUCKET/PREF"),
        (("s3://letters", "--to", "h?key=k"), "--to names no endpoint; allowed: an http"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named_as_it_was_given(
    words: tuple[str, ...], cause: str
) -> None:
    """Not by the variable that it stands for; a URL is not repeated, because it may hold a key."""
    with pytest.raises(UsageError, match="^" + re.escape(cause)) as raised:
        settings({**BUCKET, **ENDPOINT}, *words)
    assert "DISPATCH" not in str(raised.value)
    assert "key=k" not in str(raised.value)


def test_an_endpoint_of_a_signal_is_of_no_use_beside_an_argument() -> None:
    """So it may be wrong."""
    given = {**BUCKET, "DISPATCH_LOGS_URI": "collector"}
    assert settings(given, "--to", "http://h").telemetry.uri_of("logs") == "http://h"


A, B = "https://otlp.vendor-a.example", "https://otlp.vendor-b.example"


def sent_with(environ: Mapping[str, str], *words: str) -> tuple[dict[str, str], list[str]]:
    """Return the headers of traces, and the variables of credentials that are not used."""
    config = settings({**BUCKET, **environ}, *words)
    log = Log(clock=ManualClock(), sink=LogLines())
    targets = build_targets(config.telemetry, config.otlp, environ=environ, log=log)
    return dict(targets["traces"].headers), sorted(config.withheld)


@pytest.mark.parametrize(
    ("elsewhere", "name"),
    [
        ({"DISPATCH_POST_URI": A}, "DISPATCH_POST_HEADERS"),
        ({"DISPATCH_LOGS_URI": A}, "DISPATCH_POST_HEADERS"),
        ({"DISPATCH_TRACES_URI": B, "DISPATCH_LOGS_URI": A}, "DISPATCH_POST_HEADERS"),
        ({"DISPATCH_POST_URI": f"{B}:8443"}, "DISPATCH_POST_HEADERS"),
        ({"DISPATCH_POST_URI": A}, "OTEL_EXPORTER_OTLP_HEADERS"),
        ({"DISPATCH_POST_URI": A}, "OTEL_EXPORTER_OTLP_TRACES_HEADERS"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": A}, "OTEL_EXPORTER_OTLP_HEADERS"),
    ],
)
def test_a_key_for_another_endpoint_is_not_used(elsewhere: dict[str, str], name: str) -> None:
    """The environment may be that of a function that posts elsewhere; what is kept back is said."""
    assert sent_with({**elsewhere, name: "api-key=of-a"}, "--to", B) == ({}, [name])


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "DISPATCH_POST_HEADERS"),
        ({"DISPATCH_POST_URI": f"{B}/otlp"}, "DISPATCH_POST_HEADERS"),
        ({"DISPATCH_POST_URI": B, "DISPATCH_LOGS_URI": A}, "DISPATCH_POST_HEADERS"),
        ({"DISPATCH_POST_URI": " "}, "OTEL_EXPORTER_OTLP_HEADERS"),
        ({"DISPATCH_POST_URI": A, "OTEL_EXPORTER_OTLP_ENDPOINT": B}, "OTEL_EXPORTER_OTLP_HEADERS"),
    ],
)
def test_a_key_for_the_endpoint_named_is_used(given: dict[str, str], name: str) -> None:
    """Where no variable names another origin as the one that it is for."""
    assert sent_with({**given, name: "api-key=of-b"}, "--to", B) == ({"api-key": "of-b"}, [])


def test_other_credentials_for_another_endpoint_are_not_used() -> None:
    """Neither a signature, which has a session token with it, nor a client certificate."""
    given = {
        "DISPATCH_SIGV4": "aps/eu-west-1",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/a.pem",
        "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/a.key",
    }
    config = settings({**BUCKET, **given, "DISPATCH_POST_URI": A}, "--to", B)
    assert sorted(config.withheld) == sorted(given)
    assert not config.telemetry.is_any_signed
    assert not any(each.client_certificate or each.client_key for each in config.otlp.values())
    assert settings({**BUCKET, **given}, "--to", B).telemetry.is_any_signed
    amazon = "https://xray.eu-central-1.amazonaws.com"
    unsigned = {"DISPATCH_SIGV4": "off", "DISPATCH_POST_URI": A}
    assert not settings({**BUCKET, **unsigned}, "--to", amazon).telemetry.is_any_signed


def test_the_default_region_is_a_region() -> None:
    """As the AWS CLI reads it."""
    given = {**BUCKET, **ENDPOINT, "AWS_DEFAULT_REGION": "eu-west-1"}
    del given["AWS_REGION"]
    assert settings(given).aws.default_region == "eu-west-1"


def test_a_list_needs_no_endpoint_and_no_secret() -> None:
    """Nothing is posted."""
    reference = {"DISPATCH_POST_HEADERS": "authorization=${ssm:/key}"}
    assert settings({**BUCKET, **reference}, "--dry-run").telemetry.dead_letters
    with pytest.raises(UsageError, match=r"a reference is not resolved here, .*: ssm:/key"):
        settings({**BUCKET, **ENDPOINT, **reference})


@pytest.fixture
async def aws() -> AsyncIterator[AwsEndpoints]:
    """An account with a bucket."""
    async with AwsEndpoints() as running:
        yield running


def put(aws: AwsEndpoints, key: str) -> None:
    """Store a file with a span."""
    aws.bucket.objects[key] = StoredObject(
        key=key,
        body=gzip.compress(spans("a").SerializeToString()),
        headers={},
        encryption=Encryption(),
        modified=datetime(2026, 1, 1, tzinfo=UTC),
    )


def environment(aws: AwsEndpoints) -> dict[str, str]:
    """Return the variables that give access to the bucket."""
    return {**aws.key.environment, "AWS_REGION": aws.region, "AWS_ENDPOINT_URL_S3": aws.url}


async def run(aws: AwsEndpoints, *words: str, **more: str) -> int:
    """Run the command on the bucket; return its exit status."""
    arguments = _parser().parse_args([f"s3://{aws.bucket.name}", *words])
    return await replay(arguments, {**environment(aws), **more})


async def test_a_list_names_the_files_and_sends_nothing(
    aws: AwsEndpoints, capsys: pytest.CaptureFixture[str]
) -> None:
    """And counts the objects that are no dead letters."""
    keys = [f"{FOLDER}/traces_{number}.binpb.gz" for number in (1, 2)]
    for key in keys:
        put(aws, key)
    assert await run(aws, "--dry-run") == 0
    assert capsys.readouterr().out == "".join(f"{each}\n" for each in [*keys, "files to send: 2"])
    put(aws, "report.csv")
    assert await run(aws, "--dry-run") == 0
    assert capsys.readouterr().out.endswith("files to send: 2; other objects, not touched: 1\n")
    assert len(aws.bucket.objects) == 3


async def test_output_that_is_closed_ends_it_with_a_line(
    aws: AwsEndpoints, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a pipe to `head`: there is no traceback, also none from the exit of the interpreter."""
    put(aws, f"{FOLDER}/traces_1.binpb.gz")
    for name, text in environment(aws).items():
        monkeypatch.setenv(name, text)
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert (
            await asyncio.to_thread(main, [f"s3://{aws.bucket.name}", "--dry-run"]) == INTERRUPTED
        )
    assert capsys.readouterr().err == "replay: its output is closed: run it again to go on\n"


@pytest.mark.parametrize(
    ("more", "group"),
    [({}, "/lambda-dispatch/replay"), ({"DISPATCH_LOG_GROUP": "/shop"}, "/shop")],
)
async def test_records_for_cloudwatch_have_a_log_group(
    aws: AwsEndpoints, monkeypatch: pytest.MonkeyPatch, more: dict[str, str], group: str
) -> None:
    """That of a variable, or one of the command's own."""
    groups: list[str] = []

    class Noted(LogStream):
        def __init__(self, group: str, *, ids: Ids, log: Log) -> None:
            groups.append(group)
            super().__init__(group, ids=ids, log=log)

    monkeypatch.setattr(module, "LogStream", Noted)
    assert await run(aws, "--dry-run", **more) == 0
    assert groups == [group]


async def test_what_was_sent_is_counted(
    aws: AwsEndpoints, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 0 says that nothing is left."""
    put(aws, key := f"{FOLDER}/traces_1.binpb.gz")
    put(aws, "report.csv")
    async with Intake() as intake:
        assert await run(aws, "--to", intake.url) == 0
        assert [span.name for span in intake.spans] == ["a"]
    written = capsys.readouterr()
    said = "files sent: 1, left: 0; other objects, not touched: 1\n"
    assert (written.out, written.err) == (f"{key}\n{said}", "")


async def test_what_is_left_is_said_with_the_reason(
    aws: AwsEndpoints, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 1, and the reason why the run ended early."""
    put(aws, f"{FOLDER}/traces_1.binpb.gz")
    async with Intake() as intake:
        intake.respond = lambda _: Reply(status=401)
        assert await run(aws, DISPATCH_POST_URI=intake.url) == 1
    written = capsys.readouterr()
    assert written.out.endswith("files sent: 0, left: 1\n")
    assert written.err == (
        "replay: stopped: the endpoint refuses the credentials: status 401\n"
    )  # fmt: skip


async def test_a_key_that_is_not_used_is_said(
    aws: AwsEndpoints, capsys: pytest.CaptureFixture[str]
) -> None:
    """With how to give one for the endpoint."""
    put(aws, f"{FOLDER}/traces_1.binpb.gz")
    given = {"DISPATCH_POST_HEADERS": "api-key=of-a", "DISPATCH_POST_URI": A}
    async with Intake() as intake:
        assert await run(aws, "--to", intake.url, **given) == 0
        assert "api-key" not in intake.requests[0].headers
    assert capsys.readouterr().err == (
        "replay: DISPATCH_POST_HEADERS is not used: it is for another endpoint; "
        "for that of --to, set it and unset the other endpoint's variable\n"
    )
    assert await run(aws, "--to", B, "--dry-run", **given) == 0
    assert capsys.readouterr().err == ""


def test_without_credentials_it_says_how_to_get_some(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2: the settings cannot be used."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**BUCKET, **ENDPOINT}.items():
        monkeypatch.setenv(name, value)
    assert main([]) == 2
    assert capsys.readouterr().err == f"replay: {NO_CREDENTIALS}\n"


@pytest.mark.parametrize(
    ("variable", "value", "status", "said"),
    [
        ("DISPATCH_SIGNALS", "logs", 1, "the bucket cannot be listed: "),
        ("http_proxy", "socks5://proxy", 2, "http_proxy"),
        ("DISPATCH_DEAD_LETTERS", "letters", 2, "DISPATCH_DEAD_LETTERS"),
    ],
)
def test_what_ends_the_command_is_said(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
    value: str,
    status: int,
    said: str,
) -> None:
    """One line, and a status: 1 if files are left, 2 if the settings cannot be used."""
    monkeypatch.setattr("extension.replay.retries.PAUSES_S", (0.0,))
    given = {**BUCKET, **ENDPOINT, "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    for name, text in {**given, **keys, variable: value}.items():
        monkeypatch.setenv(name, text)
    assert main(["--dry-run"]) == status
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("replay: ")
    assert said in line


def test_an_interruption_has_a_status_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That of a shell; nothing is lost."""

    async def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("extension.replay.__main__.replay", interrupted)
    assert main([]) == INTERRUPTED == 130
    assert capsys.readouterr().err == "replay: interrupted: run it again to go on\n"
