"""The labels of a metric point: as many as CloudWatch takes, those of its resource included."""

from __future__ import annotations

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import NumberDataPoint
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from extension.telemetry.otlp import attributes as names
from extension.telemetry.otlp.labels import cut_labels
from extension.telemetry.otlp.shrink import leave_out
from extension.telemetry.otlp.stored_event import text_bound


def labels(count: int, value: str = "v", *, name: str = "l") -> list[KeyValue]:
    """Return so many labels."""
    return [
        KeyValue(key=f"{name}{number:03}", value=AnyValue(string_value=value))
        for number in range(count)
    ]


def scope(*, count: int = 0) -> InstrumentationScope:
    """Return a scope whose name and version have twenty bytes."""
    return InstrumentationScope(
        name="scope-of-ten"[:15], version="1.000000", attributes=labels(count, "", name="s")
    )


@pytest.mark.parametrize(
    ("own", "shared", "of_scope", "cut"),
    [(48, 100, 0, 0), (49, 100, 0, 1), (43, 100, 5, 0), (44, 100, 5, 1), (148, 0, 0, 0)],
)
def test_a_hundred_and_fifty_labels(own: int, shared: int, of_scope: int, cut: int) -> None:
    """With the scope's name and version; what is within them stays as it is."""
    point = NumberDataPoint(attributes=labels(own))
    resource = Resource(attributes=labels(shared))
    whole = scope(count=of_scope)
    assert cut_labels(point, resource, whole) == cut
    assert len(point.attributes) == own
    assert len(resource.attributes) == shared - cut


def test_a_point_keeps_half_of_them_where_both_have_too_many() -> None:
    """The resource gets the rest."""
    point, resource = NumberDataPoint(attributes=labels(200)), Resource(attributes=labels(200))
    assert cut_labels(point, resource, scope()) == 1
    assert (len(point.attributes), len(resource.attributes)) == (74, 74)


SCOPE_BYTES = 20
EACH = 4
"""Bytes of a label's name."""


def padded(total: int) -> list[KeyValue]:
    """Return two labels of so many bytes."""
    [one, other] = labels(2)
    one.value.string_value = "x" * (total // 2 - EACH)
    left = total - total // 2 - EACH
    other.value.string_value = "ü" * (left // 2) + "x" * (left % 2)
    return [one, other]


def sizes(point: NumberDataPoint, resource: Resource) -> tuple[int, int]:
    """Return the bytes of the labels of both."""
    own, shared = (
        sum(len(each.key.encode()) + len(each.value.string_value.encode()) for each in of)
        for of in (point.attributes, resource.attributes)
    )
    return own, shared


@pytest.mark.parametrize(("more", "cut"), [(0, 0), (1, 1)])
def test_forty_thousand_bytes(more: int, cut: int) -> None:
    """Of names and values in UTF-8; the resource is cut, for all points share it."""
    point = NumberDataPoint(attributes=padded(10_000))
    resource = Resource(attributes=padded(30_000 - SCOPE_BYTES + more))
    assert sizes(point, resource) == (10_000, 29_980 + more)
    assert cut_labels(point, resource, scope()) == cut
    own, shared = sizes(point, resource)
    assert own == 10_000
    assert shared < 29_980 if cut else shared == 29_980


def test_a_point_with_more_than_half_is_cut_first() -> None:
    """And the resource is not, if that is enough."""
    point = NumberDataPoint(attributes=padded(30_000))
    resource = Resource(attributes=padded(15_000))
    assert cut_labels(point, resource, scope()) == 1
    own, shared = sizes(point, resource)
    assert own <= 20_000
    assert shared == 15_000


def test_a_point_with_half_of_the_bytes_keeps_them() -> None:
    """The resource is cut then."""
    point = NumberDataPoint(attributes=padded(20_000))
    resource = Resource(attributes=padded(24_000))
    assert cut_labels(point, resource, scope()) == 1
    own, shared = sizes(point, resource)
    assert own == 20_000
    assert own + shared + SCOPE_BYTES <= 40_000


def test_a_resource_that_fits_beside_a_point_that_was_cut_stays_as_it_is() -> None:
    """To the byte: forty thousand of both and the scope together."""

    def cut_beside(shared: int) -> tuple[NumberDataPoint, int]:
        point = NumberDataPoint(attributes=padded(30_000))
        resource = Resource(attributes=padded(shared))
        assert cut_labels(point, resource, scope()) == 1
        return point, sizes(point, resource)[1]

    point, _ = cut_beside(15_000)
    mark = text_bound(point.attributes[-1].value.SerializeToString())
    fits = 40_000 - SCOPE_BYTES - sizes(point, Resource())[0] - mark
    assert cut_beside(fits) == (point, fits)
    assert cut_beside(fits + 1)[1] < fits


def test_labels_of_the_scope_count() -> None:
    """By their bytes, too: names as they are, other values than texts as JSON at most."""
    wide = scope()
    wide.attributes.extend(labels(1, "x" * 5000))
    point = NumberDataPoint(attributes=padded(10_000))
    resource = Resource(attributes=padded(28_000))
    assert cut_labels(point, resource, wide) == 1
    number = KeyValue(key="n", value=AnyValue(int_value=7))
    point = NumberDataPoint(attributes=[*padded(10_000), number])
    resource = Resource(attributes=padded(30_000 - SCOPE_BYTES - 2))
    assert cut_labels(point, resource, scope()) == 1


def test_what_was_left_out_of_the_resource_is_not_cut_again() -> None:
    """A resource that fits stays as it is for the next point."""
    resource = Resource(attributes=labels(200))
    leave_out(resource, most=100)
    before = Resource()
    before.CopyFrom(resource)
    assert cut_labels(NumberDataPoint(attributes=labels(10)), resource, scope()) == 0
    assert resource == before
    assert resource.attributes[-1].key == names.CUT_FROM
