"""botocore's session: what of botocore takes part in a call."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from botocore.handlers import BUILTIN_HANDLERS
from botocore.session import get_session

from extension.aws.session import handlers_for

SERVICES = {"ssm": "ssm", "secretsmanager": "secrets-manager", "sts": "sts"}
"""botocore's name of each service, and the one in the names of its events."""

EVENTS = ("before-parameter-build", "before-call", "request-created", "choose-signer", "after-call")


def test_handlers_that_are_left_out_document_or_concern_another_service() -> None:
    """Each of them by its name; what is for all services stays."""
    kept = handlers_for(SERVICES)
    left_out = [row[0] for row in BUILTIN_HANDLERS if row not in kept]
    kinds = {event.split(".")[0] for event in left_out}
    others = {event.split(".")[1] for event in left_out if not event.startswith("docs.")}
    assert len(left_out) > 100
    assert "docs" in kinds
    assert not others & {"*", *SERVICES.values()}
    assert all("." in event for event in left_out)


def test_handlers_are_registered_plainly() -> None:
    """None that is kept asks for the first or the last place, which `register` does not give."""
    assert {len(row) for row in handlers_for(SERVICES)} == {2}


@pytest.mark.parametrize("service", SERVICES)
def test_a_call_meets_the_handlers_that_it_would_meet_with_all_of_them(service: str) -> None:
    """What botocore's own emitter would call for each event of each operation."""
    complete = get_session()
    reduced = type(complete)(include_builtin_handlers=False)
    for event, handler in handlers_for(SERVICES):
        reduced.register(event, handler)
    for event in EVENTS:
        full = f"{event}.{SERVICES[service]}.GetParameter"
        assert called(reduced, full) == called(complete, full)


def called(session: Any, event: str) -> Counter[str]:
    """Return the names of the handlers of an event."""
    emitter = session.get_component("event_emitter")._emitter
    return Counter(repr(handler) for handler in emitter._handlers.prefix_search(event))
