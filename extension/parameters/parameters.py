"""The composition of job 2, and its life: start, open, first invocation, SHUTDOWN, close.

Requests are accepted from `start` on. Those that come before the AWS clients exist wait for
`open`, which the first of them begins if nobody else has.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence

from extension.parameters import response
from extension.aws.calls import Source
from extension.parameters.lazy_clients import OPEN_WAIT_S, Clients
from extension.aws.errors import UpstreamError
from extension.parameters.exchange import Exchange
from extension.parameters.hooks import GuardedHooks, Hooks
from extension.parameters.keys import Key, Service
from extension.parameters.lookup import Lookup, Policy
from extension.parameters.prefetch import prefetch, read_list
from extension.parameters.reference import UnusableValueError, read_reference
from extension.parameters.server import Server
from extension.parameters.tokens import Tokens
from extension.platform.bootstrap import MANAGED_INSTANCES
from extension.platform.events import Invoke, Job
from extension.process.clock import Clock
from extension.process.frozen import as_dict
from extension.process.ids import draw
from extension.process.log import Log
from extension.settings.parameters import ParametersConfig
from extension.settings.process import LambdaConfig

WAIT_SHARE = 0.75
"""Of what is left of an invocation, for which a GET waits for the AWS clients at most."""

HOLD_S = 1.0
"""Longest that /next waits for calls to AWS; a call that takes longer is made again if need be."""

SNAP_START = "snap-start"


class Parameters(Job):
    """The localhost cache; `hooks` may be assigned to at any time."""

    def __init__(
        self,
        config: ParametersConfig,
        sandbox: LambdaConfig,
        environ: Mapping[str, str],
        clock: Clock,
        log: Log,
        sockets: Sequence[socket.socket],
        open_source: Callable[[], Source],
    ) -> None:
        self.hooks = Hooks()
        self._config = config
        self._initialization_type = sandbox.initialization_type
        self._log = log
        self._invoked = False
        self._deadline_ms = 0
        self.start_left_s: Callable[[], float] = lambda: OPEN_WAIT_S
        """How long a start may still take, as far as that is known; asked before INVOKE."""
        self._prefetching: asyncio.Task[None] | None = None
        self._passed: dict[Key, None] = {}
        """What was read while a snapshot is made: after a restore it is read again, once, so that
        it is known to those who hide it, and in the cache."""
        self._guarded = hooks = GuardedHooks(self.hooks, log=log)
        self._clients = Clients(open_source, config=config, clock=clock, hooks=hooks, log=log)
        self._clients.patience_s = self._patience_s
        self._clock = clock
        self._policy = _policy(config, log)
        self._lookup = Lookup(
            policy=self._policy,
            fetch=self._clients.fetch,
            clock=clock,
            draw=draw,
            log=log,
            kept=hooks.kept,
            gone=hooks.gone,
            passed=self._note_passed,
        )
        exchange = Exchange(
            tokens=Tokens(environ, renew=self._clients.session_tokens, clock=clock),
            lookup=self._lookup,
            ready=self._is_ready,
            keeps=lambda: self.keeps,
            json_errors=config.errors == "json",
            clock=clock,
            hooks=hooks,
        )
        self._server = Server(exchange.reply, sockets=sockets, clock=clock, log=log)

    async def start(self) -> None:
        """Serve on the sockets at once."""
        await self._server.start()
        self._log.debug("cache serves", config=as_dict(self._config))

    async def open(self) -> None:
        """Build the AWS clients and prefetch; never raises: a failure is logged."""
        try:
            await self._clients.open(within_s=OPEN_WAIT_S)
        except UpstreamError as error:
            self._log.warning("AWS clients are not ready", reason=error.message)
            return
        if self.keeps:
            await self._prefetch()

    async def invoked(self, invoke: Invoke) -> None:
        """Take note of an invocation: the first one opens the gate, and ends a snapshot."""
        self._deadline_ms = invoke.deadline_ms
        if self._invoked:
            return
        self._invoked = True
        if self._initialization_type == SNAP_START:
            self._prefetching = asyncio.create_task(self._prefetch())

    async def settled(self, *, within_s: float) -> None:
        """Wait until the requests under way are answered."""
        await self._server.settled(within_s=within_s)

    async def settle_calls(self, within_s: float = HOLD_S) -> float:
        """Wait before /next for the calls to AWS under way: a freeze would cut them.

        At most HOLD_S, and never twice for one call; return the seconds that it took.
        """
        if self._initialization_type == MANAGED_INSTANCES:  # never frozen
            return 0.0
        return await self._clients.under_way.settle(within_s=min(within_s, HOLD_S))

    async def resolve(self, reference: str, *, fresh: bool) -> str:
        """Return the value that a reference such as `secretsmanager:name#key` stands for.

        Raises:
            BadReferenceError: it is of no known form.
            UpstreamError: AWS has no value for it.
            UnusableValueError: the value is not text, or has no such key.
        """
        query = read_reference(reference, fresh=fresh)
        reply = response.success(await self._lookup.get(query, keep=self.keeps), query)
        if reply.status != 200:
            raise UnusableValueError(reply.body.decode())
        return reply.body.decode()

    async def close(self) -> None:
        """Stop serving; never hangs: threads that are stuck in a call are left behind."""
        if self._prefetching is not None:
            self._prefetching.cancel()
        self._lookup.close()
        self._clients.close()
        await self._server.close()

    def _patience_s(self) -> float:
        """Return how long a GET may wait for the clients: its caller must be able to say so."""
        if self._invoked:
            left_s = self._clock.now().until_ms(self._deadline_ms)
        else:
            left_s = self.start_left_s()
        return min(left_s * WAIT_SHARE, OPEN_WAIT_S) if left_s > 0 else OPEN_WAIT_S

    def _is_ready(self) -> bool:
        """Whether GETs are answered; Managed Instances have no INVOKE that could open the gate."""
        if self._config.ready == "init" or self._invoked:
            return True
        return self._initialization_type == MANAGED_INSTANCES

    def _note_passed(self, key: Key) -> None:
        if not self.keeps and len(self._passed) < self._policy.size:
            self._passed[key] = None

    @property
    def keeps(self) -> bool:
        """Whether values are kept: not in a snapshot, which lies on AWS's disks for days."""
        return self._invoked or self._initialization_type != SNAP_START

    async def _prefetch(self) -> None:
        keys, unusable = read_list(self._config.prefetch)
        for item in unusable:
            self._log.warning("DISPATCH_CACHE_PREFETCH: entry ignored", entry=item)
        wanted, self._passed = dict.fromkeys([*keys, *self._passed]), {}
        kept = [key for key in wanted if self._policy.keeps(key)][: self._policy.size]
        if len(kept) < len(wanted):
            self._log.warning("prefetch exceeds the cache", listed=len(wanted), fetched=len(kept))
        await prefetch(kept, get=self._lookup.get, log=self._log)


def _policy(config: ParametersConfig, log: Log) -> Policy:
    """Return the cache's rules; a TTL above the limit is told and limited, as AWS's does."""
    wanted = {
        Service.SECRETS_MANAGER: ("SECRETS_MANAGER_TTL", config.secrets_manager_ttl_s),
        Service.SSM: ("SSM_PARAMETER_STORE_TTL", config.ssm_ttl_s),
    }
    for name, ttl_s in wanted.values():
        if ttl_s > config.ttl_limit_s:
            log.warning(
                f"{name} is limited: raise DISPATCH_CACHE_TTL_LIMIT_SECONDS",
                value=ttl_s,
                limit=config.ttl_limit_s,
            )
    return Policy(
        ttl_s={each: min(ttl_s, config.ttl_limit_s) for each, (_, ttl_s) in wanted.items()},
        jitter=config.ttl_jitter,
        max_stale_s=config.max_stale_s,
        size=config.cache_size if config.cache_enabled else 0,
    )
