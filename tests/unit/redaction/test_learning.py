"""What the redactor remembers: all that the cache holds, and of the rest what it learned last."""

from __future__ import annotations

import json

import pytest

from extension.redaction.redactor import Redactor

CURRENT, PREVIOUS = "current-password-1", "previous-password-2"
MANY = 50


def learn_others(redactor: Redactor, *, count: int = MANY) -> None:
    """Let a redactor learn secrets that nothing holds."""
    for number in range(count):
        redactor.learn(f"other-{number}", f"other-secret-{number:04d}")


def knows(redactor: Redactor, *values: str) -> bool:
    """Tell whether each value is hidden."""
    return all(value not in redactor.redact(f"<{value}>").text for value in values)


def test_old_versions_stay_hidden() -> None:
    """Connections live on after a rotation, and so do their log lines."""
    redactor = Redactor()
    for version in range(100):
        redactor.learn("db", f"password-number-{version:03d}")
    assert knows(redactor, *(f"password-number-{version:03d}" for version in range(100)))


def test_reading_another_stage_makes_nothing_old() -> None:
    """AWSCURRENT stays known while AWSPREVIOUS is all that is read."""
    redactor = Redactor()
    redactor.learn("db", CURRENT)
    for _ in range(MANY):
        redactor.learn("db", PREVIOUS)
    assert knows(redactor, CURRENT, PREVIOUS)


def test_the_one_learned_longest_ago_is_forgotten() -> None:
    """Beyond the bound, one that was read again a moment ago outlives those learned after it."""
    redactor = Redactor(most_loose=3)
    for name in ("first", "second", "third"):
        redactor.learn(name, f"the-secret-of-{name}")
    redactor.learn("first", "the-secret-of-first")
    redactor.learn("fourth", "the-secret-of-fourth")
    assert knows(redactor, *(f"the-secret-of-{name}" for name in ("first", "third", "fourth")))
    assert not knows(redactor, "the-secret-of-second")


def test_what_is_forgotten_is_forgotten_in_every_form() -> None:
    """Nothing of it is left behind, also where lines held it: the index is as good as new."""
    redactor = Redactor(most_loose=0)
    learn_others(redactor)
    redactor.hold("entry", [("db", CURRENT)])
    assert knows(redactor, CURRENT)
    redactor.hold("entry", [])
    assert not knows(redactor, "other-secret-0001", CURRENT)
    assert vars(redactor._index) == vars(Redactor()._index)


def test_what_is_not_hidden_takes_no_place() -> None:
    """Values that are no secrets push no secret out."""
    redactor = Redactor(most_loose=1)
    redactor.learn("db", CURRENT)
    for number in range(MANY):
        redactor.learn(f"plain-{number}", "admin")
    assert knows(redactor, CURRENT)


def test_what_is_held_is_never_forgotten() -> None:
    """However many secrets come after it, the cache may still serve it."""
    redactor = Redactor(most_loose=2)
    redactor.hold("entry", [("db", CURRENT), ("key", PREVIOUS)])
    learn_others(redactor)
    assert knows(redactor, CURRENT, PREVIOUS)


def test_what_is_let_go_was_learned_just_then() -> None:
    """What the cache drops has only just been served: it is forgotten last."""
    redactor = Redactor(most_loose=2)
    redactor.hold("entry", [("db", CURRENT)])
    learn_others(redactor)
    redactor.hold("entry", [])
    learn_others(redactor, count=1)
    assert knows(redactor, CURRENT)
    learn_others(redactor, count=2)
    assert not knows(redactor, CURRENT)


def test_a_holder_holds_what_it_was_given_last() -> None:
    """A refreshed entry holds its new version; the old one is one of the rest."""
    redactor = Redactor(most_loose=1)
    redactor.hold("entry", [("db", PREVIOUS)])
    redactor.hold("entry", [("db", CURRENT)])
    assert knows(redactor, CURRENT, PREVIOUS)
    learn_others(redactor)
    assert knows(redactor, CURRENT)
    assert not knows(redactor, PREVIOUS)


def test_two_may_hold_the_same() -> None:
    """A secret that is cached by its name and by its ARN stays until both are gone."""
    redactor = Redactor(most_loose=0)
    redactor.hold("another", [("key", PREVIOUS)])
    redactor.hold("by name", [("db", CURRENT)])
    redactor.hold("by arn", [("db", CURRENT)])
    redactor.hold("by name", [])
    assert knows(redactor, CURRENT)
    redactor.hold("by arn", [])
    assert not knows(redactor, CURRENT)


@pytest.mark.parametrize("forgotten", [0, 1])
def test_versions_may_have_a_leaf_in_common(forgotten: int) -> None:
    """A key that did not change in a rotation stays hidden when one of the versions goes."""
    versions = [
        json.dumps({"password": word, "key": "same-in-both"}) for word in (CURRENT, PREVIOUS)
    ]
    redactor = Redactor(most_loose=0)
    for holder, version in enumerate(versions):
        redactor.hold(holder, [("db", version)])
    redactor.hold(forgotten, [])
    assert knows(redactor, "same-in-both", (PREVIOUS, CURRENT)[forgotten])
    assert not knows(redactor, (CURRENT, PREVIOUS)[forgotten])


def test_secrets_of_one_value() -> None:
    """Two names of one value: each is enough to hide it."""
    redactor = Redactor(most_loose=0)
    redactor.hold("a", [("a", CURRENT)])
    redactor.hold("b", [("b", CURRENT)])
    assert redactor.redact(CURRENT).names == ("a",)
    redactor.hold("a", [])
    assert redactor.redact(CURRENT).names == ("b",)


def test_all_can_be_forgotten() -> None:
    """Held or not; what is learned afterwards is known."""
    redactor = Redactor(most_loose=1)
    redactor.learn("key", PREVIOUS)
    redactor.hold("entry", [("db", CURRENT)])
    redactor.forget()
    assert redactor.is_idle
    assert not knows(redactor, CURRENT)
    assert not knows(redactor, PREVIOUS)
    redactor.learn("key", PREVIOUS)
    redactor.hold("entry", [])
    assert knows(redactor, PREVIOUS)
    redactor.hold("entry", [("db", CURRENT)])
    assert knows(redactor, CURRENT)
    assert not redactor.is_idle


def test_only_what_is_known_or_named_is_looked_for() -> None:
    """A redactor without either is idle, and suspects nothing."""
    assert Redactor().is_idle
    assert not Redactor(extra="x").is_idle
    assert (Redactor(extra="x").has_pattern, Redactor().has_pattern) == (True, False)
    assert list(Redactor(extra="x").suspects(["a", "b"])) == [0, 1]
    held = Redactor()
    held.hold("entry", [("db", CURRENT)])
    assert not held.is_idle
    held.hold("entry", [])
    assert not held.is_idle


def test_a_secret_may_stand_in_bytes() -> None:
    """Whatever else is in them."""
    redactor = Redactor()
    redactor.learn("db", CURRENT)
    assert redactor.may_stand_in(b"\xff" + CURRENT.encode())
    assert not redactor.may_stand_in(b"\xff" + PREVIOUS.encode())
