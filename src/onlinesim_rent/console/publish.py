"""``onlinesim-rent publish``: publishes this host's ports for the other hosts of its fleet."""

from __future__ import annotations

import logging
import signal
import sys

import click

from onlinesim_rent.censuses import publisher
from onlinesim_rent.console import exit_status
from onlinesim_rent.console.errors import explained
from onlinesim_rent.descriptors import allow_descriptors
from onlinesim_rent.settings import Settings

_LINE = "[%(process)d] [%(levelname)s] %(message)s"
"""A line of the log; the journal adds the time."""


class WrongSettings(click.ClickException):
    """The settings are wrong, so a restart cannot help."""

    exit_code = exit_status.WRONG_SETTINGS


@click.command()
def publish() -> None:
    """Publish this host's ports for other hosts, until it is ended.

    They meet in the Redis of RENT_REDIS_URL.

    \b
    Example:
      RENT_HOST_NAME=pool-1 onlinesim-rent publish
    """  # noqa: D301 - click's \b keeps the lines of the example
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with explained(WrongSettings):
        settings = Settings.from_env(needs_key=False)
        logging.basicConfig(level=settings.log_level.upper(), format=_LINE, stream=sys.stderr)
        allow_descriptors()
        published = publisher(settings)
    published.run()
