"""Gunicorn's settings for the service, each with its reason. The code is in onlinesim_rent/serving/."""

import os

from onlinesim_rent.serving.hooks import (  # noqa: F401 - gunicorn calls them
    on_starting,
    post_worker_init,
    when_ready,
    worker_exit,
)
from onlinesim_rent.serving.request_log import FORMAT, RequestLogger

# With it, the command `gunicorn` in this directory runs the service.
wsgi_app = "wsgi:app"
proc_name = "onlinesim-rent"

# Loopback: a proxy in front of the service does TLS.
bind = os.environ.get("RENT_BIND") or "127.0.0.1:8000"

# Two workers answered 3.4 times as many requests as one: unpacking and JSON hold the interpreter lock.
# Gunicorn has already read this variable. The settings check that it is at least one.
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
# In this class, a client that sends its request slowly takes no thread.
worker_class = "onlinesim_rent.serving.worker.HeadFirstWorker"
# The marketplace's test sends 30 requests at once. All may reach one worker, and all may wait for one census.
threads = 32

# A worker's main loop sends a heartbeat every second. A worker without one for this long hangs.
timeout = 15
# Longer than the marketplace's 10 seconds, so a request in progress survives a reload.
graceful_timeout = 12
# The marketplace asks every two minutes, so only the connections of a burst are worth keeping open.
keepalive = 5

# The contract's request has one short request line and, through a proxy, about twenty header fields.
limit_request_line = 2048
limit_request_fields = 64
limit_request_field_size = 4096

# The service uses no header that a proxy forwards, so a client gains nothing by forging one:
# it changes neither the scheme nor the path, and two contradicting headers cause no error.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}

# The heartbeat file is in memory, because gunicorn would kill a worker that waits for a slow disk.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - unlinked once it is open

# Signals are enough to control gunicorn, so it need not listen on a control socket.
control_socket_disable = True

# If the level is wrong, use "info" here: the settings' own check then reports the wrong level.
loglevel = os.environ.get("RENT_LOG_LEVEL", "").strip().lower()
if loglevel not in {"debug", "info", "warning", "error", "critical"}:
    loglevel = "info"
logger_class = RequestLogger
# This only turns the access log on; its handler is set below.
accesslog = "-"
access_log_format = FORMAT
# Requests go to stdout, everything else to stderr. The handler never waits for a reader.
HANDLER = "onlinesim_rent.serving.background_log.BackgroundHandler"
logconfig_dict = {
    "root": {"level": loglevel.upper(), "handlers": ["stderr"]},
    "loggers": {
        "gunicorn.error": {"level": loglevel.upper(), "propagate": True},
        "gunicorn.access": {"level": "INFO", "handlers": ["stdout"], "propagate": False},
        # The check at the start has already logged these warnings; each worker would log them again.
        "onlinesim_rent.settings": {"level": "ERROR"},
        "onlinesim_rent.censuses": {"level": "ERROR"},
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
