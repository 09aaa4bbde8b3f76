"""PURE: takes known secrets out of any text, and remembers which there are.

A version of a secret is what its name and its value are: reading it once more changes nothing but
when it was learned last. What the cache holds is never forgotten; of everything else the versions
learned last are kept, so old ones stay hidden long after a rotation. Learning costs the same
however much is known.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import NamedTuple

from extension.redaction import undone
from extension.redaction.encoded import Together
from extension.redaction.index import Hit, Index, Label
from extension.redaction.readings import readings
from extension.redaction.secrets import STRICT_LENGTH, leaves
from extension.redaction.undo import Layer

MOST_LOOSE = 4096
"""Versions kept although the cache does not hold them: rotated, evicted, or never cached."""

LONGEST_PART = 256
"""Characters of a name or key that are in a label: a secret may have any keys."""

UNSAFE = re.compile(r"[^\w./:@+=,*#-]")
"""What a label leaves out: a quote or control character would break the line that it is put in."""


class Redacted(NamedTuple):
    """A text without secrets, and the names of those that stood in it."""

    text: str
    names: tuple[str, ...] = ()


Version = tuple[str, str | bytes]
"""A name, and what stood under it."""


class Redactor:
    """Knows the secrets of one process; `extra` is a regular expression for what else must stay.

    At most `most_loose` versions are known that nothing holds; `strict` hides words and the like.
    """

    def __init__(
        self, *, extra: str = "", strict: bool = False, most_loose: int = MOST_LOOSE
    ) -> None:
        self._extra = re.compile(extra) if extra else None
        self.strict = strict
        self._most_loose = most_loose
        self._index = Index()
        self._held: dict[Hashable, tuple[Version, ...]] = {}
        self._holders: Counter[Version] = Counter()
        """How many hold each."""
        self._loose: OrderedDict[Version, None] = OrderedDict()
        """Those that have no holder; the one learned longest ago is the first."""

    def learn(self, name: str, value: str | bytes) -> None:
        """Hide a value that was fetched, from now on."""
        self._learn(name, value)
        self._forget_surplus()

    def hold(self, holder: Hashable, values: Iterable[tuple[str, str | bytes]]) -> None:
        """Hide these names' values while `holder` has them; they replace what it had before."""
        learned = [self._learn(name, value) for name, value in values]
        held = tuple(version for version in learned if version)
        for version in held:
            self._holders[version] += 1
            self._loose.pop(version, None)
        for version in self._held.pop(holder, ()):
            self._holders[version] -= 1
            if not self._holders[version]:
                del self._holders[version]
                self._loose[version] = None
        if held:
            self._held[holder] = held
        self._forget_surplus()

    def forget(self) -> None:
        """Forget every value, held or not."""
        self._index = Index()
        self._held.clear()
        self._holders.clear()
        self._loose.clear()

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to hide."""
        return not (self._loose or self._holders or self._extra)

    @property
    def has_pattern(self) -> bool:
        """Whether there is more to hide than values that are known."""
        return self._extra is not None

    def may_stand_in(self, raw: bytes) -> bool:
        """Return whether a value to hide is in bytes that hold many texts, not encoded."""
        return bool(self._index.hits(raw.decode("utf-8", "surrogateescape")))

    def suspects(self, texts: Sequence[str]) -> Collection[int]:
        """Return the places of those texts in which a secret may stand; the others hold none."""
        if self.is_idle:
            return ()
        if self._extra:
            return range(len(texts))
        together = Together(texts)
        if together.has_runs:
            places = [*self._places(together.text), *together.packed()]
        else:
            places = self._index.places(together.text)
        found = together.with_lists() | together.of_characters(places)
        if escaped := sorted(together.escaped() - found):
            among = undone.suspects([texts[at] for at in escaped], search=self._places)
            found.update([escaped[at] for at in among])
        return sorted(found)

    def _places(self, text: str) -> list[int]:
        return [hit.begin for hit in self._index.hits(text)]

    def redact(self, text: str) -> Redacted:
        """Replace each secret by `[REDACTED:name#key]`."""
        hits = self._hits(text) if self._loose or self._holders else []
        if not hits and self._extra is None:
            return Redacted(text)
        names: dict[str, None] = {}
        parts, at = [], 0
        for begin, end, label in hits:
            if end <= at:
                continue
            names[label.name] = None
            if begin >= at:
                parts += [text[at:begin], f"[REDACTED:{label}]"]
            at = end  # of two that overlap nothing is left
        clean = "".join([*parts, text[at:]]) if parts else text
        if self._extra:
            clean = self._extra.sub("[REDACTED]", clean)
        return Redacted(clean, tuple(names))

    def _hits(self, text: str) -> list[Hit]:
        """Return each occurrence in a text and in what its escapes stand for, the longest first."""
        if len(text) < STRICT_LENGTH:
            return []
        together, below = readings(text)
        if not self._index.hits(together):
            return []  # nearly every line; one search of all costs less than one of each
        hits = self._index.hits(text)
        for layer in below:
            if found := self._index.hits(layer.text):
                hits += _where_they_stood(found, layer)
        return sorted(hits, key=lambda hit: (hit.begin, -hit.end)) if hits else hits

    def _learn(self, name: str, value: str | bytes) -> Version | None:
        """Return the version, which is the last to be forgotten now; None if it is not hidden."""
        version = (name, value)
        if version in self._holders:
            return version
        if version in self._loose:
            self._loose.move_to_end(version)
            return version
        hidden = self._hidden(version)
        for label, leaf in hidden:
            self._index.add(leaf, label)
        if hidden:
            self._loose[version] = None
        return version if hidden else None

    def _hidden(self, version: Version) -> list[tuple[Label, str | bytes]]:
        """Return the leaves of a version that are hidden; they are found again to be forgotten."""
        name, value = version
        safe = _safe(name)
        return [
            (Label(safe, _safe(path)), leaf) for path, leaf in leaves(value, strict=self.strict)
        ]

    def _forget_surplus(self) -> None:
        while len(self._loose) > self._most_loose:
            version, _ = self._loose.popitem(last=False)
            for label, leaf in self._hidden(version):
                self._index.remove(leaf, label)


def _where_they_stood(hits: list[Hit], layer: Layer | None) -> list[Hit]:
    """Return hits in the text of a layer as places in the text above all layers."""
    spans = [(hit.begin, hit.end) for hit in hits]
    while layer:
        spans = list(layer.origins(spans))
        layer = layer.above
    return [Hit(*span, hit.label) for span, hit in zip(spans, hits, strict=True)]


def _safe(part: str) -> str:
    """Return a name or key as it may be in any line."""
    return UNSAFE.sub("_", part[:LONGEST_PART])
