"""The parameters cache as a whole, and its life cycle: start, open, invocations, SHUTDOWN.

Requests are accepted from `start` on. Those that arrive before the AWS clients exist wait for them;
the first one builds them if `open` has not begun to.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from extension.aws.call import Service, Source
from extension.aws.errors import UpstreamError
from extension.parameters import response
from extension.parameters.access import Tokens
from extension.parameters.flights import CallerWaits
from extension.parameters.hooks import Hooks
from extension.parameters.keys import Key
from extension.parameters.lazy_clients import OPEN_WAIT_S, LazyClients
from extension.parameters.lookup import Lookup, Policy
from extension.parameters.references import (
    UnusableValueError,
    prefetch,
    read_list,
    read_reference,
)
from extension.parameters.server import Exchange, Server
from extension.parameters.time_left import TimeLeft
from extension.platform.events import Invoke, Job
from extension.process.clock import Clock
from extension.process.frozen import as_dict
from extension.process.ids import draw
from extension.process.log import Log
from extension.settings.parameters import PREFETCHED, ParametersConfig
from extension.settings.process import LambdaConfig, LocalConfig

if TYPE_CHECKING:
    from extension.parameters.rotations import Rotations

HOLD_S = 1.0
"""Longest that /next waits for calls to AWS; a call that a freeze cuts is repeated."""


class Parameters(Job):
    """The localhost cache; `hooks` may be assigned to at any time. `local`: outside Lambda."""

    def __init__(
        self,
        config: ParametersConfig,
        *,
        sandbox: LambdaConfig,
        environ: Mapping[str, str],
        clock: Clock,
        log: Log,
        sockets: Sequence[socket.socket],
        open_source: Callable[[], Source],
        local: LocalConfig | None = None,
    ) -> None:
        self.hooks = hooks = Hooks(log=log)
        self._config = config
        self._sandbox = sandbox
        self._log = log
        self.time = TimeLeft(clock=clock, is_managed=sandbox.is_managed)
        self._prefetching: asyncio.Task[None] | None = None
        self._uncached: dict[Key, None] = {}
        """Keys that were read before a snapshot. They are read again, once, after the restore: then
        their values are cached, and the redactor knows them."""
        self._clients = LazyClients(open_source, config=config, clock=clock, hooks=hooks, log=log)
        self._clients.patience_s = self.time.for_clients_s
        self._clients.call_s = self.time.for_call_s
        self._waits = CallerWaits(self.time.for_caller_s, clock=clock)
        self._clients.on_open = self._waits.restart
        self._clock = clock
        self._policy = _policy(config, log)
        self._lookup = Lookup(
            policy=self._policy,
            fetch=self._clients.fetch,
            fetch_ahead=self._clients.fetch_ahead,
            has_time=self.time.has_time_ahead,
            waits=self._waits,
            clock=clock,
            draw=draw,
            log=log,
            kept=hooks.kept,
            gone=hooks.gone,
            bypassed=self._note_uncached,
            rotations=self._rotations() if config.rotation else None,
        )
        self._is_local = local is not None
        self._tokens = self._tokens_for(local, environ)
        exchange = Exchange(
            tokens=self._tokens,
            lookup=self._lookup,
            ready=self._is_ready,
            keeps=lambda: self.keeps,
            json_errors=config.errors == "json",
            decrypt=config.decrypt,
            from_near=bool(local and local.bind),
            clock=clock,
            hooks=hooks,
        )
        self._server = Server(exchange.reply, sockets=sockets, clock=clock, log=log)

    async def start(self) -> None:
        """Begin to accept requests."""
        await self._server.start()
        if self._is_local and not self._tokens.are_known:
            self._log.warning("no token: every GET is refused; set DISPATCH_TOKEN_FILE")
        self._log.debug("cache serves", config=as_dict(self._config))

    async def open(self) -> None:
        """Build the AWS clients and prefetch; a failure is logged, not raised."""
        try:
            await self._clients.open(within_s=OPEN_WAIT_S)
        except UpstreamError as error:
            self._log.warning("AWS clients are not ready", reason=error.message)
            return
        if self.keeps:
            await self._prefetch()

    def announced(self, invoke: Invoke) -> None:
        """Note an invocation: from the first one on, GETs are served, and values are cached.

        Its deadline holds for GETs that came before we heard of it, too.
        """
        is_first = not self.time.was_invoked
        self.time.announced(invoke.deadline_ms)
        self._waits.restart()
        if is_first and self._sandbox.is_snapshot:
            self._prefetching = asyncio.create_task(self._prefetch())

    def invoked_before(self, invoke: Invoke, *, at_ns: int) -> None:
        """Note an invocation that was let go before the cache was open; it may still run."""
        del at_ns
        self.announced(invoke)

    async def settled(self, *, within_s: float) -> None:
        """Wait until the requests under way are answered."""
        await self._server.settled(within_s=within_s)

    async def settle_calls(self, within_s: float = HOLD_S) -> float:
        """Wait before /next for the calls to AWS that are under way: a freeze would cut them.

        Wait at most HOLD_S, and for each call only once; return the seconds that it took.
        """
        if self._sandbox.is_managed:  # never frozen
            return 0.0
        return await self._clients.under_way.settle(within_s=min(within_s, HOLD_S))

    async def read_again(self) -> None:
        """Wait until what was read before a snapshot is read again, PREFETCH_S at most.

        Only the first invocation after the restore begins it, so there is no wait before.
        """
        if self._prefetching is not None and not self._prefetching.done():
            await asyncio.wait([self._prefetching])

    async def resolve(self, reference: str, *, fresh: bool) -> str:
        """Return the value of a reference such as `secretsmanager:name#key`.

        Raises:
            BadReferenceError: it has no known form.
            UpstreamError: AWS has no value for it.
            UnusableValueError: the value is not text, or has no such key.
        """
        query = read_reference(reference, fresh=fresh)
        reply = response.success(await self._lookup.get(query, keep=self.keeps), query)
        if reply.status != 200:
            raise UnusableValueError(reply.body.decode())
        return reply.body.decode()

    def _tokens_for(self, local: LocalConfig | None, environ: Mapping[str, str]) -> Tokens:
        renew, clock = self._clients.session_tokens, self._clock
        if local is None:
            return Tokens(environ, renew=renew, clock=clock)
        from extension.parameters.token_file import token_file  # noqa: PLC0415  # outside Lambda

        in_file = token_file(environ, bound=bool(local.bind), log=self._log)
        return Tokens(environ, renew=renew, clock=clock, in_file=in_file)

    def _rotations(self) -> Rotations:
        from extension.parameters.rotations import Rotations  # noqa: PLC0415  # only where wanted

        return Rotations(
            self._clients.next_rotation, size=self._policy.size, clock=self._clock, log=self._log
        )

    def _is_ready(self) -> bool:
        """Whether GETs are served; Managed Instances have no INVOKE to wait for."""
        if self._config.ready == "init" or self.time.was_invoked:
            return True
        return self._sandbox.is_managed

    def _note_uncached(self, key: Key) -> None:
        if not self.keeps and len(self._uncached) < self._policy.size:
            self._uncached[key] = None

    @property
    def keeps(self) -> bool:
        """Whether values are cached: not before a snapshot, which AWS keeps on disk for days."""
        return self.time.was_invoked or not self._sandbox.is_snapshot

    async def _prefetch(self) -> None:
        keys, unusable = read_list(self._config.prefetch, decrypt=self._config.decrypt)
        for item in unusable:
            cause = f"DISPATCH_CACHE_PREFETCH: {item} is ignored; allowed: {PREFETCHED}"
            self._log.warning("configuration", cause=cause)
        listed, self._uncached = dict.fromkeys([*keys, *self._uncached]), {}
        kept = [key for key in listed if self._policy.keeps(key)][: self._policy.size]
        if len(kept) < len(listed):
            self._log.warning("prefetch exceeds the cache", listed=len(listed), fetched=len(kept))
        await prefetch(kept, get=self._lookup.get, log=self._log)


def _policy(config: ParametersConfig, log: Log) -> Policy:
    """Return the cache's policy; a TTL above the limit is reported and limited, as by AWS's."""
    configured = {
        Service.SECRETS_MANAGER: ("SECRETS_MANAGER_TTL", config.secrets_manager_ttl_s),
        Service.SSM: ("SSM_PARAMETER_STORE_TTL", config.ssm_ttl_s),
    }
    for name, ttl_s in configured.values():
        if ttl_s > config.ttl_limit_s:
            limit = f"{config.ttl_limit_s}; raise DISPATCH_CACHE_TTL_LIMIT_SECONDS"
            log.warning("configuration", cause=f"{name} = '{ttl_s}' is limited to {limit}")
    return Policy(
        ttl_s={each: min(ttl_s, config.ttl_limit_s) for each, (_, ttl_s) in configured.items()},
        jitter=config.ttl_jitter,
        ahead=config.refresh_ahead,
        missing_s=config.negative_ttl_s,
        max_stale_s=config.max_stale_s,
        size=config.cache_size if config.cache_enabled else 0,
    )
