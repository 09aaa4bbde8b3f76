"""The reply to getMany: one JSON object with a result for each name, in the order of the request.

PURE. Each result has the status and the JSON that a GET of its own would have given:

    {"results":[
      {"id":"a","status":200,"cache":"HIT","age":12,"value":{"Parameter":…,"ResultMetadata":{}}},
      {"id":"b","status":400,"error":{"code":"ParameterNotFound","message":…,…}}]}

With raw or jsonKey the value is the bare one: text as a string, the bytes of a binary secret as a
string in base64, and what is JSON as it is.
"""

from __future__ import annotations

from collections.abc import Iterable

from extension.aws.errors import UpstreamError
from extension.http.messages import Reply
from extension.parameters import response
from extension.parameters.answer import Result, Served, encode
from extension.parameters.missing import StillMissingError
from extension.parameters.request import Query

Outcome = Served | UpstreamError
"""What became of one query."""


def reply(results: Iterable[tuple[str, Query, Outcome]]) -> Reply:
    """Return the reply; its status is 200 whatever those of the results are."""
    body = b'{"results":[' + b",".join(_result(*each) for each in results) + b"]}"
    return Reply(200, {"Content-Type": response.JSON, "Cache-Control": "no-store"}, body)


def _result(name: str, query: Query, outcome: Outcome) -> bytes:
    if isinstance(outcome, UpstreamError):
        return _failed(name, outcome)
    alone = response.success(outcome, query)
    if alone.status != 200:
        error = response.error_fields(alone.headers["x-amzn-errortype"], alone.body.decode())
        return encode({"id": name, "status": alone.status, "error": error})
    said = {"id": name, "status": 200, "cache": outcome.result.value, "age": int(outcome.age_s)}
    return encode(said)[:-1] + b',"value":' + _as_json(alone) + b"}"


def _failed(name: str, error: UpstreamError) -> bytes:
    fields = response.error_fields(
        error.code, error.message, request_id=error.request_id, service=error.service
    )
    said: dict[str, object] = {"id": name, "status": 400}
    if isinstance(error, StillMissingError):
        said |= {"cache": Result.HIT.value, "age": int(error.age_s)}
    return encode({**said, "error": fields})


def _as_json(alone: Reply) -> bytes:
    """Return the value of a reply to a single GET."""
    match alone.headers["Content-Type"]:
        case response.JSON:
            return alone.body
        case response.BINARY:
            return encode(alone.body)
    return encode(alone.body.decode())
