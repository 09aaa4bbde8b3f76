"""Cookies of an endpoint: none is kept."""

from __future__ import annotations

import aiohttp

from extension.telemetry.export.cookies import NoCookies
from simulator.intake import Intake
from simulator.intake.replies import Reply


async def test_no_cookie_comes_back() -> None:
    """Whatever an answer sets, the next request has none."""
    async with (
        Intake(respond=[Reply(headers={"Set-Cookie": "a=b"})]) as intake,
        aiohttp.ClientSession(cookie_jar=NoCookies()) as session,
    ):
        for _ in range(2):
            async with session.post(intake.url, data=b"x") as answer:
                assert answer.status < 300
    assert len(intake.requests) == 2
    assert not any("cookie" in map(str.lower, each.headers) for each in intake.requests)


def test_a_jar_stays_empty() -> None:
    """It has everything that aiohttp asks a jar for."""
    jar = NoCookies()
    jar.update_cookies({"a": "b"})
    jar.clear()
    jar.clear_domain("example.com")
    assert (list(jar), len(jar), dict(jar.cookies)) == ([], 0, {})
