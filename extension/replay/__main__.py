"""The command: `python -m extension.replay s3://BUCKET/PREFIX --to URL`."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence

from extension.aws.credentials import SandboxCredentials
from extension.aws.errors import UpstreamError
from extension.aws.signing import Signer
from extension.http.proxy import BadProxyError
from extension.process.clock import SystemClock
from extension.process.frozen import replace
from extension.process.ids import RandomIds
from extension.process.log import Log
from extension.replay.addressed import POST_URI, SIGNAL_URIS, address
from extension.replay.files import BucketError, DeadLetterFiles
from extension.replay.replay import Replay
from extension.replay.sending import Sender
from extension.settings.config import Config, read_config
from extension.settings.kinds import BadValueError, is_http_url, s3_uri
from extension.telemetry.export.aws_requests import AwsRequests
from extension.telemetry.export.bucket import Bucket
from extension.telemetry.export.credentials import EndpointSettings
from extension.telemetry.export.log_stream import LogStream
from extension.telemetry.export.open_letters import route_of
from extension.telemetry.export.post import Post
from extension.telemetry.export.target import build_targets
from extension.telemetry.export.tls import SettingError

INTERRUPTED = 130
LOG_GROUP = "/lambda-dispatch/replay"
"""In CloudWatch Logs, where DISPATCH_LOG_GROUP names no other."""

DEAD_LETTERS = "DISPATCH_DEAD_LETTERS"
AWS_URLS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")

NOT_USED = (
    "{name} is not used: it is for another endpoint; for that of --to, set it and unset the other "
    "endpoint's variable"
)
NO_CREDENTIALS = (
    "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, for example with "
    "`aws configure export-credentials --format env`"
)

DESCRIPTION = """\
Send the dead letters in a bucket to an OTLP endpoint, and delete what it took.

A file is deleted when the endpoint has acknowledged all that is in it. A file that is not taken
stays and is named; after an interruption, run the command again. Other objects in the bucket are
not touched.
"""

EPILOG = """\
environment:
  AWS_REGION              the region of the bucket
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
                          needs s3:ListBucket, s3:GetObject and s3:DeleteObject;
                          `aws configure export-credentials --format env` prints them
  DISPATCH_LOG_GROUP      where log records go in CloudWatch Logs
                          (default: /lambda-dispatch/replay)
  DISPATCH_POST_HEADERS, OTEL_EXPORTER_OTLP_..., HTTPS_PROXY
                          the endpoint, as for the extension; no references to secrets.
                          Keys for another one, which DISPATCH_POST_URI names, are not used

exit status: 0 all files are sent, 1 some are left, 2 the settings cannot be used,
130 interrupted
"""


BAD_BUCKET = "{} names no bucket; allowed: s3://BUCKET or s3://BUCKET/PREFIX"
BAD_ENDPOINT = "--to names no endpoint; allowed: an http:// or https:// URL"


class UsageError(Exception):
    """The settings cannot be used; the text says which, and what is allowed."""


def settings_of(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Config:
    """Return the settings, in which arguments stand before variables.

    Raises:
        UsageError: a setting is missing, or cannot be used.
    """
    _check(arguments)
    withheld: tuple[str, ...] = ()
    if arguments.to:
        environ, withheld = address(environ, arguments.to)
    if arguments.bucket:
        environ = {**environ, DEAD_LETTERS: arguments.bucket}
    config, problems = read_config(environ)
    for problem in problems:
        if problem.variable in {DEAD_LETTERS, POST_URI, *SIGNAL_URIS, *AWS_URLS}:
            raise UsageError(str(problem))
    if not config.telemetry.dead_letters:
        raise UsageError("no bucket: name it as s3://BUCKET/PREFIX")
    telemetry = replace(config.telemetry, format="otlp", signals=("traces", "logs", "metrics"))
    if not arguments.dry_run and not telemetry.posted:
        raise UsageError("no endpoint: name it with --to, or set DISPATCH_POST_URI")
    if not (config.aws.region or config.aws.default_region):
        raise UsageError("no region: set AWS_REGION to that of the bucket")
    references = EndpointSettings(telemetry=telemetry, otlp=config.otlp).references
    if references and not arguments.dry_run:
        raise UsageError(f"a reference is not resolved here, set its value: {references[0]}")
    return replace(config, telemetry=telemetry, withheld=(*withheld, *config.withheld))


def _check(arguments: argparse.Namespace) -> None:
    """Name an argument that cannot be used by its own name, not by that of its variable."""
    try:
        s3_uri().parse(arguments.bucket or "s3://any")
    except BadValueError:
        raise UsageError(BAD_BUCKET.format(arguments.bucket)) from None
    if arguments.to and not is_http_url(arguments.to):  # not repeated: it may hold a key
        raise UsageError(BAD_ENDPOINT)


async def replay(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Replay, and return the exit status.

    Raises:
        UsageError: a setting is missing, or cannot be used.
        BucketError: the bucket cannot be listed.
    """
    config, clock = settings_of(arguments, environ), SystemClock()
    credentials = SandboxCredentials(environ)
    if credentials.load_credentials() is None:
        raise UsageError(NO_CREDENTIALS)
    log, signer = Log(clock=clock), Signer(credentials, clock=clock)
    targets = build_targets(config.telemetry, config.otlp, environ=environ, log=log)
    stream = LogStream(config.telemetry.log_group or LOG_GROUP, ids=RandomIds(), log=log)
    post = Post(targets, aws=AwsRequests(signer, stream=stream), clock=clock)
    try:
        route = route_of(config.telemetry, config.aws, environ=environ)
        files = DeadLetterFiles(Bucket(route, post=post, signer=signer), clock=clock)
        if arguments.dry_run:
            return await _list(files)
        for name in config.withheld:
            sys.stderr.write(f"replay: {NOT_USED.format(name=name)}\n")
        sender = Sender(post, signals=targets, clock=clock)
        return await _run(Replay(files, sender, write=sys.stdout.write), files)
    finally:
        await post.close()


async def _list(files: DeadLetterFiles) -> int:
    count = 0
    async for key in files.list_keys():
        sys.stdout.write(f"{key}\n")
        count += 1
    sys.stdout.write(f"files to send: {count}{_others(files)}\n")
    return 0


async def _run(run: Replay, files: DeadLetterFiles) -> int:
    await run.run()
    sys.stdout.write(f"files sent: {run.sent}, left: {run.left}{_others(files)}\n")
    if run.stopped:
        sys.stderr.write(f"replay: stopped: {run.stopped}\n")
    return 1 if run.left else 0


def _others(files: DeadLetterFiles) -> str:
    return f"; other objects, not touched: {files.others}" if files.others else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m extension.replay",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "bucket",
        nargs="?",
        metavar="s3://BUCKET/PREFIX",
        help="where the dead letters are (default: DISPATCH_DEAD_LETTERS)",
    )
    parser.add_argument("--to", metavar="URL", help="the endpoint (default: DISPATCH_POST_URI)")
    parser.add_argument("--dry-run", action="store_true", help="list the files, send nothing")
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Run the command."""
    arguments = _parser().parse_args(words)
    try:
        status = asyncio.run(replay(arguments, os.environ))
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        status, cause = INTERRUPTED, "its output is closed: run it again to go on"
    except (UsageError, SettingError, BadProxyError) as error:
        status, cause = 2, str(error)
    except BucketError as error:
        status, cause = 1, f"the bucket cannot be listed: {error}"
    except UpstreamError as error:
        status, cause = 2, f"no AWS credentials: {error}"
    except KeyboardInterrupt:
        status, cause = INTERRUPTED, "interrupted: run it again to go on"
    else:
        return status
    sys.stderr.write(f"replay: {cause}\n")
    return status


def _drop_output() -> None:
    """Give what is still buffered a place to go, because Python writes it when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
