"""How many files and ports this process may have open."""

from __future__ import annotations

import resource


def allow_descriptors() -> None:
    """Raise the soft limit on open files to the hard limit: a census needs five for each port.

    Called where a program starts, and nowhere else.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
