"""Session tokens of the container endpoint, kept by many threads at once."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from extension.aws.credentials import MAX_TOKENS, SandboxCredentials

TOGETHER_S = 0.5


class SlowTokens(deque[str]):
    """Tokens between whose look-up and removal another thread gets its turn, if it may."""

    def __init__(self) -> None:
        super().__init__(["t"], MAX_TOKENS)
        self.have_met = False
        self._together = threading.Barrier(2)

    def __contains__(self, token: object) -> bool:
        """Tell whether it is one, once another thread has asked, too, or cannot."""
        found = super().__contains__(token)
        try:
            self._together.wait(TOGETHER_S)
            self.have_met = True
        except threading.BrokenBarrierError:
            pass  # it is kept out
        return found


def test_threads_that_keep_the_same_token_do_not_interfere() -> None:
    """Several worker threads may renew the credentials at the same time."""
    credentials = SandboxCredentials({})
    credentials._tokens = tokens = SlowTokens()
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(credentials._keep_token, ["t", "t"]))
    assert not tokens.have_met
    assert credentials.renewed_tokens() == ("t",)
