"""What the programs share: ask every port in a thread of its own, and print the IMEIs as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def ask_each_port(read_imei: Callable[[str], str | None]) -> None:
    """Call ``read_imei`` with each port of the command line; print an object of port to IMEI or null."""
    ports = sys.argv[1:]
    with ThreadPoolExecutor(len(ports)) as threads:
        print(json.dumps(dict(zip(ports, threads.map(read_imei, ports), strict=True))))
