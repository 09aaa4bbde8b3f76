"""What dead letters cost a function that has them switched on, as long as nothing is lost.

The signer of requests to S3 comes from botocore, and is imported during init.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from benchmarks.api import Api
from benchmarks.contenders import BOTH, TELEMETRY, modes
from benchmarks.process import live
from benchmarks.rows import Row, compare, take_turns

TURNS = 9
OFF, ON = "without dead letters", "with them"

FIGURES: Mapping[str, tuple[str, str]] = {
    "wall to /register": ("register_ms", "ms"),
    "wall to the first /next": ("next_ms", "ms"),
    "CPU to the first /next": ("cpu_ms", "ms"),
    "RSS after the first invocation": ("rss_mib", "MiB"),
}


def rows() -> Iterator[Row]:
    """Measure starts with and without, in turns."""
    for mode in (TELEMETRY, BOTH):
        with Api() as api:
            off = modes(api)[mode]
            on = replace(off, environ={**off.environ, "DISPATCH_DEAD_LETTERS": "s3://letters/a"})
            lives = take_turns(
                {name: partial(live, each, api) for name, each in ((OFF, off), (ON, on))},
                turns=TURNS,
            )
        for what, (name, unit) in FIGURES.items():
            yield compare(
                f"dead letters, {mode}: {what}",
                [getattr(life, name) for life in lives[ON]],
                [getattr(life, name) for life in lives[OFF]],
                unit=unit,
                reference=OFF,
            )
