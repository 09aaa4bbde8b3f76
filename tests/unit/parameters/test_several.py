"""The reply to getMany."""

from __future__ import annotations

import json
from typing import Any

from extension.aws.errors import UpstreamError
from extension.parameters.answer import Result, Served, parameter_body, secret_body
from extension.parameters.keys import ParameterKey, SecretKey
from extension.parameters.missing import StillMissingError
from extension.parameters.request import Query
from extension.parameters.several import Outcome, reply

PARAMETER = Query(ParameterKey("a"))


def results(*given: tuple[str, Query, Outcome]) -> list[Any]:
    """Return the results of a reply."""
    found = reply(given)
    assert found.status == 200
    assert found.headers == {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return list(json.loads(found.body)["results"])


def test_each_value_has_its_id_and_how_it_was_obtained() -> None:
    """The body that a GET alone would get, with its age in whole seconds."""
    body = parameter_body({"Parameter": {"Value": "v"}})
    [found] = results(("as written", PARAMETER, Served(body, Result.STALE, 2.9)))
    assert found == {
        "id": "as written", "status": 200, "cache": "STALE", "age": 2, "value": json.loads(body),
    }  # fmt: skip


def test_values_in_the_form_of_their_query() -> None:
    """Text and JSON as they are, bytes in base64."""
    text = Served(secret_body({"ARN": "a", "SecretString": '{"k":[1.10]}'}), Result.HIT)
    binary = Served(secret_body({"ARN": "a", "SecretBinary": b"\xff"}), Result.HIT)
    key = SecretKey("s")
    found = reply(
        [
            ("a", Query(key, raw=True), text),
            ("b", Query(key, json_key="k"), text),
            ("c", Query(key, raw=True), binary),
        ]
    ).body
    for value in (b'"value":"{\\"k\\":[1.10]}"}', b'"value":[1.10]}', b'"value":"/w=="}'):
        assert value in found


def test_failures_stand_beside_values() -> None:
    """With what AWS said; one that AWS was not asked for again has an age."""
    error = UpstreamError("Denied", message="no", service="SSM", request_id="r-1")
    missing = StillMissingError(UpstreamError("ParameterNotFound"), age_s=3.9)
    fields = {"code": "Denied", "message": "no", "requestId": "r-1", "service": "SSM"}
    unknown = {"code": "ParameterNotFound", "message": "", "requestId": "", "service": ""}
    assert results(("a", PARAMETER, error), ("b", PARAMETER, missing)) == [
        {"id": "a", "status": 400, "error": fields},
        {"id": "b", "status": 400, "cache": "HIT", "age": 3, "error": unknown},
    ]


def test_a_form_that_a_value_does_not_have() -> None:
    """The refusal that a GET alone would get."""
    body = secret_body({"ARN": "a", "SecretString": "no JSON"})
    query = Query(SecretKey("s"), json_key="k")
    [found] = results(("a", query, Served(body, Result.MISS)))
    assert found["status"] == 400
    assert found["error"] == {
        "code": "ValidationException", "message": "jsonKey: the value has no such key",
        "requestId": "", "service": "",
    }  # fmt: skip


def test_nothing_gives_no_results() -> None:
    """The form stays the same."""
    assert reply([]).body == b'{"results":[]}'
