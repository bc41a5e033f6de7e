"""Says on what the figures were measured."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("onlinesim-rent", "flask", "gunicorn", "pyserial")
PROGRAMS = {"gammu": "--version", "nginx": "-v", "wrk": "-v"}


def machine() -> str:
    """Return a paragraph: processors, memory, system, and the versions of all that took part."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    parts = [
        f"{os.cpu_count()} processors ({_processor()})",
        f"{memory:.0f} GB of memory",
        f"Linux {platform.release().partition('-')[0]}",
        f"Python {platform.python_version()}",
        *(f"{library} {version(library)}" for library in LIBRARIES),
        *(f"{program} {found}" for program in PROGRAMS if (found := _version_of(program))),
    ]
    return ", ".join(parts)


def _processor() -> str:
    named = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return named[1] if named else platform.machine()


def _version_of(program: str) -> str:
    """Return the version that a program tells; empty if it is not installed."""
    path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
    if not path:
        return ""
    told = subprocess.run(
        [path, PROGRAMS[program]], check=False, capture_output=True, text=True, errors="replace"
    )
    found = re.search(r"\d+\.\d+(\.\d+)*", told.stdout + told.stderr)
    return found[0] if found else ""
