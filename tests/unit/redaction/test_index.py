"""Values are found by four of their words, whichever those are and whatever others share them."""

from __future__ import annotations

import hashlib
import sys

import pytest

from extension.redaction.index import MOST_SPELLED, Hit, Index, Label, Secret

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!?-_."


def drawn(length: int, *, seed: int = 1) -> str:
    """Return a text of that many characters, always the same."""
    drawn = hashlib.shake_256(bytes([seed % 256, seed // 256])).digest(length)
    return "".join(LETTERS[each % len(LETTERS)] for each in drawn)


def indexed(*values: str) -> Index:
    """Return an index of values, each labelled with its place."""
    index = Index()
    for at, value in enumerate(values):
        index.add(value, Label(str(at)))
    return index


@pytest.mark.parametrize("length", [*range(8, 30), *range(500, 530), 1024, 1025, 5000])
def test_a_value_of_any_length_is_found_at_any_place(length: int) -> None:
    """Wherever its words are in the text's."""
    value = drawn(length)
    index = indexed(value)
    for before in range(5):
        text = "é" * before + value + " " * (4 - before)
        assert index.hits(text) == [Hit(before, before + length, Label("0"))]


@pytest.mark.parametrize("length", range(1, 8))
def test_a_value_too_short_for_words_is_found_as_it_is(length: int) -> None:
    """Each time that it stands there, and not when it was removed."""
    value = drawn(length)
    index = indexed(value)
    hits = [Hit(at, at + length, Label("0")) for at in (1, 1 + length, 3 + 2 * length)]
    assert sorted(index.hits(f"é{value}{value}é {value}")) == hits
    index.remove(value, Label("0"))
    assert index.hits(f"é{value}") == []


def test_a_short_value_that_overlaps_itself_is_found_each_time() -> None:
    """So that nothing is left between two."""
    assert sorted(indexed("aba").hits("ababab"))[1].begin == 2


def test_a_part_of_a_value_is_none() -> None:
    """Its words alone make no value."""
    value = drawn(20)
    assert indexed(value).hits(f"{value[1:]} {value[:-1]} {value[8:12]}") == []


def test_values_that_share_their_words_are_told_apart() -> None:
    """Removing one leaves the others, and what shared a word with none of them."""
    values = [f"{beginning}-{'same' * 4}" for beginning in ("one", "two", "six")]
    index = indexed(*values, drawn(20))
    index.remove(values[0], Label("0"))
    assert index.hits(values[0]) == []
    for at, value in enumerate([*values[1:], drawn(20)], start=1):
        assert index.hits(value) == [Hit(0, len(value), Label(str(at)))]
    index.remove(values[1], Label("1"))
    assert index.hits(values[1]) == []
    assert index.hits(values[2]) == [Hit(0, len(values[2]), Label("2"))]


def test_a_value_that_was_added_twice_is_removed_twice() -> None:
    """Until then it has the label that is left."""
    index = indexed(drawn(12), drawn(12))
    index.remove(drawn(12), Label("0"))
    assert index.hits(drawn(12)) == [Hit(0, 12, Label("1"))]
    index.remove(drawn(12), Label("1"))
    assert index.hits(drawn(12)) == []


def test_words_may_begin_anywhere_in_a_long_value() -> None:
    """Beyond what a byte can count, too."""
    value = drawn(400)
    for first in (0, 255, 256, 393):
        words = [*Secret(value, firsts=[first, 0, 0, 0]).words()]
        assert words[0] == int.from_bytes(value[first : first + 4].encode(), sys.byteorder)


def test_few_forms_are_kept() -> None:
    """Those of the secrets found last, unless they are long: memory stays what it is."""
    values = [drawn(12, seed=seed) for seed in range(MOST_SPELLED + 10)]
    long = drawn(1025, seed=999)
    index = indexed(*values, long)
    for value in [*values, long]:
        assert len(index.hits(value)) == 1
    assert len(index._spelled) == MOST_SPELLED
    kept = {each.value for each in index._spelled}
    assert kept == set(values[-MOST_SPELLED:])


@pytest.mark.parametrize("others", [0, 23, 40])
def test_places_of_what_does_not_look_encoded(others: int) -> None:
    """Those that hold no run of letters, however many are known."""
    value = "a-b-c-d-e-f-g.h"
    index = indexed(value, *(f"1-2-3-4-{number:02}-z.z" for number in range(others)))
    text = f"é{value}{value} {value}"
    assert {at for place in index.places(text) for at in [place]} == {1, 16, 32}
    assert {*index.places(value + value)} == {0, len(value)}
    assert index.places("é a-b-c-d") == []


def test_places_of_a_short_value_and_of_a_long_one() -> None:
    """A long one is searched for by its middle, for many begin alike."""
    short, long = "a.b", "".join(f"{number}-" for number in range(60))
    assert indexed(short).places(f"é{short}") == [1]
    [*places] = indexed(long).places(f"é{long}")
    assert places
    assert all(1 <= at < 1 + len(long) for at in places)
    assert indexed(long).places(long[:100]) == []


def test_a_value_that_looks_encoded_has_no_places() -> None:
    """What looks so is looked at anyway."""
    assert indexed("a" * 20).places("a" * 20) == []


def test_the_words_of_a_value_are_those_that_the_fewest_others_have() -> None:
    """Of connection strings only one piece differs: a line looks up few of them."""
    values = [f"postgresql://user:pass-{number:04d}@host/db" for number in range(100)]
    index = indexed(*values)
    crowds = [len(each) for each in index._words.values() if isinstance(each, dict)]
    assert sum(crowds) < 2 * len(index._words)
    assert max(crowds) <= 60


def test_values_that_differ_in_a_part_share_no_word() -> None:
    """That part is where their words are, so a line with the rest of them looks up none."""
    index = indexed(*(f"postgresql://user:{drawn(12, seed=seed)}@host/db" for seed in (1, 2)))
    assert not any(isinstance(each, dict) for each in index._words.values())


@pytest.mark.parametrize(("length", "places"), [(20, 4), (259, 64), (10_000, 63)])
def test_few_places_of_a_value_are_tried(length: int, places: int) -> None:
    """One a word and no more than so many, so learning a long secret takes no longer."""
    tried: list[set[bytes]] = []

    class Watched(Index):
        def _score(self, spelled: set[bytes]) -> tuple[int, bool, int]:
            tried.append(spelled)
            return super()._score(spelled)

    value = drawn(length).casefold().replace("!", "i")
    Watched().add(value, Label("0"))
    assert (
        sum({*each} <= {value[at : at + 7].encode() for at in range(length)} for each in tried)
        == places
    )


def test_the_words_of_a_value_alone_are_in_its_middle() -> None:
    """It begins with what every log has, `postgresql://` or `-----BEGIN`."""
    index = indexed(value := drawn(103))
    middle = value.encode()[48:55]
    assert {int.from_bytes(middle[at : at + 4], sys.byteorder) for at in range(4)} <= {
        *index._words
    }
