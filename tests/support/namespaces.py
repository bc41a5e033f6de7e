"""The PID namespace in which the tests run."""

from __future__ import annotations

from pathlib import Path

IN_FIRST_PID_NAMESPACE = str(Path("/proc/self/ns/pid").readlink()) == "pid:[4026531836]"
