"""Shows errors to a person at the keyboard, each as one sentence."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from onlinesim_rent.configuration_error import ConfigurationError
from onlinesim_rent.finding import CensusError


@contextmanager
def explained(kind: type[click.ClickException] = click.ClickException) -> Iterator[None]:
    """Show an error of the settings or of a census as one sentence. ``kind`` has the exit status."""
    try:
        yield
    except (ConfigurationError, CensusError) as error:
        raise kind(str(error)) from error


@contextmanager
def printed() -> Iterator[None]:
    """Show an error if the output cannot be written. Click handles a reader that has gone."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        # Otherwise, Python tries again when it ends, and fails with a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.ClickException(f"the output cannot be written: {error.strerror}") from error
