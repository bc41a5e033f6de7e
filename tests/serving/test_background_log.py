"""Log lines that wait for their reader: kept in order, dropped when too many, and never waited for."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from typing import IO

import pytest
from servers import Lines

from onlinesim_rent.serving import background_log
from onlinesim_rent.serving.background_log import MOST_LINES, BackgroundHandler


@pytest.fixture
def pipe() -> Iterator[tuple[IO[str], IO[str]]]:
    """Both ends of a pipe that holds one page."""
    read, write = os.pipe()
    with open(read) as reader, open(write, "w") as writer:
        yield reader, writer


@pytest.fixture
def log(pipe) -> Iterator[logging.Logger]:
    logger = logging.getLogger(__name__)
    handler = BackgroundHandler(pipe[1])
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)
    # The handler's thread has its descriptor, whose number may soon be another's.
    background_log._writers.pop(pipe[1].fileno()).finish()


def test_lines_are_written_in_order(log, pipe):
    for number in range(5):
        log.warning("line %d of %s", number, "é")
    lines = [pipe[0].readline() for _ in range(5)]
    assert lines == [f"line {number} of é\n" for number in range(5)]


def test_lost_log_lines_are_counted_and_reported_later(log, pipe):
    total = 3 * MOST_LINES
    for number in range(total):
        log.warning("%d %s", number, "x" * 1000)

    reader = Lines(pipe[0])
    # By then most of the lines that were kept are read.
    reader.until(rf"(?m)^{MOST_LINES - 1} x")
    log.warning("the last")
    reader.until("the last\n")

    kept = [int(number) for number in re.findall(r"^(\d+) x", reader.text, re.MULTILINE)]
    assert kept[:MOST_LINES] == list(range(MOST_LINES))
    # On a busy machine the pipe takes some of the later lines, once the thread has had its turn.
    assert kept == sorted(set(kept))
    assert len(kept) < total
    assert reader.text.endswith(
        f"\n{total - len(kept)} log lines were dropped, because nobody read the log\nthe last\n"
    )


def test_a_reader_that_has_gone_is_no_error(log, pipe, capfd):
    pipe[0].close()
    log.warning("nobody reads this")
    log.warning("nor this")
    assert capfd.readouterr().err == ""
