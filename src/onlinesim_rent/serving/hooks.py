"""The hooks that gunicorn calls. With them, a wrong setting never ends a running service."""

from __future__ import annotations

import gc
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
"""The exit status of a gunicorn worker that cannot load the application."""


def on_starting(server: Arbiter) -> None:
    """If a setting is wrong, end the start with one message, before a worker fails."""
    if issubclass(server.worker_class, AsyncWorker):
        sys.exit(
            f"the worker class {server.cfg.worker_class_str} replaces select.epoll, which the service needs "
            "to ask the modems; use the worker class of gunicorn.conf.py"
        )
    if status := try_application(server):
        sys.exit(status)
    allow_descriptors()


def when_ready(server: Arbiter) -> None:
    """Let each reload check the settings first: gunicorn has no hook that can refuse a reload."""
    server.reload = partial(reload_if_loadable, server, server.reload)


def post_worker_init(_worker: Worker) -> None:
    """Leave the application out of later garbage collections: each would pause the answers for a moment."""
    gc.collect()
    gc.freeze()


def worker_exit(server: Arbiter, worker: Worker) -> None:
    """End the service if a worker cannot load the application. Gunicorn would restart it for ever."""
    refusal = sys.exception()
    if not worker.booted and isinstance(refusal, SystemExit) and isinstance(refusal.code, str):
        server.log.error(refusal.code)
        sys.exit(CANNOT_LOAD)


def reload_if_loadable(server: Arbiter, reload: Callable[[], None]) -> None:
    """Reload, but if the new settings are wrong, keep the present workers."""
    if try_application(server):
        server.log.error(
            "not reloaded, because the application cannot be loaded; the old workers keep serving"
        )
    else:
        reload()


def try_application(server: Arbiter) -> int:
    """Load the application in a new process, which prints what is wrong; return its exit status.

    Not in this process: after a reload, every worker would still have the modules that were loaded here.
    """
    load = "import sys; from gunicorn.util import import_app; import_app(sys.argv[1])"
    command = [sys.executable, "-c", load, server.app.app_uri]
    paths = os.pathsep.join(str(Path(path).absolute()) for path in sys.path)
    environ = {**os.environ, "PYTHONPATH": paths}
    # That process answers no request, so it needs no metrics file.
    environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    # What it says goes through our log: a full pipe whose reader has stopped would hold up this process.
    tried = subprocess.run(
        command, env=environ, check=False, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    if words := tried.stderr.strip():
        server.log.log(logging.ERROR if tried.returncode else logging.WARNING, "%s", words)
    return tried.returncode
