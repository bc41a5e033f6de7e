"""What the service does where gunicorn calls it: no wrong setting ends a service that runs."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gunicorn.workers.base_async import AsyncWorker

from onlinesim_rent.descriptors import allow_descriptors

if TYPE_CHECKING:
    from collections.abc import Callable

    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker

CANNOT_LOAD = 4
"""The exit status with which a worker of gunicorn's says that the application cannot be loaded."""


def on_starting(server: Arbiter) -> None:
    """End the start with one message when a setting is wrong, before a worker fails of it."""
    if issubclass(server.worker_class, AsyncWorker):
        sys.exit(
            f"the worker class {server.cfg.worker_class_str} replaces select.epoll, without which no modem "
            "can be asked; use the one of gunicorn.conf.py"
        )
    if status := try_application(server):
        sys.exit(status)
    allow_descriptors()


def when_ready(server: Arbiter) -> None:
    """Check the settings before each reload: gunicorn has no hook that can refuse one."""
    server.reload = partial(reload_if_loadable, server, server.reload)


def worker_exit(server: Arbiter, worker: Worker) -> None:
    """End the service when a worker cannot load it, instead of starting that worker again and again."""
    refusal = sys.exception()
    if not worker.booted and isinstance(refusal, SystemExit) and isinstance(refusal.code, str):
        server.log.error(refusal.code)
        sys.exit(CANNOT_LOAD)


def reload_if_loadable(server: Arbiter, reload: Callable[[], None]) -> None:
    """Keep the workers that serve when the new settings are wrong."""
    if try_application(server):
        server.log.error("not reloaded, because the application cannot be loaded; the old workers go on")
    else:
        reload()


def try_application(server: Arbiter) -> int:
    """Load the application in a process of its own, which says what is wrong; return its exit status.

    Not in this process: a module that is loaded here would stay the old one in every worker after a reload.
    """
    load = "import sys; from gunicorn.util import import_app; import_app(sys.argv[1])"
    command = [sys.executable, "-c", load, server.app.app_uri]
    paths = os.pathsep.join(str(Path(path).absolute()) for path in sys.path)
    environ = {**os.environ, "PYTHONPATH": paths}
    # It answers nobody, so it has nothing to count.
    environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    # What it says goes through our log: a full pipe whose reader has stopped would hold up this process.
    tried = subprocess.run(
        command, env=environ, check=False, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    if words := tried.stderr.strip():
        server.log.log(logging.ERROR if tried.returncode else logging.WARNING, "%s", words)
    return tried.returncode
