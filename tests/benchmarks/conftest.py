from __future__ import annotations

import sys

from servers import PROJECT

sys.path.append(str(PROJECT / "benchmarks"))
