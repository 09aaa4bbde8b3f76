"""The Extensions API as a script: one response for each connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from tests.waiting import PATIENCE_S


@dataclass
class Api:
    """A server on loopback that sends scripted responses, one for each connection.

    None is no response: it waits until the connection is closed.
    """

    answers: list[bytes | None]
    requests: list[bytes] = field(default_factory=list)
    address: str = ""
    before_answer: Callable[[], object] = lambda: None

    def serve(self, listening: socket.socket) -> None:
        """Send responses until the script ends."""
        for answer in self.answers:
            connection, _ = listening.accept()
            with closing(connection):
                self.requests.append(connection.recv(65_536))
                self.before_answer()
                if answer is None:
                    connection.recv(1)
                else:
                    connection.sendall(answer)


@contextmanager
def api(*answers: bytes | None) -> Iterator[Api]:
    """Run a scripted API."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE_S)
        served = Api(list(answers), address=f"127.0.0.1:{listening.getsockname()[1]}")
        thread = threading.Thread(target=served.serve, args=(listening,))
        thread.start()
        yield served
        thread.join()
