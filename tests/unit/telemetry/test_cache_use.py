"""The cache in the trace: calls to AWS as spans, GETs as counts."""

from __future__ import annotations

import pytest

from extension.process.frozen import replace
from extension.telemetry.assembly.cache_use import (
    MAX_CALLS,
    CacheAnswer,
    CacheCall,
    parse_traceparent,
)
from extension.telemetry.assembly.finished import CallSpan, Invocation
from extension.telemetry.assembly.initialization import Initialization
from extension.telemetry.assembly.invocations import Assembler
from extension.telemetry.otlp.spans import SpanBuilder
from extension.telemetry.resource_identity import ResourceIdentity
from tests import platform_events as given
from tests.assembly import assemble
from tests.doubles import SequentialIds
from tests.platform_events import ns
from tests.span_text import as_text

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def call(begin: float, *, traceparent: str = "", code: str = "") -> CacheCall:
    """Return a call to AWS of half a second."""
    return CacheCall(
        service="Secrets Manager",
        operation="GetSecretValue",
        name="shop/key",
        start_ns=ns(begin),
        end_ns=ns(begin + 0.5),
        code=code,
        request_id="aws-1",
        traceparent=traceparent,
    )


def answer(result: str, *, waited_s: float = 0.0) -> CacheAnswer:
    """Return how a GET was answered."""
    return CacheAnswer(result=result, age_s=1.0, waited_s=waited_s)


def test_a_call_is_a_span_under_its_invocation() -> None:
    """It goes out right behind the invocation's, and says what was asked, never the value."""
    ids = SequentialIds()
    into, builder = Assembler(ids=ids), SpanBuilder(ids=ids, identity=ResourceIdentity())
    assemble(into, [[given.start("r", 1)]])
    assert into.feed_call(call(1.2)) == []
    invocation, called = assemble(into, [[given.done("r", 2)]])
    assert isinstance(invocation, Invocation)
    assert (
        as_text(builder.build(called))
        == """\
Secrets Manager.GetSecretValue  1.2 to 1.7  CLIENT UNSET
  5759e988bd862e3fe1be46a994272793 1 under 24cd7d670fa455f0
  rpc.system = 'aws-api'
  rpc.service = 'Secrets Manager'
  rpc.method = 'GetSecretValue'
  aws.request_id = 'aws-1'
  lambda_dispatch.cache.entry = 'shop/key'
  lambda_dispatch.cache.attempts = 1
  lambda_dispatch.cache.throttles = 0
"""
    )


def test_a_call_that_failed_says_with_what() -> None:
    """AWS's error code is the error's type."""
    ids = SequentialIds()
    builder = SpanBuilder(ids=ids, identity=ResourceIdentity())
    [span] = builder.build(CallSpan(call=call(1, code="AccessDeniedException")))
    assert span.status.is_ok is False
    assert (span.attributes or {})["error.type"] == "AccessDeniedException"


def test_a_call_says_which_region_it_went_to() -> None:
    """The one that was asked; the function's, if the call names none."""
    builder = SpanBuilder(ids=SequentialIds(), identity=ResourceIdentity(region="eu-central-1"))
    regions = []
    for called in (call(1), replace(call(1), region="eu-west-1")):
        [span] = builder.build(CallSpan(call=called))
        regions.append((span.attributes or {})["cloud.region"])
    assert regions == ["eu-central-1", "eu-west-1"]


def test_a_call_of_a_traced_get_hangs_under_its_caller() -> None:
    """A function with its own SDK sends `traceparent`, and finds the call in its own span."""
    into = Assembler(ids=SequentialIds())
    [called] = into.feed_call(call(1, traceparent=TRACEPARENT))
    assert called.context is not None
    assert called.context.trace_id == 0x0AF7651916CD43DD8448EB211C80319C
    assert called.context.span_id == 0xB7AD6B7169203331


def test_a_call_before_its_invocation_is_known_belongs_to_it() -> None:
    """A quick function's call may end before INVOKE is read: its time says whose it is."""
    into = Assembler(ids=SequentialIds())
    assert into.feed_call(call(1.2)) == []
    events = [*given.init(0, 1), given.start("r", 1), given.done("r", 2)]
    initialization, invocation, called = assemble(into, [events])
    assert isinstance(initialization, Initialization)
    assert isinstance(invocation, Invocation)
    assert isinstance(called, CallSpan)
    assert initialization.calls == ()
    assert called.call == call(1.2)
    assert called.context is not None
    assert called.context.span_id == invocation.context.span_id


def test_a_flood_of_calls_is_bounded() -> None:
    """Memory does not grow with what a function asks for within one invocation."""
    into = Assembler(ids=SequentialIds())
    assemble(into, [[given.start("r", 1)]])
    for _ in range(MAX_CALLS + 50):
        assert into.feed_call(call(1.2)) == []
    finished = assemble(into, [[given.done("r", 2)]])
    assert len([each for each in finished if isinstance(each, CallSpan)]) == MAX_CALLS


def test_what_is_fetched_before_the_first_invocation_belongs_to_init() -> None:
    """The prefetch explains a long init."""
    into = Assembler(ids=SequentialIds())
    assert into.feed_call(call(0.2)) == []
    events = [*given.init(0, 1), given.start("r", 1), given.done("r", 2)]
    initialization, _ = assemble(into, [events])
    assert isinstance(initialization, Initialization)
    assert initialization.calls == (call(0.2),)


def test_a_flood_before_the_first_invocation_is_bounded() -> None:
    """A sandbox that was warmed ahead of time may wait, and ask, for long."""
    into = Assembler(ids=SequentialIds())
    for _ in range(MAX_CALLS + 50):
        assert into.feed_call(call(0.2)) == []
    [initialization] = [*assemble(into, [given.init(0, 1)]), *into.end(reason="", now_ns=ns(2))]
    assert isinstance(initialization, Initialization)
    assert len(initialization.calls) == MAX_CALLS


def test_a_call_before_an_init_that_nobody_tells_goes_alone() -> None:
    """Without platform events there is no span of init that could carry it."""
    into = Assembler(ids=SequentialIds(), with_platform=False)
    assert into.feed_call(call(0.2)) == [CallSpan(call=call(0.2))]


def test_a_call_after_the_response_is_not_lost() -> None:
    """A refresh behind the response still belongs to the invocation that caused it."""
    into = Assembler(ids=SequentialIds())
    assemble(into, [[given.start("r", 1), given.done("r", 2)]])
    [called] = into.feed_call(call(2.1))
    assert isinstance(called, CallSpan)
    assert called.request_id == "r"


def test_gets_are_counted_on_their_invocation() -> None:
    """Hits, misses, stale answers and the time waited."""
    ids = SequentialIds()
    into, builder = Assembler(ids=ids), SpanBuilder(ids=ids, identity=ResourceIdentity())
    assemble(into, [[given.start("r", 1)]])
    for result, waited_s in (("HIT", 0), ("HIT", 0), ("MISS", 0.02), ("STALE", 0.1), ("ERROR", 1)):
        into.count_answer(answer(result, waited_s=waited_s), now_ns=ns(1.5))
    [invocation] = assemble(into, [[given.done("r", 2)]])
    attributes = builder.build(invocation)[0].attributes or {}
    figures = {
        name.rpartition(".")[2]: attributes[name] for name in attributes if ".cache." in name
    }
    assert figures == {"hits": 2, "misses": 2, "stale": 1, "wait_ms": 1120.0}


def test_a_get_before_any_invocation_counts_for_none() -> None:
    """An initialization asks, too; the first invocation has figures of its own alone."""
    into = Assembler(ids=SequentialIds())
    into.count_answer(answer("MISS"), now_ns=ns(0.5))
    assemble(into, [[given.start("r", 1)]])
    into.count_answer(answer("HIT"), now_ns=ns(1.5))
    [invocation] = assemble(into, [[given.done("r", 2)]])
    assert isinstance(invocation, Invocation)
    assert invocation.cache is not None
    assert (invocation.cache.hits, invocation.cache.misses) == (1, 0)


def test_a_get_sooner_than_its_invocation_is_known_counts_for_it() -> None:
    """The function may ask before we have seen INVOKE; the one before is over and out."""
    into = Assembler(ids=SequentialIds())
    assemble(into, [[given.start("a", 1), given.done("a", 2)]])
    into.count_answer(answer("HIT"), now_ns=ns(3))
    into.invoke("b", tracing="", invoked_arn="", now_ns=ns(3.01))
    [invocation] = assemble(into, [[given.start("b", 3), given.done("b", 4)]])
    assert isinstance(invocation, Invocation)
    assert invocation.cache is not None
    assert invocation.cache.hits == 1


def test_so_many_gets_sooner_than_their_invocation_are_counted() -> None:
    """The last 1024; more than that is no race but work in the background."""
    into = Assembler(ids=SequentialIds())
    assemble(into, [[given.start("a", 1), given.done("a", 2)]])
    for result in ["MISS", "MISS", *["HIT"] * 1023]:
        into.count_answer(answer(result), now_ns=ns(3))
    into.invoke("b", tracing="", invoked_arn="", now_ns=ns(3.01))
    [invocation] = assemble(into, [[given.start("b", 3), given.done("b", 4)]])
    assert isinstance(invocation, Invocation)
    assert invocation.cache is not None
    assert (invocation.cache.hits, invocation.cache.misses) == (1023, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "00-" + "0" * 32 + "-b7ad6b7169203331-01",
        TRACEPARENT[:-1],
        "x" + TRACEPARENT,
    ],
)
def test_a_traceparent_that_is_none(text: str) -> None:
    """What is not a header of W3C's form is no parent."""
    assert parse_traceparent(text) is None


def test_a_traceparent_of_tomorrow() -> None:
    """A later version may have more behind it."""
    assert parse_traceparent("01" + TRACEPARENT[2:] + "-more") is not None


def test_a_callers_own_span_is_a_remote_parent() -> None:
    """It lives in another process; the invocation's span is one of ours."""
    ids = SequentialIds()
    into, builder = Assembler(ids=ids), SpanBuilder(ids=ids, identity=ResourceIdentity())
    [known] = into.feed_call(call(1.2, traceparent=TRACEPARENT))
    [span] = builder.build(known)
    assert span.parent is not None
    assert span.parent.is_remote
