"""What a command counts is named as a person would."""

from __future__ import annotations

import pytest

from layer.commands import counted
from simulator.aws.endpoints.account import Account
from simulator.aws.endpoints.summary import summary


@pytest.mark.parametrize(("count", "text"), [(0, "0 spans"), (1, "1 span"), (2, "2 spans")])
def test_only_one_is_singular(count: int, text: str) -> None:
    """None is a plural, too."""
    assert counted(count, "span") == text


def test_plural_of_another_ending() -> None:
    """Not every noun takes an s."""
    assert counted(2, "sandbox", ending="es") == "2 sandboxes"


def test_what_is_at_aws_is_counted() -> None:
    """Spans, log records, points, and the objects of the bucket."""
    [line] = summary(Account())
    assert line == "0 spans, 0 log records, 0 points, 0 objects in dead-letters"
