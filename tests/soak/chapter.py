"""One function's life in bad weather: invoked again and again, then balanced."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from simulator.intake import Intake
from tests.changing_faults import ChangingFaults
from tests.sandbox import Stage, running
from tests.soak.endpoint import Endpoint
from tests.soak.ledger import Ledger, balance
from tests.soak.weather import Weather
from tests.wall_clock import WallClock

SAMPLED = 100
"""Invocations between two samples of memory."""

WARM_UP = 8
"""In its first eighth a process meets what is rare; bounded caches and buffers fill meanwhile."""

GROWTH = 1.03
"""Most that memory may grow after it."""

EXPORT_TIMEOUT_MS = 3_000
"""Far above what an answer in time takes: on a busy machine, too, only the late ones miss it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """How many invocations, how often one is fatal, and how the extension exports."""

    name: str
    invocations: int
    deaths: float = 0.0
    flush: str = "auto"
    timeout_s: float = 10.0


@dataclass
class Result:
    """What came of a chapter; `rss_kib` is sampled at every hundredth invocation and the last.

    So is `waiting`: how many items waited after a failed export, the most so far.
    """

    chapter: Chapter
    ledger: Ledger
    drawn: Counter[str]
    complaints: Counter[str]
    added_ms: int
    rss_kib: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """Return what must not be, a line for each."""
        return [*self.surprises, *self.ledger.problems(), *self._restarts(), *self._growth()]

    def _restarts(self) -> list[str]:
        """What grew is gone with the process that it grew in."""
        sandboxes = len(self.ledger.accounts)
        if self.chapter.deaths or sandboxes == 1:
            return []
        return [f"one life took {sandboxes} sandboxes"]

    def _growth(self) -> list[str]:
        if not self.rss_kib or self.rss_kib[-1] <= self.warm_rss_kib * GROWTH:
            return []
        return [f"memory grew from {self.warm_rss_kib} to {self.rss_kib[-1]} KiB"]

    @property
    def warm_rss_kib(self) -> int:
        """Memory after the first eighth."""
        return self.rss_kib[len(self.rss_kib) // WARM_UP]

    @property
    def warm_waiting(self) -> int:
        """The most that waited in the first eighth."""
        return self.waiting[len(self.waiting) // WARM_UP]


async def live(chapter: Chapter, *, seed: int) -> Result:
    """Run a chapter; raises nothing for what the extension does wrong, `problems` has it all."""
    weather = Weather(seed, deaths=chapter.deaths, recovers=not chapter.deaths)
    with TemporaryDirectory() as folder:
        clock = WallClock(Path(folder) / "clock")
        async with Intake() as intake:
            endpoint = Endpoint(intake, weather)
            intake.respond = endpoint.respond
            faults = ChangingFaults()
            async with running(
                Path(folder),
                launch=clock.launch,
                environment={
                    "DISPATCH_POST_URI": intake.url,
                    "DISPATCH_FLUSH": chapter.flush,
                    "OTEL_EXPORTER_OTLP_TIMEOUT": str(EXPORT_TIMEOUT_MS),
                },
                timeout_s=chapter.timeout_s,
                faults=faults,
            ) as stage:
                run = _Run(chapter, stage, weather, clock, faults)
                await run.invoke_all()
            return Result(
                chapter=chapter,
                ledger=balance(
                    stage.function.events,
                    endpoint.arrivals(),
                    refused=endpoint.refused,
                    told=endpoint.told,
                ),
                drawn=weather.drawn,
                complaints=Counter(stage.complaints),
                added_ms=stage.final_counts["added_ms"],
                rss_kib=run.rss_kib,
                waiting=run.waiting,
                surprises=run.surprises + _early_ends(stage),
            )


class _Run:
    """The loop of a chapter."""

    def __init__(
        self,
        chapter: Chapter,
        stage: Stage,
        weather: Weather,
        clock: WallClock,
        faults: ChangingFaults,
    ) -> None:
        self.surprises: list[str] = []
        self.rss_kib: list[int] = []
        self.waiting: list[int] = []
        self._chapter = chapter
        self._stage = stage
        self._weather = weather
        self._clock = clock
        self._faults = faults

    async def invoke_all(self) -> None:
        """Invoke the function as often as the chapter says, in whatever weather."""
        for number in range(1, self._chapter.invocations + 1):
            step = self._weather.step()
            self._faults.change(self._weather.faults())
            self._clock.pass_by(self._stage.function, self._weather.gap_s())
            answer = await self._stage.function.invoke(step.payload)
            if answer.status != step.status:
                self.surprises.append(f"{answer.request_id}: {answer.status}, not {step.status}")
            is_last = number == self._chapter.invocations
            if (number % SAMPLED == 0 or is_last) and not self._chapter.deaths:
                self.rss_kib.append(_rss_kib(self._stage.function.pids))
                lines = self._stage.own_lines
                self.waiting.append(max((line.get("waiting", 0) for line in lines), default=0))


def _early_ends(stage: Stage) -> list[str]:
    ends = [each for each in stage.function.exits if each.kind == "extension"]
    return [
        f"the extension of sandbox {each.sandbox} ended: {each}"
        for each in ends
        if each.returncode or each.killed
    ]


def _rss_kib(pids: list[int]) -> int:
    """Return the resident memory of the extension among the processes of a sandbox."""
    for pid in pids:
        process = Path(f"/proc/{pid}")
        if b"extension.__main__" in (process / "cmdline").read_bytes():
            lines = (process / "status").read_text().splitlines()
            return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    raise ProcessLookupError("no extension among the processes of the sandbox")
