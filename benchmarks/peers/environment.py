"""A virtual environment for the library of a peer, outside the tree."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


class EnvironmentFailed(Exception):
    """The environment cannot be made. The text is a sentence that says why."""


def cache_directory() -> Path:
    """Return where environments are kept from one run to the next (XDG Base Directory Specification)."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache, "onlinesim-rent", "benchmarks")


def python_with(requirements: Sequence[str], directory: Path) -> Path:
    """Return the Python of an environment with these requirements; make what is missing of it.

    Raises EnvironmentFailed.
    """
    wanted, python = " and ".join(requirements), directory / "bin" / "python"
    print(f"Looking for {wanted} in {directory} ...", file=sys.stderr, flush=True)
    # This Python's own pip fills it: it need not hold one, and is made in a moment.
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "-qq"]
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(directory)], check=True)
        subprocess.run([*pip, "install", *requirements], check=True)
    except subprocess.CalledProcessError:
        raise EnvironmentFailed(f"pip cannot install {wanted}: is there a network?") from None
    return python
