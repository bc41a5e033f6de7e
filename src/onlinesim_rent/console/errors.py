"""What goes wrong for a person at the keyboard: one sentence, and exit status 1."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from onlinesim_rent.configuration_error import ConfigurationError
from onlinesim_rent.finding import CensusError


@contextmanager
def explained() -> Iterator[None]:
    """Show an error of the settings or of a census as one sentence."""
    try:
        yield
    except (ConfigurationError, CensusError) as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def printed() -> Iterator[None]:
    """Make an error of output that cannot be written; a reader that has gone is click's to handle."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        # Python would try again at its end, and fail with a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.ClickException(f"the output cannot be written: {error.strerror}") from error
