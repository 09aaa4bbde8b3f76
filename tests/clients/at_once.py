"""GET a URL many times at once, each from a thread of its own; print the answers by status."""

from __future__ import annotations

import json
import os
import sys
import threading
import urllib.error
import urllib.request
from collections import Counter

counts: Counter[str] = Counter()


def get() -> None:
    """Take note of one answer."""
    headers = {"X-Aws-Parameters-Secrets-Token": os.environ["AWS_SESSION_TOKEN"]}
    request = urllib.request.Request(os.environ["URL"], headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            answer.read()
            counts[str(answer.status)] += 1
    except OSError as error:
        counts[str(getattr(error, "code", error))] += 1


threading.stack_size(256 * 1024)
threads = [threading.Thread(target=get) for _ in range(int(sys.argv[1]))]
for each in threads:
    each.start()
for each in threads:
    each.join()
sys.stdout.write(json.dumps(counts))
