"""PURE: the variables as they are for `--to`: an endpoint that may be another than they name.

The environment may be that of a function, and hold keys for the endpoint of its telemetry. None of
them goes to another origin; the SDK's follow the SDK's endpoint, or ours if it has none.
"""

from __future__ import annotations

from collections.abc import Mapping

from extension.settings.sdk_variables import ENDPOINT, same_origin

POST_URI = "DISPATCH_POST_URI"
SIGNAL_URIS = ("DISPATCH_TRACES_URI", "DISPATCH_LOGS_URI", "DISPATCH_METRICS_URI")


def address(environ: Mapping[str, str], to: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the variables with `to` as the endpoint of all signals, and those of credentials that
    are left out, because another endpoint is what they are for."""
    given = {name: value for name, value in environ.items() if value.strip()}
    general = [given[POST_URI]] if POST_URI in given else []
    uris = general or [given[each] for each in SIGNAL_URIS if each in given]
    elsewhere = [each for each in uris if not same_origin(each.strip(), to)]
    withheld: tuple[str, ...] = ()
    if elsewhere:
        withheld = tuple(filter(given.__contains__, ("DISPATCH_POST_HEADERS", *_signed(given))))
        given.setdefault(ENDPOINT, elsewhere[0])
    left_out = {*SIGNAL_URIS, *withheld}
    kept = {name: value for name, value in given.items() if name not in left_out}
    return {**kept, POST_URI: to}, withheld


def _signed(given: Mapping[str, str]) -> tuple[str, ...]:
    """Return the variable that has exports signed, unless it says that none are."""
    chosen = given.get("DISPATCH_SIGV4", "").strip().lower()
    return () if chosen == "off" else ("DISPATCH_SIGV4",)
