"""From what is finished to the buffer: in small requests, sampled, and what a fault costs."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from extension.settings.sharing import Share
from extension.telemetry.assembly.cache_use import CacheCall
from extension.telemetry.assembly.finished import Invocation, Overhead
from extension.telemetry.assembly.sampling import Sampler
from extension.telemetry.export.buffer import REQUEST_BYTES, PendingItem, Signal
from extension.telemetry.health import Health
from tests import platform_events as given
from tests.pipeline_stage import WHOLE, Recording, Stage
from tests.posted_requests import records, spans


def test_a_large_request_of_the_sdk_becomes_several(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of an export is made of small ones; one that is full stays whole."""
    stage = Stage("traces")
    names = [f"span {number}" for number in range(2000)]
    body = spans(*names).SerializeToString()
    assert len(body) > 2 * REQUEST_BYTES
    added: list[PendingItem] = []
    monkeypatch.setattr(stage.buffer, "add", added.append)
    stage.pipeline.take_sdk("traces", body, len(names))
    assert sum(each.count for each in added) == len(names)
    assert max(len(each.body) for each in added) <= REQUEST_BYTES
    added.clear()
    stage.pipeline.take_sdk("traces", b"x" * REQUEST_BYTES, 7)
    assert [(len(each.body), each.count) for each in added] == [(REQUEST_BYTES, 7)]


def sampled(share: float) -> tuple[Stage, Recording]:
    """Return a stage that keeps a share of the invocations, and its encoder."""
    encoder = Recording(health=Health())
    filtered, dropped = Counter[str](), Counter[str]()
    sampler = Sampler(share=Share(share), filtered=filtered, dropped=dropped)
    return Stage("traces", "logs", encoder=encoder, sampler=sampler), encoder


def test_what_is_not_kept_is_measured() -> None:
    """Metrics count every invocation, and so does the line at the end."""
    stage, encoder = sampled(0.0)
    stage.feed(*WHOLE)
    stage.pipeline.end(reason="spindown", now_ns=given.ns(9))
    assert [type(each) for each in encoder.seen] == [Invocation, Overhead]
    assert (stage.health.finished, stage.buffer.count) == (1, 0)


def test_what_else_is_not_kept_is_no_invocation() -> None:
    """As a call of the cache."""
    stage, encoder = sampled(0.0)
    stage.feed(WHOLE[0])
    call = CacheCall(
        service="SSM", operation="o", name="n", start_ns=given.ns(1), end_ns=given.ns(2)
    )
    stage.pipeline.cache_called(call)
    stage.feed(*WHOLE[1:])
    stage.pipeline.end(reason="spindown", now_ns=given.ns(9))
    assert len(encoder.seen) == 3
    assert stage.health.finished == 1


def test_what_is_kept_leaves_and_a_fault_costs_it_alone() -> None:
    """Each of what a verdict lets go is encoded by itself."""
    stage, encoder = sampled(1.0)
    stage.feed(*WHOLE)
    stage.pipeline.end(reason="spindown", now_ns=given.ns(9))
    assert (stage.health.finished, stage.buffer.count, stage.health.dropped) == (1, 2, {})
    stage, encoder = sampled(1.0)
    encoder.breaks = True
    stage.feed(*WHOLE)
    stage.pipeline.end(reason="spindown", now_ns=given.ns(9))
    assert stage.health.faults == {"LookupError": 2}
    assert stage.health.dropped == {"fault": 2}


@pytest.mark.parametrize(
    ("signal", "body", "divided"),
    [
        ("metrics", b"m", []),
        ("traces", b"t", []),
        ("logs", records("a").SerializeToString(), ["logs"]),
    ],
)
def test_what_no_verdict_concerns_is_passed_on_as_it_is(
    signal: Signal, body: bytes, divided: list[object]
) -> None:
    """Where all invocations are kept, log records alone are looked at: they may be details."""
    stage, encoder = sampled(1.0)
    stage.pipeline.take_sdk(signal, body, 1)
    stage.pipeline.end(reason="spindown", now_ns=given.ns(9))
    assert (encoder.seen, stage.buffer.count, stage.health.faults) == (divided, 1, {})


def test_what_the_sdk_sent_is_lost_where_it_cannot_be_divided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of it, and it is counted."""

    def fails(*_: object, **__: object) -> Any:
        raise LookupError

    monkeypatch.setattr(Recording, "divide_sdk", fails)
    stage, _ = sampled(0.5)
    stage.pipeline.take_sdk("traces", spans("a", "b").SerializeToString(), 2)
    assert stage.health.faults == {"LookupError": 1}
    assert stage.health.dropped == {"fault": 2}
