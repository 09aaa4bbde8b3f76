"""PURE: what the ARN of a secret, a parameter or a role says: its region, and whether it is one."""

from __future__ import annotations

import re

from extension.settings.kinds import REGION

ROLE = r"arn:[\w-]{3,32}:iam::[0-9]{12}:role/[\w+=,.@/-]{1,1024}"
"""Compiled where it is needed, as that of regions: most functions never name either."""

_REGION_AT = 3
_RESOURCE_AT = 5


def region_of(name: str) -> str:
    """Return the region in an ARN; empty for a plain name, and for an ARN without a valid one."""
    pieces = name.split(":", _RESOURCE_AT)
    is_arn = pieces[0] == "arn" and len(pieces) > _RESOURCE_AT
    return pieces[_REGION_AT] if is_arn and re.fullmatch(REGION, pieces[_REGION_AT]) else ""


def in_region(name: str, region: str) -> str:
    """Return the ARN with another region, as a replica of a secret has it; a plain name as it is.

    Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html
    """
    if not region_of(name):
        return name
    pieces = name.split(":", _RESOURCE_AT)
    return ":".join([*pieces[:_REGION_AT], region, *pieces[_REGION_AT + 1 :]])


def is_role(arn: str) -> bool:
    """Return whether a text is the ARN of a role, in AWS's agent's words for it."""
    return bool(re.fullmatch(ROLE, arn, re.ASCII))
