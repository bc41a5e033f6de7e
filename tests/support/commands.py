"""Runs the command line, as people run it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from unittest.mock import patch

import pytest
from servers import PATIENCE_SECONDS, environment

from onlinesim_rent.console import main

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


def run_here(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The same in this process, which is quicker: for what no process of its own must show."""
    stdout, stderr = StringIO(), StringIO()
    with (
        patch.dict(os.environ, environment(**variables), clear=True),
        redirect_stdout(stdout),
        redirect_stderr(stderr),
        pytest.raises(SystemExit) as ended,
    ):
        main(arguments, prog_name="onlinesim-rent")
    return subprocess.CompletedProcess(arguments, ended.value.code, stdout.getvalue(), stderr.getvalue())
