"""A file is parsed once for each version, and every new version is seen at once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from onlinesim_rent.census.parsed_file import ParsedFile
from onlinesim_rent.census.runtime_directory import RuntimeDirectory
from onlinesim_rent.finding import CensusError


class Parser:
    """Gives a new list for each content, and counts them."""

    def __init__(self) -> None:
        self.parsed: list[bytes] = []

    def __call__(self, content: bytes) -> list[bytes]:
        self.parsed.append(content)
        return [content]


@pytest.fixture
def directory(tmp_path):
    return RuntimeDirectory(tmp_path / "runtime")


@pytest.fixture
def parser():
    return Parser()


@pytest.fixture
def file(directory, parser):
    return ParsedFile(directory, "file", parser)


def test_an_unchanged_file_is_parsed_once(file, directory, parser):
    directory.replace("file", b"one")
    first = file.value()
    assert first == [b"one"]
    assert file.value() is first
    assert parser.parsed == [b"one"]


def test_threads_parse_a_new_version_once(file, directory, parser):
    directory.replace("file", b"one")
    together = Barrier(8)

    def value() -> list[bytes]:
        together.wait()
        return file.value()

    with ThreadPoolExecutor(8) as threads:
        values = [threads.submit(value) for _ in range(8)]
    assert [value.result() for value in values] == [[b"one"]] * 8
    assert parser.parsed == [b"one"]


def test_a_new_version_of_the_same_size_is_seen(file, directory):
    directory.replace("file", b"one")
    assert file.value() == [b"one"]
    directory.replace("file", b"two")
    assert file.value() == [b"two"]


def test_a_new_version_of_the_same_size_and_time_is_seen(file, directory, tmp_path):
    for content in (b"one", b"two"):
        directory.replace("file", content)
        os.utime(tmp_path / "runtime" / "file", ns=(0, 0))
        assert file.value() == [content]


@pytest.mark.parametrize(("content", "time"), [(b"longer", 0), (b"two", 1)], ids=["size", "time"])
def test_a_write_into_the_file_is_seen(file, directory, tmp_path, content, time):
    directory.replace("file", b"one")
    os.utime(tmp_path / "runtime" / "file", ns=(0, 0))
    assert file.value() == [b"one"]
    (tmp_path / "runtime" / "file").write_bytes(content)
    os.utime(tmp_path / "runtime" / "file", ns=(time, time))
    assert file.value() == [content]


def test_a_removed_file_is_not_remembered(file, directory, parser):
    directory.replace("file", b"one")
    assert file.value() == [b"one"]
    directory.remove("file")
    assert file.value() is None
    assert parser.parsed == [b"one"]


def test_a_directory_that_others_may_write_to_is_refused_at_once(file, directory, tmp_path):
    directory.replace("file", b"one")
    assert file.value() == [b"one"]
    (tmp_path / "runtime").chmod(0o777)
    with pytest.raises(CensusError, match=r"RENT_RUNTIME_DIR .* 0700"):
        file.value()


def test_a_link_in_place_of_the_file_is_refused(file, directory, tmp_path):
    directory.replace("file", b"one")
    assert file.value() == [b"one"]
    kept = tmp_path / "runtime" / "kept"
    (tmp_path / "runtime" / "file").rename(kept)
    (tmp_path / "runtime" / "file").symlink_to(kept)
    with pytest.raises(CensusError, match="RENT_RUNTIME_DIR"):
        file.value()
