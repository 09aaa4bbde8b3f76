"""Many invocations with an endpoint that is down or refuses, a bucket beside it, and a replay.

What the function makes is known: in each invocation its span, five spans and a log record of its
SDK, and a line. All of it is at the endpoint or in the bucket, with one id each. It is there twice
only where an acknowledgement was lost, which a machine that is slow enough does by itself.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from simulator.aws.endpoints import AwsEndpoints
from simulator.aws.endpoints.answers import AwsError
from simulator.intake import Intake, IntakeRequest
from simulator.intake.decoder import decode_logs, decode_traces
from simulator.intake.otlp import LogRecord, Span
from simulator.intake.replies import RESET, Raw, Reply
from tests.e2e.failures.expectations import started
from tests.sandbox import Stage, free_port, running

SPANS = 5
"""Posted by each invocation of the function."""

LIVES = 4
"""Sandboxes, one after the other; each of them ends in an outage."""

OUTAGES = 2
"""In each life."""

EACH_REFUSED = 10
EACH_BUSY = 7
"""Of the requests to the endpoint, refused for good; of those to the bucket, asked to slow down."""

BUSY = AwsError("SlowDown", "Please reduce your request rate.", status=503)

Ids = dict[str, list[tuple[object, ...]]]
"""All that was made of one thing, by its name: the ids that it came with, one for each time."""

Counted = dict[str, Counter[tuple[object, ...]]]
"""How often each of these ids came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What was made, where it was before the replay and after it; `problems` says what is wrong."""

    made: Counter[str]
    accepted: Counter[str]
    stored: Counter[str]
    replayed: Counter[str]
    files: int
    told: Counter[str]
    drawn: Counter[str]
    causes: Counter[str]
    """What the extension complained about."""
    twice: int
    """Things that came more than once, with the same ids."""
    problems: list[str]


class Weather:
    """Down for the last third of each period of a life, and else refusing a tenth."""

    def __init__(self, invocations: int, *, bucket_is_busy: bool) -> None:
        self.number = 0
        self.drawn: Counter[str] = Counter()
        self.bucket_is_busy = bucket_is_busy
        self._period = max(invocations // OUTAGES, 3)
        self._requests, self._puts, self._downs = count(1), count(1), count()

    def answer(self, _: IntakeRequest) -> Reply | Raw:
        """Choose the endpoint's answer."""
        if self.number % self._period >= self._period * 2 // 3:
            self.drawn["down"] += 1
            return RESET if next(self._downs) % 2 else Reply(status=503)
        if next(self._requests) % EACH_REFUSED == 0:
            self.drawn["refused"] += 1
            return Reply(status=400)
        self.drawn["accepted"] += 1
        return Reply()

    def refuse(self, _: object) -> None:
        """Let the bucket be busy now and then, but not when a sandbox ends: there is no later."""
        if self.bucket_is_busy and next(self._puts) % EACH_BUSY == 0:
            self.drawn["bucket busy"] += 1
            raise BUSY


async def run(folder: Path, invocations: int, *, buffer_bytes: int, bucket_is_busy: bool) -> Course:
    """Invoke, count, replay, and count again.

    In an outage of the endpoint the oldest is pushed out of a buffer of `buffer_bytes`. As much may
    wait for the bucket, which is left alone for a second when it is busy.
    """
    async with AwsEndpoints() as aws, Intake() as intake:
        environment = {
            **aws.key.environment,
            "AWS_REGION": aws.region,
            "AWS_ENDPOINT_URL_S3": aws.url,
            "DISPATCH_DEAD_LETTERS": f"s3://{aws.bucket.name}/soak",
            "DISPATCH_POST_URI": intake.url,
            "DISPATCH_SIGNALS": "traces,logs",
            "DISPATCH_BUFFER_MAX_BYTES": str(buffer_bytes),
            "DISPATCH_FLUSH": "end",
        }
        told: Counter[str] = Counter()
        drawn: Counter[str] = Counter()
        causes: Counter[str] = Counter()
        requests: set[str] = set()
        for life in range(LIVES):
            numbers = range(life, invocations, LIVES)
            weather = Weather(len(numbers), bucket_is_busy=bucket_is_busy)
            intake.respond, aws.trouble.refuse = weather.answer, weather.refuse
            stage = await _live(folder / str(life), numbers, weather, environment)
            told += stage.final_counts
            drawn += weather.drawn
            causes.update(stage.causes)
            requests |= set(started(stage))
        made = _wanted(invocations, requests)
        accepted, stored = _by_name(intake.spans, intake.logs), _in_bucket(aws)
        files = len(aws.bucket.objects)
        before = _sum(accepted, stored)
        intake.respond, aws.trouble.refuse = [], None
        failure = await _replay(environment)
        replayed = _by_name(intake.spans, intake.logs)
    after = _sum(replayed)
    lost = {name: told[name] for name in told if name.startswith(("dropped.", "faults.", "unsent"))}
    wrong = {
        "the replay failed": failure,
        "lost": lost if any(lost.values()) else "",
        "the replay has changed ids": _ids(before) != _ids(after),
        "left in the bucket": len(aws.bucket.objects),
    }
    return Course(
        made=Counter(name.split()[0] for name in made),
        accepted=_times(accepted),
        stored=_times(stored),
        replayed=_times(replayed) - _times(accepted),
        files=files,
        told=told,
        drawn=drawn,
        causes=causes,
        twice=sum(ids.total() > 1 for ids in after.values()),
        problems=[
            *_compare("before the replay", made, before),
            *_compare("after the replay", made, after),
            *(f"{what}: {value}" for what, value in wrong.items() if value),
        ],
    )


async def _live(
    folder: Path, numbers: range, weather: Weather, environment: Mapping[str, str]
) -> Stage:
    port = {"DISPATCH_OTLP_PORT": str(free_port())}
    handler = "posting.handler"
    async with running(folder, environment={**environment, **port}, handler=handler) as stage:
        for place, number in enumerate(numbers):
            weather.number = place
            payload = {"number": number, "print": True, "last": number == numbers[-1]}
            answer = await stage.function.invoke(payload)
            assert answer.status == "success", answer
        weather.bucket_is_busy = False
    return stage


def _wanted(invocations: int, requests: Iterable[str]) -> set[str]:
    """Return the names of all that was made."""
    numbers = range(invocations)
    return {
        *(f"invocation {each}" for each in requests),
        *(f"work {number} {order}" for number in numbers for order in range(SPANS)),
        *(f"{kind} {number}" for kind in ("record", "line") for number in numbers),
    }


def _by_name(spans: Iterable[Span], logs: Iterable[LogRecord]) -> Ids:
    """Return the ids of everything by its name; what has none of ours is named by its ids."""
    found: Ids = {}
    for span in spans:
        ids: tuple[object, ...] = (span.trace_id, span.span_id)
        name = span.name if span.name.startswith("work ") else f"other {ids}"
        if span.kind == "SERVER":
            name = f"invocation {span.attributes['faas.invocation_id']}"
        found.setdefault(name, []).append(ids)
    for record in logs:
        body = str(record.body).strip()
        ids = (record.time_ns, record.trace_id, record.span_id)
        name = body if body.startswith(("record ", "line ")) else f"other {body} {ids}"
        found.setdefault(name, []).append(ids)
    return found


def _in_bucket(aws: AwsEndpoints) -> Ids:
    spans: list[Span] = []
    logs: list[LogRecord] = []
    for key, each in aws.bucket.objects.items():
        body = gzip.decompress(each.body)
        if "/traces_" in key:
            spans += decode_traces(body)
        else:
            logs += decode_logs(body)
    return _by_name(spans, logs)


def _sum(*parts: Ids) -> Counted:
    found: Counted = {}
    for part in parts:
        for name, ids in part.items():
            found.setdefault(name, Counter()).update(ids)
    return found


def _compare(when: str, made: set[str], counted: Counted) -> list[str]:
    """Return what is missing, and what has two ids."""
    two_ids = sorted(name for name, ids in counted.items() if len(ids) > 1)
    listed = {"missing": sorted(made - counted.keys()), "with two ids": two_ids}
    return [
        f"{when}, {what}: {len(names)}, such as {names[:3]}"
        for what, names in listed.items()
        if names
    ]


def _ids(counted: Counted) -> dict[str, set[tuple[object, ...]]]:
    return {name: set(ids) for name, ids in counted.items()}


def _times(found: Ids) -> Counter[str]:
    """Return how often each kind is there."""
    return Counter(kind for name, ids in found.items() for kind in [name.split()[0]] * len(ids))


async def _replay(environment: Mapping[str, str]) -> str:
    """Run the command; return what is wrong, empty if all went well."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "extension.replay",
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    written, _ = await process.communicate()
    return "" if process.returncode == 0 else f"replay: {written.decode()[-500:]}"
