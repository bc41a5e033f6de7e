"""What a benchmark tells while it runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

Tell = Callable[[str], None]
"""Is told what is measured next."""


def teller() -> Tell:
    """Return what writes to standard error, with the minutes and seconds since now."""
    began = time.monotonic()

    def tell(what: str) -> None:
        minutes, seconds = divmod(round(time.monotonic() - began), 60)
        print(f"{minutes}:{seconds:02} {what}", file=sys.stderr, flush=True)

    return tell
