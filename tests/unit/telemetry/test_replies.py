"""What an SDK is answered, as its own parsers read it."""

from __future__ import annotations

import json

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from extension.telemetry.receiver.content import Encoding
from extension.telemetry.receiver.replies import TAKEN, refusal, warning


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
def test_all_was_taken(encoding: Encoding) -> None:
    """A success with an empty message, in the encoding of the request."""
    reply = TAKEN[encoding]
    assert reply.status == 200
    assert reply.headers["Content-Type"].endswith(encoding)
    if encoding == "json":
        assert json.loads(reply.body) == {}
    else:
        assert ExportTraceServiceResponse.FromString(reply.body) == ExportTraceServiceResponse()


def test_a_warning_is_a_success() -> None:
    """So that the SDK does not send the same again; it says what will not leave."""
    for encoding in ("protobuf", "json"):
        assert warning(encoding, "lost").status == 200
    read = ExportTraceServiceResponse.FromString(warning("protobuf", "lost").body)
    assert read.partial_success.error_message == "lost"
    assert read.partial_success.rejected_spans == 0
    assert json.loads(warning("json", "lost").body) == {"partialSuccess": {"errorMessage": "lost"}}


def test_a_refusal_says_why() -> None:
    """As a status of gRPC, whose second field is its message; as text if nothing is known."""
    reply = refusal(415, "no such type", None)
    assert (reply.status, reply.headers["Content-Type"], reply.body) == (
        415, "text/plain", b"no such type",
    )  # fmt: skip
    assert json.loads(refusal(400, "bad", "json").body) == {"message": "bad"}
    assert refusal(400, "bad", "protobuf").body == b"\x12\x03bad"


def test_a_text_of_ours_has_a_length_of_one_byte() -> None:
    """The longest has 127; a longer one would be read as something else."""
    assert refusal(400, "x" * 127, "protobuf").body == b"\x12\x7f" + b"x" * 127
    with pytest.raises(AssertionError):
        refusal(400, "x" * 128, "protobuf")
