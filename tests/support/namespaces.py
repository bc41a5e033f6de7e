"""Mount and PID namespaces, where this user may make them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

_MAY_UNSHARE = (
    subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "true"], stderr=subprocess.DEVNULL, check=False
    ).returncode
    == 0
)
needs_namespaces = pytest.mark.skipif(not _MAY_UNSHARE, reason="this user may not make namespaces")

IN_FIRST_PID_NAMESPACE = str(Path("/proc/self/ns/pid").readlink()) == "pid:[4026531836]"
