"""What is asked of AWS for a key: in which region, how often, and who learns of the values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from extension.aws.call import STS, Answer, Call, Service
from extension.aws.calls import Calls
from extension.aws.errors import UNUSABLE, UpstreamError
from extension.parameters.hooks import Hooks
from extension.parameters.keys import Key, ParameterKey, PathKey, SecretKey
from extension.parameters.upstream import Upstream
from extension.process.log import Log
from extension.process.waits import TimeLimit
from tests.doubles import LogLines, ManualClock

HOME, FIRST, SECOND = "eu-central-1", "us-east-1", "us-west-2"
FAULT = UpstreamError("InternalFailure", transient=True)
REFUSAL = UpstreamError("AccessDeniedException")


class Regions:
    """AWS, which fails where it should, and otherwise answers with `answers`, one after the other,
    the last one for ever."""

    region = HOME

    def __init__(self, *answers: Mapping[str, Any]) -> None:
        self.answers = list(answers)
        self.failing: dict[str, UpstreamError] = {}
        self.calls: list[Call] = []
        self.clock = ManualClock()
        self.freezes = False

    def call(self, call: Call) -> Mapping[str, Any]:
        """Answer a call, or fail."""
        self.calls.append(call)
        if self.freezes:
            self.clock.freeze(600)
        if call.place.region in self.failing:
            raise self.failing[call.place.region]
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def session_tokens(self) -> tuple[str, ...]:
        """Return none."""
        return ()

    @property
    def asked(self) -> list[str]:
        """The regions that were asked, in their order."""
        return [each.place.region for each in self.calls]


class _Calls(Calls):
    """Notes what was left of the limits of each call."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.left_s: list[list[float]] = []

    async def run(
        self, call: Call, *, traceparent: str | None, limits: Sequence[TimeLimit] = ()
    ) -> Answer:
        """Run the call."""
        self.left_s.append([limit.left_s for limit in limits])
        return await super().run(call, traceparent=traceparent, limits=limits)


class Bench:
    """What asks the regions, and the values that it told of."""

    def __init__(self, aws: Regions, *, regions: tuple[str, ...] = ()) -> None:
        log = Log(clock=aws.clock, sink=LogLines())
        hooks = Hooks(log=log)
        self.values: list[tuple[str, str | bytes, bool]] = []
        hooks.on_value = self._learn
        self.calls = _Calls(aws, threads=1, clock=aws.clock, report=hooks.upstream_call, log=log)
        self.upstream = Upstream(
            self.calls, deadline_s=dict.fromkeys(Service, 60.0), hooks=hooks, regions=regions
        )

    def _learn(self, name: str, value: str | bytes, *, secure: bool) -> None:
        self.values.append((name, value, secure))


SECRET = {"ARN": "arn", "Name": "s", "SecretString": "v"}


def parameter(name: str, value: str = "v", *, kind: str = "SecureString") -> Mapping[str, Any]:
    """Return a parameter as AWS does."""
    return {"Name": name, "Type": kind, "Value": value, "Version": 1}


@pytest.mark.parametrize(
    ("key", "answer", "values"),
    [
        (SecretKey("s"), SECRET, [("s", "v", True)]),
        (ParameterKey("/p", decrypt=True), {"Parameter": parameter("/p")}, [("/p", "v", True)]),
        (
            ParameterKey("/p"),
            {"Parameter": parameter("/p", kind="String")},
            [("/p", "v", False)],
        ),
        (
            PathKey("/p", decrypt=True),
            {"Parameters": [parameter("/p/a"), parameter("/p/b", "w")]},
            [("/p/a", "v", True), ("/p/b", "w", True)],
        ),
    ],
)
async def test_each_value_that_comes_is_told(
    key: Key, answer: Mapping[str, Any], values: list[tuple[str, str, bool]]
) -> None:
    """Redaction has to know it before anyone can log it."""
    bench = Bench(Regions(answer))
    await bench.upstream.fetch(key)
    assert bench.values == values


async def test_values_of_a_batch_are_told_likewise() -> None:
    """Each of them."""
    bench = Bench(Regions({"Parameters": [parameter("/a"), parameter("/b", "w")]}))
    await bench.upstream.fetch_parameters(["/a", "/b"], decrypt=True)
    assert bench.values == [("/a", "v", True), ("/b", "w", True)]


async def test_a_region_that_failed_is_asked_last_from_then_on() -> None:
    """Until half a minute has passed, or it has answered."""
    aws = Regions(SECRET)
    bench = Bench(aws, regions=(FIRST, SECOND))
    aws.failing = {FIRST: FAULT}
    await bench.upstream.fetch(SecretKey("s"))
    await bench.upstream.fetch(SecretKey("s"))
    assert aws.asked == [FIRST, SECOND, SECOND]
    aws.clock.advance(30)
    aws.failing = {}
    await bench.upstream.fetch(SecretKey("s"))
    assert aws.asked[3:] == [FIRST]


async def test_a_region_that_answers_again_is_the_first_again() -> None:
    """Although it was asked as the last one, because the other failed, too."""
    aws = Regions(SECRET)
    bench = Bench(aws, regions=(FIRST, SECOND))
    aws.failing = {FIRST: FAULT}
    await bench.upstream.fetch(SecretKey("s"))
    aws.failing = {SECOND: FAULT}
    await bench.upstream.fetch(SecretKey("s"))
    aws.failing = {}
    await bench.upstream.fetch(SecretKey("s"))
    assert aws.asked == [FIRST, SECOND, SECOND, FIRST, FIRST]


@pytest.mark.parametrize(
    "final", [REFUSAL, UpstreamError("Unavailable", service=STS, transient=True)]
)
async def test_what_another_region_would_answer_alike_is_final(final: UpstreamError) -> None:
    """A refusal, and a failure of STS, which is asked in the function's region for all of them."""
    aws = Regions(SECRET)
    aws.failing = {FIRST: final}
    bench = Bench(aws, regions=(FIRST, SECOND))
    with pytest.raises(UpstreamError) as raised:
        await bench.upstream.fetch(SecretKey("s"))
    assert raised.value is final
    assert aws.asked == [FIRST]


async def test_calls_know_the_limits_that_do_not_count_while_they_wait_for_their_turn() -> None:
    """That of the fetch and, where another region could be asked, the share of a region."""
    bench = Bench(Regions(SECRET), regions=(FIRST, SECOND))
    await bench.upstream.fetch(SecretKey("s"))
    await bench.upstream.next_rotation(SecretKey("s"))
    assert bench.calls.left_s == [[60.0, 30.0], [60.0]]
    bench = Bench(Regions({"Parameters": []}))
    await bench.upstream.fetch(PathKey("/p"))
    await bench.upstream.fetch_parameters(["/p"], decrypt=True)
    assert bench.calls.left_s == [[60.0], [60.0]]


async def test_the_first_failure_is_that_of_all() -> None:
    """The region that was meant to answer says why."""
    aws = Regions(SECRET)
    second = UpstreamError("Throttling", transient=True)
    aws.failing = {FIRST: FAULT, SECOND: second}
    with pytest.raises(UpstreamError) as raised:
        await Bench(aws, regions=(FIRST, SECOND)).upstream.fetch(SecretKey("s"))
    assert raised.value is FAULT
    assert aws.asked == [FIRST, SECOND]


@pytest.mark.parametrize(("regions", "reconnects"), [((), True), ((FIRST, SECOND), False)])
async def test_a_region_that_is_alone_is_connected_to_again(
    regions: tuple[str, ...], *, reconnects: bool
) -> None:
    """Where there are others, the next one is the better next try."""
    aws = Regions(SECRET)
    await Bench(aws, regions=regions).upstream.fetch(SecretKey("s"))
    assert [each.reconnects for each in aws.calls] == [reconnects]


async def test_pages_are_one_answer() -> None:
    """Each is asked for by the token of the one before it."""
    aws = Regions(
        {"Parameters": [parameter("/p/a")], "NextToken": "t"}, {"Parameters": [parameter("/p/b")]}
    )
    bench = Bench(aws)
    body = await bench.upstream.fetch(PathKey("/p"))
    assert body.index(b"/p/a") < body.index(b"/p/b")
    assert [each.arguments.get("NextToken") for each in aws.calls] == [None, "t"]
    assert len(bench.values) == 2


async def test_a_path_has_as_many_pages_as_the_cache_has_entries() -> None:
    """A hundred of ten; with more the path is too wide."""
    aws = Regions(*[{"Parameters": [parameter("/p")], "NextToken": "t"}] * 100)
    with pytest.raises(UpstreamError) as raised:
        await Bench(aws).upstream.fetch(PathKey("/p"))
    assert (raised.value.code, len(aws.calls)) == (UNUSABLE, 100)


@pytest.mark.parametrize("date", [datetime(2026, 1, 1, tzinfo=UTC), None, "soon"])
async def test_the_next_rotation_is_a_date(date: object) -> None:
    """Or there is none."""
    aws = Regions({"ARN": "arn", "NextRotationDate": date})
    found = await Bench(aws).upstream.next_rotation(SecretKey("s"))
    assert found == (date if isinstance(date, datetime) else None)


@pytest.mark.parametrize(
    ("freezes", "error", "calls"), [(True, FAULT, 2), (True, REFUSAL, 1), (False, FAULT, 1)]
)
async def test_what_a_freeze_cut_is_asked_once_more(
    error: UpstreamError, calls: int, *, freezes: bool
) -> None:
    """Its connections are dead then; a refusal, or a failure without a freeze, stands."""
    aws = Regions(SECRET)
    aws.failing, aws.freezes = {HOME: error}, freezes
    with pytest.raises(UpstreamError):
        await Bench(aws).upstream.fetch(SecretKey("s"))
    assert len(aws.calls) == calls


@pytest.mark.parametrize(
    ("key", "is_at_home"),
    [
        (ParameterKey("/p"), True),
        (ParameterKey("/p", role="arn:aws:iam::1:role/r"), False),
        (ParameterKey(f"arn:aws:ssm:{FIRST}:1:parameter/p"), False),
        (ParameterKey(f"arn:aws:ssm:{HOME}:1:parameter/p"), True),
    ],
)
def test_what_is_at_home(key: Key, *, is_at_home: bool) -> None:
    """The function's own region, asked as its own role."""
    assert Bench(Regions({})).upstream.is_at_home(key) is is_at_home
