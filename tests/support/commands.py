"""Runs the command line, as people run it."""

from __future__ import annotations

import subprocess
import sys

from servers import PATIENCE_SECONDS, environment

ONLINESIM_RENT = [sys.executable, "-m", "onlinesim_rent"]


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ONLINESIM_RENT, *arguments],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
