"""Runs the command line, as people run it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from servers import PATIENCE_SECONDS, environment

ONLINESIM_RENT = [sys.executable, "-m", "onlinesim_rent"]


def run(
    *arguments: str, command: Sequence[str] = ONLINESIM_RENT, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *arguments],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
