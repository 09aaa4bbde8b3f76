"""The numbers of a chapter, for people."""

from __future__ import annotations

from collections import Counter

from rich.console import Console

from layer.commands import counted
from tests.soak.chapter import Result

KIB_PER_MIB = 1024


def print_report(result: Result, *, console: Console) -> None:
    """Print what was done, what went wrong on purpose, and what came of it."""
    ledger = result.ledger
    sandboxes = counted(len(ledger.accounts), "sandbox", ending="es")
    missing = counted(ledger.missing, "invocation")
    rows = {
        "invocations": f"{ledger.begun} in {sandboxes}",
        "spans": f"{len(ledger.arrivals)} arrived, {ledger.repeated} of them more than once",
        "missing": f"{missing}; reported as lost: {_listed(ledger.lost)}",
        "weather": _listed(result.drawn),
        "lines": _listed(result.complaints),
        "held": f"{result.added_ms / max(ledger.begun, 1):.1f} ms an invocation",
        "memory": _memory(result),
    }
    console.print(f"\n[bold]{result.chapter.name}[/bold]")
    for name, row in rows.items():
        console.print(f"  {name:12} {row}")


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "nothing"


def _memory(result: Result) -> str:
    rss_kib = result.rss_kib
    if not rss_kib:
        return "not sampled: the sandboxes die too soon"
    warm, last = result.warm_rss_kib / KIB_PER_MIB, rss_kib[-1] / KIB_PER_MIB
    eighths = [rss_kib[len(rss_kib) * part // 8] / KIB_PER_MIB for part in range(8)]
    return (
        f"{warm:.1f} MiB after the first eighth, {last:.1f} at the end ({last / warm - 1:+.1%}); "
        f"at the beginning of each eighth {', '.join(f'{each:.1f}' for each in eighths)}; "
        f"most items that waited after a failed export: {result.warm_waiting}, "
        f"{result.waiting[-1]} by the end"
    )
