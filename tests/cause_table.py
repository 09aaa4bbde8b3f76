"""The table of events in docs/tap.md, from the samples of the tests; run this to write it."""

from __future__ import annotations

import re
from pathlib import Path

from extension.telemetry.tap import names
from extension.telemetry.tap.cause import Cause, cause_of
from tests.unit.telemetry.tap.samples import SAMPLES, source_of

DOCUMENT = Path(__file__).parent.parent / "docs" / "tap.md"
BLOCK = re.compile(r"<!-- events -->\n(.*)<!-- /events -->", re.DOTALL)
OF_ALL = {names.FAAS_TRIGGER, names.SOURCE, names.DETAIL}
MESSAGE = {
    names.MESSAGING_DESTINATION,
    names.MESSAGING_ID,
    names.MESSAGING_OPERATION_NAME,
    names.MESSAGING_OPERATION_TYPE,
    names.MESSAGING_SYSTEM,
}
REQUEST = {
    names.CLIENT_ADDRESS,
    names.HTTP_METHOD,
    names.NETWORK_PROTOCOL_VERSION,
    names.SERVER_ADDRESS,
    names.URL_PATH,
    names.URL_SCHEME,
    names.USER_AGENT,
}
HEAD = (
    "| Source | `faas.trigger` | The span | The caller or sender is | Attributes |\n"
    "| --- | --- | --- | --- | --- |\n"
)


def table() -> str:
    """Return the table as it should stand in the document."""
    causes = {name: cause_of(event) for name, event in SAMPLES.items() if name == source_of(name)}
    plain = [name for name, cause in causes.items() if _is_plain(cause)]
    rows = [_row(cause) for name, cause in causes.items() if name not in plain]
    others = ", ".join(f"`{name}`" for name in plain)
    return (
        HEAD
        + "".join(rows)
        + f"\nKnown by their sources alone, with the trigger `other`: {others}.\n"
    )


def _is_plain(cause: Cause) -> bool:
    """Tell whether an event says nothing but where it came from."""
    says_more = cause.name or cause.parent or cause.links or set(cause.attributes) - OF_ALL
    return cause.trigger == "other" and not says_more


def _row(cause: Cause) -> str:
    related = "parent" if cause.parent else "link" if cause.links else ""
    span = f"`{cause.name or 'FUNCTION'}` {cause.kind.upper()}"
    attributes = ", ".join(_shortened(set(cause.attributes) - OF_ALL))
    return f"| `{cause.source}` | {cause.trigger} | {span} | {related} | {attributes} |\n"


def _shortened(given: set[str]) -> list[str]:
    """Return names; those that all messages, or all requests, have stand together."""
    groups = (("messaging", MESSAGE), ("request", REQUEST))
    together = [(name, of) for name, of in groups if len(given & of) > 2]
    alone = given.difference(*(of for _, of in together))
    return [*(f"*{name}*" for name, _ in together), *sorted(f"`{name}`" for name in alone)]


if __name__ == "__main__":
    text = DOCUMENT.read_text()
    begin, end = BLOCK.search(text).span(1)  # type: ignore[union-attr]
    DOCUMENT.write_text(text[:begin] + table() + text[end:])
