"""The exit statuses for scripts. Click has two more: 1 for an error, and 2 for a wrong command line."""

import os

NOTHING_AVAILABLE = 3
WRONG_SETTINGS = os.EX_CONFIG
"""Only of ``publish``: systemd restarts it after any other error, a traceback (1) included."""

INTERRUPTED = 130
"""As a shell reports a program that Ctrl-C (SIGINT) has ended: 128 and the signal's number."""
