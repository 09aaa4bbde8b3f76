"""PURE: the values to hide, found in a text by any of their forms.

The cost must not grow with the number of values, for it is paid by every log line: each form is
at least eight characters long, so wherever it stands, one of any four neighbouring windows of five
characters in it begins at a multiple of four of the text. Only those are looked up, in one table.
Adding and removing a value touches the windows of its own forms alone.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from extension.redaction.secrets import MIN_LENGTH, forms

STEP = 4
WINDOW = MIN_LENGTH - STEP + 1

MOST_BLOCKS = 64
"""Places in a form that are tried for one that few others have: `postgresql://` is shared."""


class Label(NamedTuple):
    """What stands in the place of a value: the secret's name, and the key of a leaf in it."""

    name: str
    key: str = ""

    def __str__(self) -> str:
        return f"{self.name}#{self.key}" if self.key else self.name


Labels = dict[Label, int]
"""How often a value was added under each label."""


class Form:
    """One form of a value: its four windows begin at `first`."""

    __slots__ = ("first", "labels", "text")

    def __init__(self, text: str, *, first: int, labels: Labels) -> None:
        self.text = text
        self.first = first
        self.labels = labels


Place = tuple[Form, int]
"""A form, and where in it a window begins."""


class Hit(NamedTuple):
    """A value in a text, from `begin` to before `end`."""

    begin: int
    end: int
    label: Label


class _Value(NamedTuple):
    labels: Labels
    forms: tuple[Form, ...]


class Index:
    """A set of values; one that was added twice has to be removed twice."""

    def __init__(self) -> None:
        self._values: dict[str, _Value] = {}
        self._windows: dict[str, Place | dict[Place, None]] = {}
        """A table of places only where there are several: nearly every window has one."""

    def add(self, value: str, label: Label) -> None:
        """Find the value from now on."""
        known = self._values.get(value)
        if known is None:
            labels: Labels = {}
            known = _Value(labels, tuple(self._add(form, labels) for form in forms(value)))
            self._values[value] = known
        known.labels[label] = known.labels.get(label, 0) + 1

    def remove(self, value: str, label: Label) -> None:
        """Forget the value, unless it was added once more."""
        known = self._values[value]
        known.labels[label] -= 1
        if not known.labels[label]:
            del known.labels[label]
        if not known.labels:
            del self._values[value]
            for form in known.forms:
                self._remove(form)

    def hits(self, text: str) -> list[Hit]:
        """Return each occurrence, the earliest and longest first."""
        windows = self._windows
        found: dict[tuple[int, int], Label] = {}
        starts = range(0, len(text) - WINDOW + 1, STEP)
        # Nearly every line ends here, so this is the one loop that counts.
        for at in [at for at in starts if text[at : at + WINDOW] in windows]:
            for form, offset in self._places(text[at : at + WINDOW]):
                begin = at - offset
                if begin >= 0 and text.startswith(form.text, begin):
                    found[begin, begin + len(form.text)] = next(iter(form.labels))
        ordered = sorted(found, key=lambda span: (span[0], -span[1]))
        return [Hit(begin, end, found[begin, end]) for begin, end in ordered]

    def _add(self, text: str, labels: Labels) -> Form:
        form = Form(text, first=self._loneliest(text), labels=labels)
        for window, place in _windows(form):
            others = self._windows.get(window)
            if others is None:
                self._windows[window] = place
            elif isinstance(others, dict):
                others[place] = None
            else:
                self._windows[window] = {others: None, place: None}
        return form

    def _remove(self, form: Form) -> None:
        for window, place in _windows(form):
            places = self._windows[window]
            if isinstance(places, dict):
                del places[place]
                if places:
                    continue
            del self._windows[window]

    def _places(self, window: str) -> Collection[Place]:
        """Return the places where a window stands in a form."""
        places = self._windows.get(window, {})
        return places if isinstance(places, dict) else (places,)

    def _loneliest(self, text: str) -> int:
        """Return where the four windows of a form begin that the fewest others share."""
        last = len(text) - MIN_LENGTH
        # Spread over the whole form: of connection strings and PEM files only the end differs.
        firsts = range(0, last + 1, max(STEP, -(-last // (MOST_BLOCKS - 1))))
        crowds = {}
        for first in firsts:
            crowds[first] = max(self._crowd(text, at) for at in range(first, first + STEP))
            if not crowds[first]:
                return first
        return min(crowds, key=crowds.__getitem__)

    def _crowd(self, text: str, at: int) -> int:
        return len(self._places(text[at : at + WINDOW]))


def _windows(form: Form) -> list[tuple[str, Place]]:
    """Return the four windows by which a form is found."""
    offsets = range(form.first, form.first + STEP)
    return [(form.text[at : at + WINDOW], (form, at)) for at in offsets]
