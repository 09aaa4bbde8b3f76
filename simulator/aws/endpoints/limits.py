"""The limits of AWS's OTLP endpoints, in one table.

Where AWS writes KB or MB without the number of bytes, 1 KB is 1 000 bytes here: who stays below
that stays below the other reading too.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html
"""

from __future__ import annotations

_KB = 1_000
_MB = 1_000_000
_SECOND_NS = 1_000_000_000
_HOUR_NS = 3_600 * _SECOND_NS

MAX_SPANS_BYTES = 5 * _MB
"""Of one request to X-Ray, uncompressed."""
MAX_SPANS = 10_000
MAX_SPAN_BYTES = 200 * _KB

MAX_EVENTS_BYTES = 1_048_576
"""The sum of the events of one request, each in UTF-8 with EVENT_OVERHEAD_BYTES more."""
MAX_EVENTS_BYTES_IN_LARGE_REGIONS = 20_971_520
LARGE_REGIONS = frozenset(
    {
        "us-east-1",
        "us-east-2",
        "us-west-2",
        "eu-central-1",
        "eu-west-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-south-1",
        "ap-northeast-1",
    }
)
"""There a request may hold more, and one event that is larger than MAX_EVENT_BYTES."""
EVENT_OVERHEAD_BYTES = 26
MAX_EVENTS = 10_000
MAX_EVENT_BYTES = 1_048_576

MAX_RESOURCE_AND_SCOPE_BYTES = 16 * _KB
"""Of each unique pair, for spans and log records; one larger pair refuses the whole request."""

MAX_METRICS_BYTES = 1 * _MB
MAX_POINTS = 1_000
MAX_LABELS = 150
MAX_LABELS_BYTES = 40 * _KB

MAX_AGE_NS = 14 * 24 * _HOUR_NS
MAX_AHEAD_NS = 2 * _HOUR_NS
MAX_POINT_AHEAD_NS = 10 * 60 * _SECOND_NS
MAX_SPREAD_NS = 24 * _HOUR_NS
DAY_NS = 24 * _HOUR_NS

MAX_DECOMPRESSED_BYTES = 64 * 1024 * 1024
"""More is not even decompressed: a sum of events over its limit is found before that."""


def max_events_bytes(region: str) -> int:
    """Return how many bytes of events one request to Logs may hold."""
    return MAX_EVENTS_BYTES_IN_LARGE_REGIONS if region in LARGE_REGIONS else MAX_EVENTS_BYTES
