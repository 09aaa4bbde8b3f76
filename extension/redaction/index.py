"""PURE: the values to hide, found in a text by any of their forms.

The cost must not grow with the number of values, because it is paid by every log line. A text is
read as UTF-8, in words of four bytes that begin at multiples of four. Each form is at least eight
bytes long, so wherever it is, one of any four neighbouring words in it is a word of the text,
too: four of each form are in one table, and only the text's own words are looked up. Adding and
removing a value touches the words of its own forms alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from extension.redaction.forms import MIN_LENGTH, Form, forms
from extension.redaction.unpack import has_runs

WORD = 4
STEPS = range(WORD)
SPAN = 2 * WORD - 1
"""Bytes that the four words of a form cover."""

MOST_PLACES = 64
"""Places in a form that are tried for one that few others have: `postgresql://` is shared."""

MOST_SPELLED, LONGEST_SPELLED = 64, 1024
"""Secrets whose forms are kept, because lines look like them, and how long these may be."""

MOST_SEARCHED = 24
"""Pieces that are searched for one by one in a long text; more take longer than its words do."""

LONGEST_SEARCHED = 64
"""Characters of a form that are searched for."""


class Label(NamedTuple):
    """What takes the place of a value: the secret's name, and the key of a leaf in it."""

    name: str
    key: str = ""

    def __str__(self) -> str:
        return f"{self.name}#{self.key}" if self.key else self.name


class Hit(NamedTuple):
    """A value in a text, from `begin` to before `end`."""

    begin: int
    end: int
    label: Label


class Secret:
    """A value, its labels, one for each time that it was added, and where its words begin.

    `firsts` has a number of bytes for each of its forms, in their order.
    """

    __slots__ = ("firsts", "labels", "value")

    def __init__(self, value: str | bytes, *, firsts: Sequence[int]) -> None:
        self.value = value
        self.firsts = bytes(firsts) if max(firsts, default=0) < 256 else tuple(firsts)
        self.labels: tuple[Label, ...] = ()

    def spelled(self) -> list[tuple[bytes, int]]:
        """Return each spelling of each form, and where its words begin."""
        both = zip(forms(self.value), self.firsts, strict=True)
        return [(each, first) for form, first in both for each in form]

    def words(self) -> dict[int, None]:
        """Return the words by which it is found."""
        return {_word(each, first + step): None for each, first in self.spelled() for step in STEPS}


class Index:
    """A set of values; one that was added twice has to be removed twice."""

    def __init__(self) -> None:
        self._secrets: dict[str | bytes, Secret] = {}
        self._words: dict[int, Secret | dict[Secret, None]] = {}
        """A table of secrets only where there are several: nearly every word has one."""
        self._short: dict[bytes, Secret] = {}
        """Those too short to have four words as they are; looked for one by one."""
        self._spelled: dict[Secret, list[tuple[bytes, int]]] = {}
        self._without_runs: dict[Secret, list[str]] = {}
        """A piece of each form that may be in a text where nothing looks encoded."""

    def add(self, value: str | bytes, label: Label) -> None:
        """Find the value from now on."""
        secret = self._secrets.get(value)
        if secret is None:
            secret = self._secrets[value] = self._new(value)
        secret.labels += (label,)

    def remove(self, value: str | bytes, label: Label) -> None:
        """Forget the value, unless it was added once more."""
        secret = self._secrets[value]
        at = secret.labels.index(label)
        secret.labels = secret.labels[:at] + secret.labels[at + 1 :]
        if secret.labels:
            return
        del self._secrets[value]
        self._spelled.pop(secret, None)
        self._without_runs.pop(secret, None)
        for word in secret.words():
            self._drop(word, secret)
        self._short.pop(_encode(value), None)

    def places(self, text: str) -> list[int]:
        """Return a place in each occurrence of a form that does not look encoded, in characters.

        Most forms do, because they are base64, or tokens; a text that holds one looks encoded, too.
        """
        pieces = [piece for each in self._without_runs.values() for piece in each]
        if len(pieces) > MOST_SEARCHED:
            return [hit.begin for hit in self.hits(text)]
        return [at for piece in pieces for at in _places_of(piece, text)]

    def hits(self, text: str) -> list[Hit]:
        """Return each occurrence, in no order."""
        raw = text.encode("utf-8", "surrogatepass")
        words = memoryview(raw[: len(raw) // WORD * WORD]).cast("I")
        # Nearly every line ends here, so this is the one line that counts.
        if self._words.keys().isdisjoint(words) and not self._short:
            return []
        found: dict[Hit, None] = {}
        for at in [number * WORD for number, word in enumerate(words) if word in self._words]:
            found.update(dict.fromkeys(self._around(raw, at)))
        for value, secret in self._short.items():
            found.update(dict.fromkeys(_each(raw, value, secret)))
        return list(found) if len(raw) == len(text) else list(_in_characters(found, raw))

    def _around(self, raw: bytes, at: int) -> Iterator[Hit]:
        """Yield the values one of whose words is at a place of a text."""
        holders = self._words[_word(raw, at)]
        for secret in (holders,) if isinstance(holders, Secret) else holders:
            for spelled, first in self._spelled_of(secret):
                for begin in range(at - first - WORD + 1, at - first + 1):
                    if begin >= 0 and raw.startswith(spelled, begin):
                        yield Hit(begin, begin + len(spelled), secret.labels[0])

    def _spelled_of(self, secret: Secret) -> list[tuple[bytes, int]]:
        spelled = self._spelled.get(secret)
        if spelled is None:
            spelled = secret.spelled()
            if len(secret.value) <= LONGEST_SPELLED:
                if len(self._spelled) >= MOST_SPELLED:
                    del self._spelled[next(iter(self._spelled))]
                self._spelled[secret] = spelled
        return spelled

    def _new(self, value: str | bytes) -> Secret:
        all_forms = [*forms(value)]
        secret = Secret(value, firsts=[*map(self._loneliest, all_forms)])
        for word in secret.words():
            others = self._words.get(word)
            if others is None:
                self._words[word] = secret
            elif isinstance(others, dict):
                others[secret] = None
            else:
                self._words[word] = {others: None, secret: None}
        if len(raw := _encode(value)) < MIN_LENGTH:
            self._short[raw] = secret
            all_forms.append((raw,))
        if pieces := _without_runs(all_forms):
            self._without_runs[secret] = pieces
        return secret

    def _drop(self, word: int, secret: Secret) -> None:
        holders = self._words[word]
        if isinstance(holders, dict):
            del holders[secret]
            if holders:
                return
        del self._words[word]

    def _loneliest(self, form: Form) -> int:
        """Return where the four words of a form begin that the fewest others share."""
        last = len(form[0]) - SPAN
        # Spread over the whole form: of connection strings and PEM files only the end differs.
        firsts = range(0, last + 1, max(WORD, -(-last // (MOST_PLACES - 1))))
        scores: dict[int, tuple[int, bool, int]] = {}
        # The middle first: a form begins with what every log has, `postgresql://` or `-----BEGIN`.
        for first in sorted(firsts, key=lambda first: abs(2 * first - last)):
            score = scores[first] = self._score({each[first : first + SPAN] for each in form})
            if score <= (0, False, 1):
                return first
        return min(scores, key=scores.__getitem__)

    def _score(self, spelled: set[bytes]) -> tuple[int, bool, int]:
        """Return how bad a place is: shared with others, an English word, or too many words."""
        crowd = max(self._crowd(_word(each, step)) for each in spelled for step in STEPS)
        return crowd, next(iter(spelled)).islower(), len(spelled)

    def _crowd(self, word: int) -> int:
        holders = self._words.get(word, ())
        return 1 if isinstance(holders, Secret) else len(holders)


def _encode(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")


def _word(raw: bytes, at: int) -> int:
    """Return four bytes as the number that they are to this machine, as in a text's words."""
    return memoryview(raw[at : at + WORD]).cast("I")[0]


def _without_runs(all_forms: Iterable[Form]) -> list[str]:
    """Return a piece of each spelling in which no run of characters looks encoded."""
    spelled = [each for form in all_forms for each in form if not has_runs(each)]
    return [_piece(each.decode("utf-8", "surrogatepass")) for each in spelled]


def _piece(text: str) -> str:
    """Return the middle of a long text: it begins with what every log has, `postgresql://`."""
    return text if len(text) <= LONGEST_SEARCHED else text[len(text) // 2 :][:LONGEST_SEARCHED]


def _places_of(piece: str, text: str) -> Iterator[int]:
    at = text.find(piece)
    while at >= 0:
        yield at
        at = text.find(piece, at + 1)


def _each(raw: bytes, value: bytes, secret: Secret) -> Iterator[Hit]:
    at = raw.find(value)
    while at >= 0:
        yield Hit(at, at + len(value), secret.labels[0])
        at = raw.find(value, at + 1)


def _in_characters(hits: Iterable[Hit], raw: bytes) -> Iterator[Hit]:
    """Yield hits with places counted in characters; looks at each byte once."""
    places: dict[int, int] = {}
    before = characters = 0
    for place in sorted({place for hit in hits for place in hit[:2]}):
        characters += len(raw[before:place].decode("utf-8", "surrogatepass"))
        places[place], before = characters, place
    for begin, end, label in hits:
        yield Hit(places[begin], places[end], label)
