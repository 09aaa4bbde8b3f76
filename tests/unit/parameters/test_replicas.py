"""In which order regions are asked."""

from __future__ import annotations

import pytest

from extension.parameters.keys import Key, ParameterKey, PathKey, SecretKey
from extension.parameters.replicas import REST_S, Replicas
from tests.doubles import ManualClock

HOME, WEST, FAR = "eu-central-1", "eu-west-1", "us-east-1"


def secret(region: str) -> SecretKey:
    """Return a secret by its ARN."""
    return SecretKey(f"arn:aws:secretsmanager:{region}:111122223333:secret:s")


@pytest.mark.parametrize(
    ("key", "alone", "listed"),
    [
        (SecretKey("s"), [HOME], [WEST, HOME]),
        (secret(HOME), [HOME], [WEST, HOME]),
        (secret(WEST), [WEST], [WEST, HOME]),
        (secret(FAR), [FAR], [FAR]),
        (ParameterKey("/p"), [HOME], [HOME]),
        (ParameterKey(f"arn:aws:ssm:{FAR}:111122223333:parameter/p"), [FAR], [FAR]),
        (PathKey("/p"), [HOME], [HOME]),
    ],
)
def test_regions_of_a_key(key: Key, alone: list[str], listed: list[str]) -> None:
    """Without a list one region, with it all that have the secret."""
    now = ManualClock().now()
    assert Replicas((), own=HOME).order(key, now=now) == alone
    assert Replicas((WEST, HOME), own=HOME).order(key, now=now) == listed


def test_a_region_that_failed_is_asked_last_for_a_while() -> None:
    """Until it answers, or the time is over, a freeze included; those that failed keep order."""
    clock, replicas = ManualClock(), Replicas((HOME, WEST, FAR), own=HOME)

    def order() -> list[str]:
        return replicas.order(SecretKey("s"), now=clock.now())

    replicas.note_failure(HOME, now=clock.now())
    assert order() == [WEST, FAR, HOME]
    replicas.note_failure(WEST, now=clock.now())
    assert order() == [FAR, HOME, WEST]
    replicas.note_answer(HOME)
    assert order() == [HOME, FAR, WEST]
    clock.freeze(REST_S)
    assert order() == [HOME, WEST, FAR]


def test_a_region_that_is_not_listed_is_not_remembered() -> None:
    """Callers name as many as they like."""
    clock, replicas = ManualClock(), Replicas((HOME, WEST), own=HOME)
    replicas.note_failure(FAR, now=clock.now())
    assert replicas._failed_at == {}


def test_a_region_rests_for_half_a_minute() -> None:
    """Then it has its place again, whether or not it was asked."""
    clock, replicas = ManualClock(), Replicas((HOME, WEST), own=HOME)
    replicas.note_failure(HOME, now=clock.now())
    clock.advance(29.9)
    assert replicas.order(SecretKey("s"), now=clock.now()) == [WEST, HOME]
    clock.advance(0.1)
    assert replicas.order(SecretKey("s"), now=clock.now()) == [HOME, WEST]
