"""moto's server as a program: prints its address when ready, ends when its stdin does.

A pipe from the parent as stdin means that it cannot outlive the parent, however that ends.
"""

from __future__ import annotations

import sys

try:
    from moto.backends import get_backend
    from moto.server import ThreadedMotoServer
except ImportError as error:
    sys.exit(f"{error}; pip install 'moto[server,ssm,secretsmanager]'")


def main() -> None:
    """Serve Parameter Store and Secrets Manager on a free loopback port."""
    # Importing a service takes a second: before saying ready, not in the first call.
    get_backend("ssm")
    get_backend("secretsmanager")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    print(f"http://{host}:{port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
