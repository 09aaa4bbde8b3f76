"""PURE: finds known secrets in any text and puts their names in their place.

The cost must not grow with the number of secrets, for it is paid by every log line: each form is
at least eight characters long, so wherever it stands, one of any four neighbouring windows of five
characters in it begins at a multiple of four of the text. Only those are looked up, in one table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from extension.clock import Instant
from extension.redaction.secrets import MIN_LENGTH, forms, leaves

STEP = 4
WINDOW = MIN_LENGTH - STEP + 1

MOST_BLOCKS = 64
"""Places in a form that are tried for one that few others have: `postgresql://` is shared."""

MOST_NAMES = 4096
"""Secrets known; beyond it the one that was learned first is forgotten. The cache holds 1000."""

Place = tuple[str, str, int]
"""A form, its label, and where in the form a window begins."""

KEPT_AFTER_ROTATION_S = 3600.0
"""How long an old version is still hidden: connections and caches live on it for a while."""


class Redacted(NamedTuple):
    """A text without secrets, and the names of those that stood in it."""

    text: str
    names: tuple[str, ...] = ()


class _Version:
    """The leaves of one version of a secret; `replaced` since there is a newer one."""

    def __init__(self, leaves: frozenset[tuple[str, str]]) -> None:
        self.leaves = leaves
        self.replaced: Instant | None = None


class Redactor:
    """Knows the secrets of one process; `extra` is a regular expression for what else must stay."""

    def __init__(self, *, extra: str = "") -> None:
        self._extra = re.compile(extra) if extra else None
        self._versions: dict[str, list[_Version]] = {}
        self._windows: dict[str, dict[Place, None]] = {}

    def learn(self, name: str, value: str | bytes, *, now: Instant) -> None:
        """Take a value that was fetched; another version of a known name replaces it slowly."""
        text = value if isinstance(value, str) else value.decode("utf-8", "replace")
        found = frozenset(leaves(text))
        versions = self._versions.setdefault(name, [])
        if len(self._versions) > MOST_NAMES:
            del self._versions[next(iter(self._versions))]
            self._rebuild()
        if not found or (versions and versions[-1].leaves == found):
            return
        for version in versions:
            version.replaced = version.replaced or now
        kept = [each for each in versions if _is_hidden(each, now=now)]
        self._versions[name] = [*kept, _Version(found)]
        if len(kept) == len(versions):
            self._add(name, found)
        else:
            self._rebuild()

    def redact(self, text: str) -> Redacted:
        """Replace each secret by `[REDACTED:name#key]`."""
        hits = self._hits(text) if self._windows else []
        if not hits and self._extra is None:
            return Redacted(text)
        names: dict[str, None] = {}
        parts, at = [], 0
        for begin, end, label in hits:
            if begin < at:
                continue
            parts += [text[at:begin], f"[REDACTED:{label}]"]
            names[label.partition("#")[0]] = None
            at = end
        clean = "".join([*parts, text[at:]]) if parts else text
        if self._extra:
            clean = self._extra.sub("[REDACTED]", clean)
        return Redacted(clean, tuple(names))

    def _hits(self, text: str) -> list[tuple[int, int, str]]:
        """Return begin, end and label of each occurrence, the earliest and longest first."""
        windows = self._windows
        found: dict[tuple[int, int], str] = {}
        places = range(0, len(text) - WINDOW + 1, STEP)
        # Nearly every line ends here, so this is the one loop that counts.
        for at in [at for at in places if text[at : at + WINDOW] in windows]:
            for form, label, offset in windows[text[at : at + WINDOW]]:
                begin = at - offset
                if begin >= 0 and text.startswith(form, begin):
                    found[begin, begin + len(form)] = label
        ordered = sorted(found, key=lambda span: (span[0], -span[1]))
        return [(begin, end, found[begin, end]) for begin, end in ordered]

    def _rebuild(self) -> None:
        self._windows = {}
        for name, versions in self._versions.items():
            for version in versions:
                self._add(name, version.leaves)

    def _add(self, name: str, found: Iterable[tuple[str, str]]) -> None:
        """Let each form be found by those of its windows that the fewest others share."""
        for key, value in found:
            label = f"{name}#{key}" if key else name
            for form in forms(value):
                blocks = range(0, len(form) - MIN_LENGTH + 1, STEP)[:MOST_BLOCKS]
                first = min(blocks, key=lambda block, of=form: self._crowd(of, block))  # type: ignore[misc]
                for offset in range(first, first + STEP):
                    window = self._windows.setdefault(form[offset : offset + WINDOW], {})
                    window[form, label, offset] = None

    def _crowd(self, form: str, first: int) -> int:
        """Return how many forms share the busiest of four windows."""
        starts = range(first, first + STEP)
        return max(len(self._windows.get(form[at : at + WINDOW], ())) for at in starts)


def _is_hidden(version: _Version, *, now: Instant) -> bool:
    return version.replaced is None or now.since(version.replaced) < KEPT_AFTER_ROTATION_S
