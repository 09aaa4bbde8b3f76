"""Misses of one moment share a call."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Mapping
from typing import Any

import pytest

from extension.aws.call import Answer, Call, Service
from extension.aws.calls import Calls
from extension.aws.errors import UNUSABLE, UpstreamError
from extension.parameters.batch import (
    MOST_NAMES,
    MOST_REFUSED,
    WINDOW_S,
    Batch,
    Leave,
    _hand_out,
    goes_alone,
)
from extension.parameters.hooks import Hooks
from extension.parameters.keys import Key, ParameterKey
from extension.parameters.upstream import Upstream
from extension.process.log import Log
from tests.doubles import DictSource, LogLines, ManualClock
from tests.waiting import PATIENCE_S, until

NO_BATCHES = UpstreamError(
    "AccessDeniedException",
    message="User: x is not authorized to perform: ssm:GetParameters on resource: *",
)
NAMES = [f"/p/{number}" for number in range(10)]


class Bench:
    """A batch over a source."""

    def __init__(self, source: DictSource, *, leave: Leave | None = None) -> None:
        clock = ManualClock()
        self.lines = LogLines()
        self.log = log = Log(clock=clock, sink=self.lines)
        self.hooks = hooks = Hooks(log=log)
        self.calls = Calls(source, threads=3, clock=clock, report=hooks.upstream_call, log=log)
        deadline_s = dict.fromkeys(Service, 60.0)
        upstream = Upstream(self.calls, deadline_s=deadline_s, hooks=hooks)
        self.batch = Batch(upstream, log=log, leave=leave)

    async def ask(self, names: list[str]) -> list[str]:
        """Ask for all in one moment; return values, or the error's code."""
        asking = (self.batch.fetch(ParameterKey(name), traceparent=None) for name in names)
        bodies = await asyncio.gather(*asking, return_exceptions=True)
        return [
            str(body) if isinstance(body, BaseException) else json.loads(body)["Parameter"]["Value"]
            for body in bodies
        ]


@pytest.fixture
def source() -> DictSource:
    """Ten parameters, each with its name for a value."""
    return DictSource(values={name: name for name in NAMES})


async def test_a_caller_that_has_left_costs_the_others_nothing() -> None:
    """Its value arrives, but it no longer waits for it."""
    loop = asyncio.get_running_loop()
    gone, waits = loop.create_future(), loop.create_future()
    gone.cancel()
    answer = {"Parameters": [{"Name": name, "Value": name} for name in NAMES[:2]]}
    left = _hand_out(answer, {ParameterKey(NAMES[0]): gone, ParameterKey(NAMES[1]): waits})
    assert left == {}
    assert json.loads(waits.result())["Parameter"]["Value"] == NAMES[1]


async def test_ten_names_are_sent_at_once(source: DictSource) -> None:
    """A full batch does not wait for its window; the eleventh begins another."""
    bench = Bench(source)
    assert await bench.ask([*NAMES, "/nope"]) == [*NAMES, "NotFound"]
    assert sorted(source.operations) == ["GetParameter", "GetParameters"]  # in two threads


async def test_next_moment_is_another_batch(source: DictSource) -> None:
    """The window of a full batch does not close the next one early."""
    bench = Bench(source)
    source.hold()
    first = asyncio.create_task(bench.ask(NAMES))
    await until(lambda: len(source.calls) == 1)
    source.release()
    assert await first == NAMES
    assert await bench.ask(NAMES[:2]) == NAMES[:2]
    assert source.operations == ["GetParameters", "GetParameters"]


async def test_refused_batch_is_asked_singly_until_its_names_are_given(
    source: DictSource,
) -> None:
    """Then the next is a batch again."""
    bench = Bench(source)
    source.error = UpstreamError("InvalidKeyId")
    assert await bench.ask(NAMES[:2]) == ["InvalidKeyId"] * 2
    source.error = None
    assert await bench.ask(NAMES[:2]) == NAMES[:2]
    assert await bench.ask(NAMES[:2]) == NAMES[:2]
    assert source.operations == ["GetParameters", *["GetParameter"] * 4, "GetParameters"]


async def test_rubbish_leaves_nobody_waiting(source: DictSource) -> None:
    """An answer that cannot be read is an error for all who wait."""
    bench = Bench(source)
    source.error = ValueError("rubbish")
    assert await bench.ask(NAMES[:2]) == ["ValueError"] * 2


class Faulty(Upstream):
    """Raises what no upstream should."""

    async def fetch(self, key: Key, *, traceparent: str | None = None) -> bytes:
        """Fail for one key."""
        raise ZeroDivisionError

    async def fetch_parameters(
        self, names: list[str], *, decrypt: bool, traceparent: str | None = None
    ) -> Answer:
        """Fail for several."""
        raise ZeroDivisionError


@pytest.mark.parametrize("number", [1, 2])
async def test_a_fault_of_ours_leaves_no_caller_waiting(source: DictSource, number: int) -> None:
    """Each gets an error that may pass, whether asked for alone or together."""
    bench = Bench(source)
    upstream = Faulty(bench.calls, deadline_s=dict.fromkeys(Service, 60.0), hooks=bench.hooks)
    bench.batch = Batch(upstream, log=bench.log)
    async with asyncio.timeout(PATIENCE_S):
        assert await bench.ask(NAMES[:number]) == [UNUSABLE] * number
        with pytest.raises(UpstreamError) as raised:
            await bench.batch.fetch(ParameterKey("/p"), traceparent=None)
    assert raised.value.transient


@pytest.mark.parametrize(
    ("name", "alone"),
    [
        ("/a/b", False),
        ("plain", False),
        ("arn:aws:ssm:eu-central-1:123456789012:parameter/a/b", False),
        ("/a/b:3", True),
        ("arn:aws:ssm:eu-central-1:123456789012:parameter/a/b:label", True),
        ("/aws/reference/secretsmanager/x", True),
    ],
)
def test_names_that_go_alone(name: str, alone: bool) -> None:
    """Selectors and references to secrets."""
    assert goes_alone(name) is alone


async def test_nothing_is_kept_of_a_batch_that_is_answered(source: DictSource) -> None:
    """Neither of one that was full nor of one whose window has closed."""
    bench = Bench(source)
    await bench.ask([*NAMES, "/nope"])
    await until(lambda: not bench.batch._calls)


class WithoutBatches(DictSource):
    """A role that may call GetParameter alone."""

    def call(self, call: Call) -> Mapping[str, Any]:
        """Answer a call, unless it is a batch."""
        answer = super().call(call)
        if call.operation == "GetParameters":
            raise NO_BATCHES
        return answer


class WithRefusals(DictSource):
    """A role that may not read the first name, be it in a batch."""

    refusal = NO_BATCHES

    def call(self, call: Call) -> Mapping[str, Any]:
        """Answer a call, unless the name is in it."""
        answer = super().call(call)
        if NAMES[0] in call.name.split(","):
            raise self.refusal
        return answer


async def test_a_denial_is_said_once() -> None:
    """Single calls are made from then on, whichever batches were under way."""
    source = WithoutBatches(values={name: name for name in NAMES})
    bench = Bench(source)
    source.hold()
    first = asyncio.create_task(bench.ask(NAMES))
    second = asyncio.create_task(bench.ask(NAMES[:2]))
    await until(lambda: len(source.calls) == 2)
    source.release()
    assert await first == NAMES
    assert await second == NAMES[:2]
    await until(lambda: not bench.batch._calls)
    batching = [each for each in bench.lines.messages if each.startswith("batching is off")]
    assert len(batching) == 1
    before = len(source.calls)
    assert await bench.ask(NAMES[:2]) == NAMES[:2]
    assert source.operations[before:] == ["GetParameter", "GetParameter"]


@pytest.mark.parametrize(
    "message",
    [
        "User: x is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu:1:key/2",
        "The ciphertext refers to a customer master key that does not exist",
    ],
)
async def test_a_denial_of_a_key_leaves_batches_on(source: DictSource, message: str) -> None:
    """One value that may not be decrypted says nothing of the others."""
    bench = Bench(source)
    source.error = UpstreamError("AccessDeniedException", message=message)
    assert await bench.ask(NAMES[:2]) == ["AccessDeniedException"] * 2
    source.error = None
    assert await bench.ask(NAMES[2:4]) == NAMES[2:4]
    assert source.operations[3:] == ["GetParameters"]
    assert not [each for each in bench.lines.messages if each.startswith("batching is off")]


@pytest.mark.parametrize("code", ["AccessDeniedException", "InvalidKeyId"])
async def test_a_name_that_is_refused_goes_alone_from_then_on(code: str) -> None:
    """Batches of the others go on: the role may read them, and GetParameters is allowed."""
    source = WithRefusals(values={name: name for name in NAMES})
    source.refusal = UpstreamError(code, message=NO_BATCHES.message)
    bench = Bench(source)
    assert await bench.ask([NAMES[0], *NAMES[1:3], "/nope"]) == [code, *NAMES[1:3], "NotFound"]
    await until(lambda: not bench.batch._calls)
    source.calls.clear()
    assert await bench.ask(NAMES[:3]) == [code, *NAMES[1:3]]
    assert sorted(source.operations) == ["GetParameter", "GetParameters"]
    assert not [each for each in bench.lines.messages if each.startswith("batching is off")]


async def test_names_that_are_refused_are_bounded() -> None:
    """A function may ask for a new one each time."""
    leave = Leave()
    leave.note_refused(map(str, range(2 * MOST_REFUSED + 1)))
    assert leave.refused == {str(2 * MOST_REFUSED)}


async def test_trouble_is_the_answer_for_all(source: DictSource) -> None:
    """Asking for each alone would make it worse."""
    bench = Bench(source)
    source.error = UpstreamError("ThrottlingException", transient=True)
    assert await bench.ask(NAMES[:3]) == ["ThrottlingException"] * 3
    assert source.operations == ["GetParameters"]


async def test_a_key_that_is_gathered_already_goes_alone(source: DictSource) -> None:
    """Each caller waits for its own answer."""
    bench = Bench(source)
    assert await bench.ask([NAMES[0], NAMES[0], NAMES[1]]) == [NAMES[0], NAMES[0], NAMES[1]]
    assert sorted(source.operations) == ["GetParameter", "GetParameters"]


async def test_values_with_and_without_decryption_are_two_batches(source: DictSource) -> None:
    """One call has one answer to that."""
    bench = Bench(source)
    keys = [ParameterKey(name, decrypt=decrypt) for name in NAMES[:2] for decrypt in (True, False)]
    await asyncio.gather(*(bench.batch.fetch(key, traceparent="p") for key in keys))
    assert [call.arguments["WithDecryption"] for call in source.calls] == [True, False]
    assert [call.name for call in source.calls] == ["/p/0,/p/1"] * 2


async def test_other_regions_and_roles_go_alone(source: DictSource) -> None:
    """A batch asks the function's own region, as its own role."""
    bench = Bench(source)
    arn = "arn:aws:ssm:us-east-1:111122223333:parameter/p/0"
    role = "arn:aws:iam::111122223333:role/r"
    source.values[arn] = "far"
    keys = [ParameterKey(arn), ParameterKey("/p/1", role=role), ParameterKey("/p/2")]
    await asyncio.gather(*(bench.batch.fetch(key, traceparent=None) for key in keys))
    assert source.operations == ["GetParameter"] * 3


async def test_what_an_answer_leaves_out_is_asked_for_alone(source: DictSource) -> None:
    """Neither found nor unknown: a single call says what it is."""
    bench = Bench(source)
    answer = source.call

    def incomplete(call: Call) -> Mapping[str, Any]:
        found = answer(call)
        if call.operation == "GetParameters":
            return {"Parameters": found["Parameters"][1:]}
        return found

    source.call = incomplete  # type: ignore[method-assign]
    assert await bench.ask(NAMES[:3]) == NAMES[:3]
    assert source.operations == ["GetParameters", "GetParameter"]


async def test_an_answer_may_have_arns_in_the_place_of_names(source: DictSource) -> None:
    """Each value is found by the one that was asked for."""
    bench = Bench(source)
    arn = "arn:aws:ssm:eu-central-1:111122223333:parameter/p/x"

    def by_arn(call: Call) -> Mapping[str, Any]:
        source.calls.append(call)
        parameters = [{"Name": "/p/x", "ARN": arn, "Value": "x"}, {"Name": "/p/1", "Value": "1"}]
        return {"Parameters": parameters}

    source.call = by_arn  # type: ignore[method-assign]
    assert await bench.ask([arn, "/p/1"]) == ["x", "1"]
    assert source.operations == ["GetParameters"]


def test_how_long_a_batch_gathers() -> None:
    """Three milliseconds, which no caller notices; GetParameters takes ten names."""
    assert (WINDOW_S, MOST_NAMES) == (0.003, 10)


async def test_a_fault_of_ours_is_told_to_callers_alone(source: DictSource) -> None:
    """The loop has nothing to complain of: no `exception was never retrieved`."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: complaints.append(about))
    bench = Bench(source)
    upstream = Faulty(bench.calls, deadline_s=dict.fromkeys(Service, 60.0), hooks=bench.hooks)
    bench.batch = Batch(upstream, log=bench.log)
    await bench.ask(NAMES[:2])
    await until(lambda: not bench.batch._calls)
    gc.collect()  # asyncio complains when the task is collected
    assert complaints == []


async def test_what_was_denied_to_one_is_not_asked_by_another(source: DictSource) -> None:
    """Those that share the role's leave; without it each finds out by itself."""
    leave = Leave()
    denying = WithoutBatches(values=source.values)
    await Bench(denying, leave=leave).ask(NAMES[:2])
    await until(lambda: not leave.is_given)
    assert await Bench(source, leave=leave).ask(NAMES[:2]) == NAMES[:2]
    assert source.operations == ["GetParameter"] * 2
    assert await Bench(source).ask(NAMES[:2]) == NAMES[:2]
    assert source.operations[2:] == ["GetParameters"]


async def test_a_batch_under_way_is_kept(source: DictSource) -> None:
    """Of a task that nothing holds, Python may collect the memory before it has ended."""
    bench = Bench(source)
    source.hold()
    asking = asyncio.create_task(bench.ask(NAMES))
    await until(lambda: source.calls)
    assert len(bench.batch._calls) == 1
    source.release()
    assert await asking == NAMES
