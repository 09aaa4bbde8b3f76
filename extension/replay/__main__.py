"""`python -m extension.replay`: posts dead letters to an endpoint, and deletes what it took.

A file is deleted only after the endpoint has acknowledged it, so a run that was interrupted is
resumed by another one: what is still in the bucket is what is still to be sent.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import os
import re
import sys
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from html import unescape
from urllib.parse import quote

from extension.aws.credentials import SandboxCredentials
from extension.aws.errors import SettingError as AwsSettingError
from extension.aws.errors import UpstreamError
from extension.aws.signing import Signer
from extension.http.proxy import BadProxyError
from extension.process.clock import SystemClock
from extension.process.frozen import replace
from extension.process.log import Log
from extension.process.waits import Budget
from extension.settings.config import read_config
from extension.telemetry.export.bucket import Bucket, judge
from extension.telemetry.export.open_letters import route_of
from extension.telemetry.export.outcome import Outcome
from extension.telemetry.export.post import POST_ERRORS, Post, describe_failure
from extension.telemetry.export.s3_location import KEY
from extension.telemetry.export.target import SIGNALS, build_targets
from extension.telemetry.export.tls import SettingError

MAX_FILE_BYTES = 64 * 1_048_576
LIST_BYTES = 4 * 1_048_576
TIMEOUT_S = 30.0
CONTENT_TYPE = "application/x-protobuf"


class ReplayError(Exception):
    """The replay cannot go on; the text says why."""


class Replay:
    """Moves files from the bucket to the endpoint."""

    def __init__(self, bucket: Bucket, post: Post) -> None:
        self._bucket = bucket
        self._post = post
        self._clock = SystemClock()

    async def list_keys(self) -> AsyncIterator[str]:
        """Yield the keys of all files that hold a request, the oldest first.

        Raises:
            ReplayError: the bucket cannot be listed.
        """
        prefix = self._bucket.location.prefix
        under, token = (f"{prefix}/" if prefix else ""), ""
        while True:
            # S3 signs the parameters in the order of their names.
            query = f"continuation-token={quote(token, safe='')}&" if token else ""
            query += f"list-type=2&prefix={quote(under, safe='')}"
            url = self._bucket.location.url(query=query)
            answer = await self._bucket.ask("GET", url, max_bytes=LIST_BYTES)
            if not answer.is_success:
                raise ReplayError(f"the bucket cannot be listed: {_words(judge(answer))}")
            text = answer.content.decode()
            for key in map(unescape, re.findall("<Key>([^<]*)</Key>", text)):
                if KEY.fullmatch(key):
                    yield key
            found = re.search("<NextContinuationToken>([^<]*)</", text)
            if found is None:
                return
            token = unescape(found[1])

    async def move(self, key: str) -> str:
        """Send one file and delete it; return why not, empty if all went well."""
        url = self._bucket.location.url(key)
        answer = await self._bucket.ask("GET", url, max_bytes=MAX_FILE_BYTES)
        if not answer.is_success:
            return f"not read: {_words(judge(answer))}"
        try:
            body = gzip.decompress(answer.content) if key.endswith(".gz") else answer.content
        except (OSError, EOFError, zlib.error):
            return "not read: the file is damaged"
        signal = SIGNALS[KEY.fullmatch(key)[1]]  # type: ignore[index]  # `list_keys` yields no others
        budget = Budget(TIMEOUT_S, clock=self._clock)
        outcome = await self._post.send(signal, body, content_type=CONTENT_TYPE, budget=budget)
        if outcome.kind != "accepted":
            return f"not taken: {_words(outcome)}"
        deleted = judge(await self._bucket.ask("DELETE", url))
        return "" if deleted.kind == "accepted" else f"sent, not deleted: {_words(deleted)}"


def _words(outcome: Outcome) -> str:
    return f"{outcome.cause} ({outcome.said})" if outcome.said else outcome.cause


async def replay(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Replay, and return the exit code: 0 if everything was taken.

    Raises:
        ReplayError: the endpoint or the bucket cannot be used.
    """
    config, _ = read_config({**environ, **_chosen(arguments)})
    if not config.telemetry.dead_letters:
        raise ReplayError("no bucket: name it as s3://BUCKET/PREFIX")
    telemetry = replace(config.telemetry, format="otlp", signals=("traces", "logs", "metrics"))
    if not arguments.dry_run and not telemetry.posted:
        raise ReplayError("no endpoint: name it with --to, or set DISPATCH_POST_URI")
    log = Log(clock=SystemClock())
    post = Post(build_targets(telemetry, config.otlp, environ=environ, log=log))
    try:
        signer = Signer(SandboxCredentials(environ))
        route = route_of(telemetry, config.aws, environ=environ)
        moving = Replay(Bucket(route, post=post, signer=signer), post)
        return await _all(moving, dry_run=arguments.dry_run)
    finally:
        await post.close()


async def _all(moving: Replay, *, dry_run: bool) -> int:
    sent, failed = 0, 0
    for key in [key async for key in moving.list_keys()]:
        problem = "" if dry_run else await moving.move(key)
        sys.stdout.write(f"{key}{f': {problem}' if problem else ''}\n")
        sent, failed = sent + (not problem), failed + bool(problem)
    said = "would be sent" if dry_run else "sent"
    sys.stdout.write(f"{sent} files {said}, {failed} left\n")
    return 1 if failed else 0


def _chosen(arguments: argparse.Namespace) -> dict[str, str]:
    named = {"DISPATCH_DEAD_LETTERS": arguments.bucket, "DISPATCH_POST_URI": arguments.to}
    return {name: value for name, value in named.items() if value}


def main(given: Sequence[str] | None = None) -> int:
    """Run the command; the endpoint's variables are those of the extension."""
    parser = argparse.ArgumentParser(prog="python -m extension.replay", description=__doc__)
    parser.add_argument("bucket", nargs="?", help="s3://BUCKET/PREFIX; else DISPATCH_DEAD_LETTERS")
    parser.add_argument("--to", metavar="URL", help="the OTLP endpoint; else DISPATCH_POST_URI")
    parser.add_argument("--dry-run", action="store_true", help="list what would be sent")
    arguments = parser.parse_args(given)
    try:
        return asyncio.run(replay(arguments, os.environ))
    except (ReplayError, SettingError, AwsSettingError, BadProxyError) as error:
        cause = str(error)
    except (UpstreamError, *POST_ERRORS) as error:
        cause = describe_failure(error)
    except KeyboardInterrupt:
        cause = "interrupted; run it again to go on"
    sys.stderr.write(f"replay: {cause}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
