"""Raises the number of files and ports that this process may open."""

from __future__ import annotations

import resource


def allow_descriptors() -> None:
    """Raise the soft limit on open files to the hard limit: a census needs five for each port.

    Only a program's start calls this.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
