"""What became of the mutants: each survivor, and a table of the folders."""

from __future__ import annotations

import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from tests.mutants.chosen import Chosen
from tests.mutants.session import NOT_RUN, SURVIVED

EQUIVALENT = Path(__file__).with_name("equivalent.toml")


class Fate(StrEnum):
    """What became of a mutant."""

    NOTICED = "noticed"
    TOO_SLOW = "too slow"
    SURVIVED = "survived"
    NOT_RUN = "no test runs it"
    EQUIVALENT = "equivalent"

    @classmethod
    def of(cls, outcome: int | None) -> Fate:
        """Return what an exit status means: None is of a fork that was ended."""
        if outcome is None:
            return cls.TOO_SLOW
        if outcome == NOT_RUN:
            return cls.NOT_RUN
        return cls.SURVIVED if outcome == SURVIVED else cls.NOTICED


class Report:
    """Prints survivors as they come, and a table at the end."""

    def __init__(self, chosen: Sequence[Chosen]) -> None:
        self._all, self._counted = len(chosen), 0
        self._equivalent: Mapping[str, Mapping[str, str]] = tomllib.loads(EQUIVALENT.read_text())
        self._fates: defaultdict[str, Counter[Fate]] = defaultdict(Counter)

    def add(self, chosen: Chosen, fate: Fate) -> None:
        """Count a mutant, and print it if it survived."""
        known = self._equivalent.get(chosen.file, {})
        if fate is Fate.SURVIVED and chosen.mutant.text in known:
            fate = Fate.EQUIVALENT
        self._fates[chosen.file.rpartition("/")[0]][fate] += 1
        self._counted += 1
        print(f"\r{self._counted} of {self._all} mutants", end="", file=sys.stderr, flush=True)
        if fate in (Fate.SURVIVED, Fate.NOT_RUN):
            place = f"{chosen.file}:{chosen.mutant.lines[-1]}"
            print(f"{fate} | {place} | {chosen.mutant.text}", flush=True)

    def print(self, *, seed: str) -> None:
        """Print for each folder how many were noticed of the mutants that change something."""
        print(f"\n{self._counted} of {self._all} mutants, with seed {seed}")
        print("| Folder | Mutants | Noticed | Survived | No test runs it | Equivalent |")
        print("| --- | --- | --- | --- | --- | --- |")
        for folder, fates in sorted(self._fates.items()):
            noticed = fates[Fate.NOTICED] + fates[Fate.TOO_SLOW]
            share = noticed / max(fates.total() - fates[Fate.EQUIVALENT], 1)
            rest = (fates[each] for each in (Fate.SURVIVED, Fate.NOT_RUN, Fate.EQUIVALENT))
            print(f"| {folder} | {fates.total()} | {share:.1%} |", *(f"{each} |" for each in rest))
