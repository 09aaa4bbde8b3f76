"""A replay moves what it can, keeps what it cannot, and says which."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, repeat
from urllib.parse import unquote

import pytest

from extension.aws.credentials import SandboxCredentials
from extension.aws.signing import Signer
from extension.process.clock import SystemClock
from extension.replay.files import MAX_FILE_BYTES, BucketError, DeadLetterFiles
from extension.replay.replay import AT_ONCE, MOST_IN_A_ROW, Replay
from extension.replay.retries import PAUSES_S
from extension.replay.sending import Sender
from extension.telemetry.export.answers import Answer
from extension.telemetry.export.bucket import Bucket, Route
from extension.telemetry.export.buffer import Signal
from extension.telemetry.export.post import Post
from extension.telemetry.export.s3_location import location_of
from extension.telemetry.export.target import Target
from simulator.aws.endpoints import AwsEndpoints
from simulator.aws.endpoints.answers import AwsError
from simulator.aws.endpoints.bucket import StoredObject
from simulator.aws.endpoints.encryption import Encryption
from simulator.aws.endpoints.request import Received
from simulator.intake import Intake, IntakeRequest
from simulator.intake.replies import Hang, Reply
from tests.posted_requests import points, records, spans
from tests.waiting import until

FOLDER = "lost/year=2026/month=01/day=01/hour=12/minute=00"
SIGNALS: tuple[Signal, ...] = ("traces", "logs", "metrics")


@dataclass
class Stage:
    """A bucket and an endpoint, and what a run between them wrote."""

    aws: AwsEndpoints
    intake: Intake
    files: DeadLetterFiles
    sender: Sender
    written: list[str] = field(default_factory=list)
    pauses_s: list[float] = field(default_factory=list)

    def put(self, name: str, content: bytes, **headers: str) -> str:
        """Store an object below the prefix; return its key."""
        key = name if "/" in name else f"{FOLDER}/{name}"
        self.aws.bucket.objects[key] = StoredObject(
            key=key,
            body=content,
            headers={key.replace("_", "-"): value for key, value in headers.items()},
            encryption=Encryption(),
            modified=datetime(2026, 1, 1, tzinfo=UTC),
        )
        return key

    def put_spans(self, *names: str, file: str = "a") -> str:
        """Store a file with these spans; return its key."""
        content = gzip.compress(spans(*names).SerializeToString())
        return self.put(f"traces_{file}.binpb.gz", content)

    async def run(self) -> Replay:
        """Replay everything once."""
        replay = Replay(self.files, self.sender, write=self.written.append)
        await replay.run()
        return replay

    @property
    def left(self) -> set[str]:
        """The keys of what is in the bucket."""
        return set(self.aws.bucket.objects)

    @property
    def names(self) -> list[str]:
        """The names of all spans that the endpoint took."""
        return sorted(span.name for span in self.intake.spans)

    def problem_of(self, key: str) -> str:
        """Return why a file was left."""
        [line] = [line for line in self.written if line.startswith(f"{key}: ")]
        return line.removeprefix(f"{key}: ").rstrip()


@asynccontextmanager
async def opened(signals: Sequence[Signal] = SIGNALS) -> AsyncIterator[Stage]:
    """Open a stage without pauses."""
    pauses_s: list[float] = []

    async def pause(seconds: float) -> None:
        pauses_s.append(seconds)

    clock = SystemClock()
    async with AwsEndpoints() as aws, Intake() as intake:
        targets = {
            signal: Target(
                url=f"{intake.url}/v1/{signal}", headers={}, compression="gzip", timeout_s=30.0
            )
            for signal in signals
        }
        post = Post(targets, clock=SystemClock())
        location = location_of(f"s3://{aws.bucket.name}/lost", region=aws.region, endpoint=aws.url)
        signer = Signer(SandboxCredentials(aws.key.environment))
        bucket = Bucket(Route(location=location, put_headers={}), post=post, signer=signer)
        yield Stage(
            aws=aws,
            intake=intake,
            files=DeadLetterFiles(bucket, clock=clock, sleep=pause),
            sender=Sender(post, signals=targets, clock=clock, sleep=pause),
            pauses_s=pauses_s,
        )
        await post.close()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """A bucket with a prefix `lost`, and an endpoint for all signals."""
    async with opened() as found:
        yield found


async def test_all_that_is_there(stage: Stage) -> None:
    """Every file is posted to the endpoint of its signal and deleted."""
    stage.put_spans("a", "b")
    content = records("c").SerializeToString()
    stage.put("logs_1.binpb", content)  # without compression, as a collector may store it
    run = await stage.run()
    assert (run.sent, run.left, run.stopped) == (2, 0, "")
    assert (stage.names, [str(each.body) for each in stage.intake.logs]) == (["a", "b"], ["c"])
    assert not stage.left


async def test_objects_of_others(stage: Stage) -> None:
    """What has another name or lies elsewhere is neither read nor deleted, and is counted."""
    others = {
        stage.put(name, b"x")
        for name in ("lost/traces_1.binpb.gz", "lost/report.csv", f"{FOLDER}/traces_1.json",
                     f"lostandfound/{FOLDER}/traces_1.binpb", f"{FOLDER}/")
    }  # fmt: skip
    stage.put_spans("a")
    run = await stage.run()
    assert (run.sent, run.left, stage.files.others) == (1, 0, 4)
    assert stage.left == others
    read = {each.request.path for each in stage.aws.exchanges if each.operation == "GetObject"}
    assert len(read) == 1


DAMAGED = {
    "not gzip": b"no gzip",
    "cut off": gzip.compress(b"x" * 10_000)[:-9],
    "not an OTLP request": gzip.compress(b"not OTLP"),
    "holds no spans": gzip.compress(b""),
    "larger than 64": gzip.compress(b"\0" * (MAX_FILE_BYTES + 1_000_000), compresslevel=1),
    "larger than 64 MiB": gzip.compress(b"\0" * (MAX_FILE_BYTES + 1), compresslevel=1),
}


@pytest.mark.parametrize("why", DAMAGED)
async def test_damaged_files(stage: Stage, why: str) -> None:
    """A file that holds no request stays and is named, and those after it are sent."""
    damaged = stage.put("traces_0.binpb.gz", DAMAGED[why])
    stage.put_spans("a", file="1")
    run = await stage.run()
    assert (run.sent, run.left, stage.left) == (1, 1, {damaged})
    assert why in stage.problem_of(damaged)
    assert stage.names == ["a"]


@pytest.mark.parametrize("is_compressed", [True, False])
@pytest.mark.parametrize(("more", "is_sent"), [(0, True), (1, False)])
async def test_a_file_of_the_largest_size_is_sent(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, more: int, *, is_sent: bool, is_compressed: bool
) -> None:
    """One with a byte more is left, for it would not fit into memory."""
    content = spans("a" * 1000).SerializeToString()
    monkeypatch.setattr("extension.replay.files.MAX_FILE_BYTES", len(content) - more)
    if is_compressed:
        key = stage.put("traces_1.binpb.gz", gzip.compress(content))
    else:
        key = stage.put("traces_1.binpb", content)
    run = await stage.run()
    assert (run.sent, stage.left) == ((1, set()) if is_sent else (0, {key}))
    assert is_sent or stage.problem_of(key).startswith("left: larger than")


async def test_a_file_may_be_larger_than_a_page_of_the_list(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read of a page of the list has a bound of its own."""
    monkeypatch.setattr("extension.replay.files.LIST_BYTES", 2000)
    stage.put("traces_1.binpb", spans("a" * 3000).SerializeToString())
    run = await stage.run()
    assert (run.sent, stage.left) == (1, set())


async def test_stored_with_an_encoding(stage: Stage) -> None:
    """A file that the collector has stored, with a header for its compression, arrives whole."""
    names = [f"span {number}" for number in range(2_000)]
    content = spans(*names).SerializeToString()
    assert len(content) > 65_536
    stage.put("traces_1.binpb.gz", gzip.compress(content), Content_Encoding="gzip")
    run = await stage.run()
    assert (run.sent, stage.names) == (1, sorted(names))


async def test_part_of_it_refused(stage: Stage) -> None:
    """A file of which the endpoint refuses some items stays: it does not say which ones."""
    key = stage.put_spans("a", "b")
    partial = b'{"partialSuccess": {"rejectedSpans": "1", "errorMessage": "too old"}}'
    stage.intake.respond = [Reply(headers={"Content-Type": "application/json"}, body=partial)]
    run = await stage.run()
    assert (run.left, stage.left) == (1, {key})
    assert stage.problem_of(key) == (
        "not taken: the endpoint refuses 1 of 2 items (too old)"
    )  # fmt: skip


async def test_in_parts(stage: Stage) -> None:
    """A file that is too large at once is sent in parts, as small as need be."""
    names = [f"span {number}" for number in range(8)]
    limit = len(spans(*names[:3]).SerializeToString())
    stage.intake.respond = lambda request: Reply(status=200 if len(request.body) <= limit else 413)
    stage.put_spans(*names)
    run = await stage.run()
    assert (run.sent, stage.names) == (1, names)


async def test_one_item_too_large(stage: Stage) -> None:
    """An item that the endpoint does not take alone keeps its file, and no other."""
    key = stage.put_spans("large", file="0")
    stage.put_spans("a", file="1")
    stage.intake.respond = lambda request: Reply(status=413 if b"large" in request.body else 200)
    run = await stage.run()
    assert (run.sent, run.left, stage.left) == (1, 1, {key})
    assert "status 413" in stage.problem_of(key)


@pytest.mark.parametrize("others", [[], ["small"]])
async def test_one_metric_too_large(stage: Stage, others: list[str]) -> None:
    """A metric is not divided, however many points it has: its file is left, others are sent."""
    content = points("large", *others, each=2_000).SerializeToString()
    key = stage.put("metrics_0.binpb", content)
    stage.put_spans("a", file="1")
    stage.intake.respond = lambda request: Reply(status=413 if b"large" in request.body else 200)
    run = await stage.run()
    assert (run.sent, run.left, stage.left) == (1, 1, {key})
    assert stage.problem_of(key).startswith("left: too large for the endpoint: status 413")
    assert len(stage.intake.requests) == 2 + len(others)


async def test_parts_of_a_large_resource(stage: Stage) -> None:
    """What is said of all items goes with each part, so parts are smaller by their items alone."""
    names = [f"span {number}" for number in range(8)]
    stage.put("traces_1.binpb", with_large_resource(*names))
    limit = len(with_large_resource(*names[:3]))
    stage.intake.respond = lambda request: Reply(status=200 if len(request.body) <= limit else 413)
    run = await stage.run()
    assert (run.sent, stage.names) == (1, names)
    assert len(stage.intake.requests) == 1 + 2 + 4


def with_large_resource(*names: str) -> bytes:
    """Return a request whose resource is larger than its spans."""
    request = spans(*names)
    [of] = request.resource_spans
    of.resource.attributes.add(key="large").value.string_value = "x" * 5_000
    content: bytes = request.SerializeToString()
    return content


async def test_metrics_with_a_large_resource_are_divided(stage: Stage) -> None:
    """Into one each, for half as many as there are points would be all of them."""
    request = points("a", "b", each=4)
    [of] = request.resource_metrics
    of.resource.attributes.add(key="large").value.string_value = "x" * 5_000
    content = request.SerializeToString()
    stage.put("metrics_1.binpb", content)
    stage.intake.respond = lambda sent: Reply(status=200 if len(sent.body) < len(content) else 413)
    run = await stage.run()
    assert (run.sent, len(stage.intake.requests)) == (1, 1 + 2)


async def test_parts_without_items(stage: Stage) -> None:
    """Resources and scopes without any items make no request."""
    request = spans("a", "b")
    for _ in range(3):
        request.resource_spans.add().scope_spans.add()
    stage.put("traces_1.binpb", request.SerializeToString())
    stage.intake.respond = [Reply(status=413)]
    run = await stage.run()
    assert (run.sent, stage.names) == (1, ["a", "b"])
    assert len(stage.intake.requests) == 1 + 2


async def test_busy_endpoint(stage: Stage) -> None:
    """An endpoint that is busy gets as much time as it asks for."""
    stage.put_spans("a")
    stage.intake.respond = [
        Reply(status=429, headers={"Retry-After": "7"}), Reply(status=503),
    ]  # fmt: skip
    run = await stage.run()
    assert (run.sent, stage.names) == (1, ["a"])
    assert stage.pauses_s == [7.0, PAUSES_S[1]]


async def test_busy_bucket(stage: Stage) -> None:
    """A bucket that is busy is asked again."""
    stage.put_spans("a")
    busy = chain([True, False, True], repeat(False))

    def refuse(_: object) -> None:
        if next(busy):
            raise AwsError("SlowDown", "Please reduce your request rate.", status=503)

    stage.aws.trouble.refuse = refuse
    run = await stage.run()
    assert (run.sent, stage.left) == (1, set())
    assert stage.pauses_s == [PAUSES_S[0]] * 2


async def test_dead_endpoint(stage: Stage) -> None:
    """An endpoint that takes nothing ends the run after a few files; nothing is deleted."""
    keys = {stage.put_spans("a", file=f"{number:02}") for number in range(20)}
    stage.intake.respond = lambda _: Reply(status=503)
    run = await stage.run()
    assert (run.sent, run.left, stage.left) == (0, 20, keys)
    assert "status 503" in run.stopped
    tried = len(stage.intake.requests) / (len(PAUSES_S) + 1)
    assert tried <= MOST_IN_A_ROW + AT_ONCE - 1


async def test_may_not_read(stage: Stage) -> None:
    """Without the permission to read, the run ends after a few files."""
    keys = {stage.put_spans("a", file=f"{number:02}") for number in range(20)}
    stage.aws.trouble.denied.add("s3:GetObject")
    run = await stage.run()
    assert (run.left, stage.left) == (20, keys)
    assert run.stopped.startswith("the bucket: ")
    assert "the role needs s3:GetObject" in run.stopped


async def test_a_few_failures_do_not_end_a_run(stage: Stage) -> None:
    """Each file is tried, and its reason is that of the file alone."""
    keys = {stage.put_spans("a", file=str(number)) for number in range(MOST_IN_A_ROW - 1)}
    stage.intake.respond = lambda _: Reply(status=503)
    run = await stage.run()
    assert (run.stopped, stage.left) == ("", keys)


async def test_one_bad_file_among_good_ones(stage: Stage) -> None:
    """A file that always fails does not end a run in which others are taken."""
    bad = {stage.put_spans("bad", file=f"bad{number}") for number in range(MOST_IN_A_ROW - 1)}
    for number in range(20):
        stage.put_spans("a", file=f"good{number}")
    stage.intake.respond = lambda request: Reply(status=503 if b"bad" in request.body else 200)
    run = await stage.run()
    assert (run.sent, run.stopped, stage.left) == (20, "", bad)


async def test_credentials_refused(stage: Stage) -> None:
    """An endpoint that refuses the credentials ends the run: it would refuse all files."""
    keys = {stage.put_spans("a", file=f"{number:02}") for number in range(20)}
    stage.intake.respond = lambda _: Reply(status=401)
    run = await stage.run()
    assert (run.left, stage.left) == (20, keys)
    assert run.stopped == "the endpoint refuses the credentials: status 401"
    assert len(stage.intake.requests) <= AT_ONCE


async def test_may_not_delete(stage: Stage) -> None:
    """Without the permission to delete, the run ends before all files are sent for nothing."""
    keys = {stage.put_spans("a", file=f"{number:02}") for number in range(20)}
    stage.aws.trouble.denied.add("s3:DeleteObject")
    run = await stage.run()
    assert (run.left, stage.left) == (20, keys)
    assert "the role needs s3:DeleteObject" in run.stopped
    assert len(stage.intake.requests) <= AT_ONCE


async def test_may_not_list(stage: Stage) -> None:
    """Without the permission to list, the error names it."""
    stage.aws.trouble.denied.add("s3:ListBucket")
    with pytest.raises(BucketError, match=re.escape("the role needs s3:ListBucket")):
        await stage.run()


async def test_interrupted_and_resumed(stage: Stage) -> None:
    """After an interruption nothing is lost, and the next run sends the rest."""
    for number in range(12):
        stage.put_spans(f"span {number:02}", file=f"{number:02}")
    hang = Hang()

    def respond(_: IntakeRequest) -> Reply | Hang:
        return Reply() if len(stage.intake.requests) < 6 else hang

    stage.intake.respond = respond
    running = asyncio.create_task(stage.run())
    await until(lambda: len(stage.intake.requests) >= 6 + AT_ONCE)
    running.cancel()
    await asyncio.wait([running])
    before = len(stage.left)
    assert 0 < before < 12
    hang.released.set()
    stage.intake.respond = []
    stage.intake.spans.clear()
    run = await stage.run()
    assert (run.sent, run.left, stage.left) == (before, 0, set())
    assert len(stage.names) == before


def refuse(stage: Stage, code: str, *, status: int, of: set[str]) -> None:
    """Have the bucket refuse to return these files."""

    def refuse_some(request: Received) -> None:
        if request.method == "GET" and unquote(request.path).endswith(tuple(of)):
            raise AwsError(code, "of this object", status=status)

    stage.aws.trouble.refuse = refuse_some


async def test_archived_files(stage: Stage) -> None:
    """They stay and are named, however many there are, and those after them are sent."""
    archived = {stage.put_spans("old", file=f"0{number}") for number in range(MOST_IN_A_ROW * 2)}
    stage.put_spans("a", file="1")
    refuse(stage, "InvalidObjectState", status=403, of=archived)
    run = await stage.run()
    assert (run.sent, run.left, run.stopped, stage.left) == (1, len(archived), "", archived)
    assert {*map(stage.problem_of, archived)} == {"left: archived; restore it first"}


async def test_files_that_another_run_has_sent(stage: Stage) -> None:
    """They are named, are not counted as left, and end nothing."""
    gone = {stage.put_spans("old", file=f"0{number}") for number in range(MOST_IN_A_ROW * 2)}
    stage.put_spans("a", file="1")
    refuse(stage, "NoSuchKey", status=404, of=gone)
    run = await stage.run()
    assert (run.sent, run.gone, run.left, run.stopped) == (1, len(gone), 0, "")
    assert {*map(stage.problem_of, gone)} == {"not there any more"}


PAGES = {
    "HTML": ("text/html", b"<!DOCTYPE html><html><body>Sign in</body></html>"),
    "no list of objects": ("application/json", b"{}"),
    "a part of one": ("application/xml", b"<ListBucketResult><Contents><Key>a</Key></Contents>"),
}


class Portal(Bucket):
    """What answers everything in the bucket's place."""

    def __init__(self, answer: Answer) -> None:
        self.location = location_of("s3://tea", region="eu-west-1")  # it needs no connection
        self._always = answer

    async def ask(self, *_: object, **__: object) -> Answer:
        """Answer."""
        return self._always


@pytest.mark.parametrize("why", PAGES)
async def test_an_answer_in_place_of_the_list(why: str) -> None:
    """A sign-in page does not mean that there are no files."""
    kind, content = PAGES[why]
    portal = Portal(Answer(status=200, content=content, content_type=kind))
    with pytest.raises(BucketError, match=why):
        _ = [key async for key in DeadLetterFiles(portal, clock=SystemClock()).list_keys()]


async def test_a_page_is_no_deletion() -> None:
    """A file is deleted when S3 says so."""
    page = Answer(status=200, content=b"<html></html>", content_type="text/html")
    with pytest.raises(BucketError, match="HTML"):
        await DeadLetterFiles(Portal(page), clock=SystemClock()).delete("traces_1.binpb.gz")


async def test_more_than_a_page(stage: Stage) -> None:
    """All pages of the list are read."""
    keys = [stage.put(f"traces_{number:04}.binpb.gz", b"") for number in range(1_001)]
    assert [key async for key in stage.files.list_keys()] == keys


async def test_signal_without_an_endpoint() -> None:
    """Files of a signal that has no endpoint stay, and do not end the run."""
    async with opened(signals=["traces"]) as stage:
        key = stage.put("logs_1.binpb", records("c").SerializeToString())
        stage.put_spans("a")
        run = await stage.run()
        assert (run.sent, run.stopped, stage.left) == (1, "", {key})
        assert stage.problem_of(key) == "left: no endpoint for logs"
