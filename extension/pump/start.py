"""Starts the pump as a process of its own, listening before it returns.

The process is a fork, made before anything but built-in modules is imported: that takes a
millisecond, and shares the memory of the interpreter. It stays in the extension's process group,
holds none of its files, and ends by itself (`pump`). The marker is written last, so the wrapper
never finds a pump that does not listen. Built-in modules only.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # built in, unlike signal
import _socket
import gc
import os

from extension.pump.marker import Marker
from extension.pump.pump import Pump, accepts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from extension.pump.pump import SocketAddress

HOST = "127.0.0.1"
PR_SET_DUMPABLE = 4
BACKLOG = 4096
PROCESS_NAME = b"dispatch-tap"
IGNORED_SIGNALS = ("SIGHUP", "SIGINT", "SIGTERM")
"""Sent to a whole process group; the runtime may need the pump while it ends."""


def start_pump(api: str, *, addresses: list[SocketAddress], port: int) -> _socket.socket:
    """Start the pump for a Runtime API and return the end of the channel that brings the copies.

    `api`: as `AWS_LAMBDA_RUNTIME_API` has it; `addresses`: what it resolves to. `port`: where the
    pump listens, if possible; 0 for any port.

    Raises:
        OSError, ValueError: it cannot start; nothing listens, and the wrapper finds no marker.
    """
    marker = Marker(api)
    marker.remove()
    listener = _listen(port)
    reading, writing = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    pump = Pump(listener=listener, upstream=_upstream(addresses), channel=writing, marker=marker)
    where = f"{HOST}:{listener.getsockname()[1]}"
    try:
        pid = os.fork()
        if pid == 0:
            _become(pump)
    finally:
        pump.forget()
    try:
        marker.write(where, pid=pid)
    except (OSError, ValueError):
        os.kill(pid, _signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    return reading


def _upstream(addresses: list[SocketAddress]) -> SocketAddress:
    """Return where the Runtime API is: of several addresses, one that accepts connections."""
    if len(addresses) == 1:
        return addresses[0]
    return next(filter(accepts, addresses), addresses[0])


def _listen(port: int) -> _socket.socket:
    """Listen on a port, or on any other if it is taken; raises OSError."""
    try:
        return _listen_on(port)
    except OSError:
        return _listen_on(0)


def _listen_on(port: int) -> _socket.socket:
    listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    try:
        listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _become(pump: Pump) -> None:
    """Be the process of the pump; never returns."""
    try:
        for name in IGNORED_SIGNALS:
            _signal.signal(getattr(_signal, name), _signal.SIG_IGN)
        _let_go(pump.descriptors)
        _name_process()
        _be_private()
        _raise_limit()
        # What was there before the fork stays shared, as the collector does not touch it.
        gc.freeze()
        gc.enable()
        pump.run()
    finally:
        os._exit(0)


def _let_go(kept: set[int]) -> None:
    """Hold no files or folders of others: what waits for their end must not wait for us."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  # pathlib is not built in
        if int(name) > 2 and int(name) not in kept:
            try:
                os.close(int(name))
            except OSError:
                continue  # that of listdir itself
    os.chdir("/")


def _name_process() -> None:
    """Show another name than the extension's in lists of processes."""
    try:
        descriptor = os.open("/proc/self/comm", os.O_WRONLY)
    except OSError:
        return
    try:
        os.write(descriptor, PROCESS_NAME)
    finally:
        os.close(descriptor)


def _be_private() -> None:
    """Keep what passes out of core dumps and from other processes, as `private_memory` does.

    That takes ctypes, which is a megabyte; what ctypes is made of does as well.
    """
    try:
        import resource  # noqa: PLC0415  # beside the start of the rest

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        import _ctypes  # noqa: PLC0415  # likewise

        prctl = _ctypes.dlsym(_ctypes.dlopen(None, 0), "prctl")  # type: ignore[arg-type]
        _ctypes.call_function(prctl, (PR_SET_DUMPABLE, 0, 0, 0, 0))
    except (ImportError, OSError, ValueError, AttributeError):
        return  # this Python lacks what that takes


def _raise_limit() -> None:
    """Be able to open as many connections as a runtime that raises its own limit."""
    try:
        import resource  # noqa: PLC0415  # loaded by now, where this Python has it

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ImportError, OSError, ValueError):
        return
