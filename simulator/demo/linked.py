"""Spans and their links as a picture in Mermaid: an arrow to each span from what caused it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulator.intake.otlp import Span


def as_mermaid(spans: Sequence[Span]) -> str:
    """Return a flowchart: a box for each span, a dotted arrow for each link, a solid for a child.

    Spans that are not among them, such as segments of X-Ray, are left out.
    """
    boxes = {(span.trace_id, span.span_id): f"s{number}" for number, span in enumerate(spans)}
    return "\n".join(["flowchart LR", *_boxes(spans), *_arrows(spans, boxes)])


def _boxes(spans: Sequence[Span]) -> Iterator[str]:
    for number, span in enumerate(spans):
        service = span.resource.get("service.name", "")
        lines = [f"{service}: {span.name}", span.kind, f"trigger {span.attributes['faas.trigger']}"]
        yield f'  s{number}["{"<br>".join(lines)}"]'


def _arrows(spans: Sequence[Span], boxes: dict[tuple[str, str], str]) -> Iterator[str]:
    for span in spans:
        own = boxes[span.trace_id, span.span_id]
        if parent := boxes.get((span.trace_id, span.parent_span_id)):
            yield f"  {parent} --> {own}"
        system = span.attributes.get("messaging.system", "")
        for link in span.links:
            if sender := boxes.get((link.trace_id, link.span_id)):
                yield f"  {sender} -. {system} .-> {own}"
