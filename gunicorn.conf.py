"""How gunicorn runs the service: each setting with its reason. The code is in onlinesim_rent/serving/."""

import os

from onlinesim_rent.serving.hooks import on_starting, when_ready, worker_exit  # noqa: F401 - gunicorn calls them
from onlinesim_rent.serving.request_log import FORMAT, RequestLogger

# So that `gunicorn` alone, beside this file, runs the service.
wsgi_app = "wsgi:app"
proc_name = "onlinesim-rent"

# Loopback, because TLS is the business of a proxy in front.
bind = os.environ.get("RENT_BIND") or "127.0.0.1:8000"

# Two workers answered 3.4 times as many requests as one: unpacking and JSON hold a process's lock.
# Gunicorn itself has read the number by now. The settings check that it is at least one.
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
# A client that sends its request slowly gets no thread.
worker_class = "onlinesim_rent.serving.worker.HeadFirstWorker"
# The marketplace's test is 30 requests at once. All may come to one worker, and all may wait for one census.
threads = 32

# A worker's main loop beats every second whatever its threads do; one that has not for this long hangs.
timeout = 15
# A request in flight ends within the marketplace's 10 seconds and survives a reload.
graceful_timeout = 12
# The marketplace comes every two minutes: nothing to keep open but the connections of a burst.
keepalive = 5

# The contract's request has one short line and, through a proxy, some twenty fields.
limit_request_line = 2048
limit_request_fields = 64
limit_request_field_size = 4096

# Nothing here depends on what a proxy forwards, so no client can change anything by forging it:
# neither the scheme, nor the path, nor an error when two such fields disagree.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}

# The heartbeat file belongs in memory: a slow disk would end a worker.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - unlinked once it is open

# Nobody steers it but by signals, so it need not listen for more.
control_socket_disable = True

# The settings' own check names a wrong level, and must not fail before it does.
loglevel = os.environ.get("RENT_LOG_LEVEL", "").strip().lower()
if loglevel not in {"debug", "info", "warning", "error", "critical"}:
    loglevel = "info"
logger_class = RequestLogger
# Gunicorn asks whether there is an access log; where it goes is set below.
accesslog = "-"
access_log_format = FORMAT
# Requests to stdout and everything else to stderr, never waiting for whoever reads them.
HANDLER = "onlinesim_rent.serving.background_log.BackgroundHandler"
logconfig_dict = {
    "root": {"level": loglevel.upper(), "handlers": ["stderr"]},
    "loggers": {
        "gunicorn.error": {"level": loglevel.upper(), "propagate": True},
        "gunicorn.access": {"level": "INFO", "handlers": ["stdout"], "propagate": False},
        # The check at the start has already named the unknown variables; each worker would name them again.
        "onlinesim_rent.settings": {"level": "ERROR"},
    },
    "handlers": {
        "stderr": {"class": HANDLER, "formatter": "generic", "stream": "ext://sys.stderr"},
        "stdout": {"class": HANDLER, "formatter": "bare", "stream": "ext://sys.stdout"},
    },
    "formatters": {
        "generic": {
            "format": "%(asctime)s [%(process)d] [%(levelname)s] %(message)s",
            "datefmt": "[%Y-%m-%d %H:%M:%S %z]",
        },
        "bare": {"format": "%(message)s"},
    },
}
